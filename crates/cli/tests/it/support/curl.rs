//! curl, as a device's client would be run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use super::child::clean;

/// What the server said, and what curl made of it.
#[derive(Debug)]
pub struct Reply {
    /// curl's own exit status.
    pub exit: i32,
    /// The last status on the wire.
    pub status: u16,
    /// The headers of the last answer, names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Runs `curl ARGS URL`, with the body in `body`.
pub fn curl<S: AsRef<OsStr>>(
    home: &Path,
    body: &Path,
    args: impl IntoIterator<Item = S>,
    url: &str,
) -> Reply {
    let dump = tempfile::NamedTempFile::new_in(home).expect("a file for the headers");
    let mut command = Command::new("curl");
    clean(&mut command, home);
    command.args([
        "--disable",
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--max-time",
        "120",
        "--dump-header",
    ]);
    command.arg(dump.path()).arg("--output").arg(body).args(args).arg(url);
    let output = command.output().expect("curl starts");
    let text = std::fs::read_to_string(dump.path()).expect("the headers");
    let last = text.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let mut lines = last.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let complaint = String::from_utf8_lossy(&output.stderr);
    Reply {
        exit: output.status.code().unwrap_or(-1),
        status: status.unwrap_or_else(|| panic!("no answer from {url}: {complaint}")),
        headers: headers.collect(),
    }
}
