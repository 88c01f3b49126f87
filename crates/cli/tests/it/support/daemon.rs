//! A server of others that runs beside a test, says what it has to say into a file, and does not outlive the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it is ready. Generous: the machine may be busy building.
const READY: Duration = Duration::from_secs(120);

/// A running server. Killed when it is dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a command, with its output in the file `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let out = File::create(log).expect("a log");
        let err = out.try_clone().expect("a second handle");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Waits until `ready` has an answer.
    #[track_caller]
    pub fn wait_for<T>(&mut self, mut ready: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + READY;
        loop {
            let said = std::fs::read(&self.log).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            if let Some(answer) = ready(&said) {
                return answer;
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none() && Instant::now() < deadline, "not ready ({ended:?}): {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
