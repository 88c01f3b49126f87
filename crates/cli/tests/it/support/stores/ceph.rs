//! Ceph's gateway, started by the script that `cargo xtask bench push` uses too.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{ForeignStore, folder};

/// Starts one.
pub fn start() -> ForeignStore {
    let folder = folder();
    let node = Node::start(&folder.path().join("ceph"));
    let said = |field: &str| node.said[field].as_str().unwrap_or_else(|| panic!("no {field}")).to_owned();
    ForeignStore {
        url: said("url"),
        region: "us-east-1",
        access_key: said("access_key"),
        secret_key: said("secret_key"),
        encrypts: false,
        prefix: None,
        folder,
        _running: vec![Box::new(node)],
    }
    .with_bucket()
}

/// The running script. It ends its daemons when its standard input ends, also if this process is killed.
struct Node {
    script: Child,
    said: Value,
}

impl Node {
    fn start(folder: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/ceph.sh");
        let mut command = Command::new(script);
        let mut script = command
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut out = BufReader::new(script.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let said = serde_json::from_str(&line).unwrap_or_else(|error| {
            let mut rest = String::new();
            let _ = out.read_to_string(&mut rest);
            panic!("Ceph does not start: {error}: {line}{rest}")
        });
        Self { script, said }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}
