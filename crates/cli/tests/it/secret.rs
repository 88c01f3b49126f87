//! `firmhold secret`: key pairs, put on the server's host.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::child::firmhold;

fn run(home: &Path, args: &[&str], input: &str) -> Output {
    let mut command = firmhold(home);
    command.current_dir(home).args(args).args(["--data", "platform"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    // A command that reads nothing closes it early.
    let _ = child.stdin.take().expect("its input is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the binary ends");
    for shown in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(shown).contains("hunter2"), "{output:?}");
    }
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All that lies below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(std::fs::read(path).expect("a file")) }
    }
    all
}

#[test]
fn a_key_pair_is_put_listed_and_removed_and_never_shown() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    let none = run(home, &["secret", "list"], "");
    insta::assert_snapshot!(text(&none.stderr), @"
    error: there is no organization here yet
    hint: `firmhold org create NAME` makes one.
    problem: not_found
    ");
    assert!(run(home, &["org", "create", "Acme"], "").status.success());
    assert_eq!(text(&run(home, &["secret", "put", "minio"], "AKID\nhunter2\n").stdout).lines().count(), 1);
    let file = home.join("keys.json");
    std::fs::write(&file, r#"{"access_key_id": "AKID", "secret_access_key": "hunter2"}"#).expect("a file");
    let put = run(home, &["secret", "put", "ceph", "--file", "keys.json"], "");
    assert!(put.status.success(), "{}", text(&put.stderr));
    assert_eq!(text(&run(home, &["secret", "list"], "").stdout), "ceph\nminio\n");
    let kept = files(&home.join("platform"));
    assert!(kept.iter().all(|bytes| !bytes.windows(7).any(|part| part == b"hunter2")));
    assert!(run(home, &["secret", "remove", "ceph"], "").status.success());
    assert_eq!(run(home, &["secret", "remove", "ceph"], "").status.code(), Some(1));
    assert_eq!(text(&run(home, &["secret", "list"], "").stdout), "minio\n");
}

#[test]
fn what_is_no_key_pair_is_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    assert!(run(home, &["org", "create", "Acme"], "").status.success());
    for (args, input) in [
        (&["secret", "put", "minio"][..], ""),
        (&["secret", "put", "minio"], "hunter2\n"),
        (&["secret", "put", "minio"], "AKID\nhunter2\nmore\n"),
        (&["secret", "put", "../minio"], "AKID\nhunter2\n"),
        (&["secret", "put", "minio", "an argument"], ""),
    ] {
        let output = run(home, args, input);
        assert_eq!(output.status.code(), Some(2), "{args:?} {input:?}");
    }
    assert_eq!(run(home, &["secret", "put", "minio", "--file", "missing"], "").status.code(), Some(1));
    assert!(run(home, &["org", "create", "Other"], "").status.success());
    let ambiguous = run(home, &["secret", "list"], "");
    assert_eq!(ambiguous.status.code(), Some(2));
    assert!(text(&ambiguous.stderr).contains("--organization"), "{}", text(&ambiguous.stderr));
}
