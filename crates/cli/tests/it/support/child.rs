//! A `firmhold` process that runs beside the test, says on one line of JSON where it is to be found, and does
//! not outlive the test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// How long a process may take until it says that it is ready. Generous: the machine may be busy building.
const READY: Duration = Duration::from_secs(120);

/// The built binary, with nothing of the caller's AWS or Firmhold settings, at home in `home`.
pub fn firmhold(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firmhold"));
    clean(&mut command, home);
    command
}

/// Takes the caller's AWS and Firmhold settings away from a command.
pub fn clean(command: &mut Command, home: &Path) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("FIRMHOLD_")) {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env_remove("XDG_CONFIG_HOME").stdin(Stdio::null());
    // A proxy of the machine's has no business on loopback.
    command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
    // IMDS is asked when no credentials are found; there is none here.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
}

/// A running process. Killed when it is dropped.
pub struct Running {
    child: Child,
    /// What it said when it was ready.
    pub ready: Value,
}

impl Running {
    /// Starts a command that prints one line of JSON when it is ready, and waits for that line.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let out = child.stdout.take().expect("its output is piped");
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Nobody waits for the lines after the first, but a full pipe would stop the process.
                let _ = send.send(line);
            }
        });
        let line = receive.recv_timeout(READY);
        let mut running = Self { child, ready: Value::Null };
        let line =
            line.unwrap_or_else(|_| panic!("{command:?} said nothing: {:?}", running.child.try_wait()));
        running.ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        running
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is ours")
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.child.wait().expect("it is ours");
    }

    /// Its highest memory so far, in KiB, as the system counts it; 0 where the system does not say.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
    }

    /// A text that it said when it was ready.
    pub fn said(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.ready))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
