//! `firmhold policy`, from outside.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::child::firmhold;

fn run(folder: &Path, args: &[&str]) -> Output {
    firmhold(folder).current_dir(folder).args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The page of the fictitious vendor, and its table.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../iam/tests/fixtures/guide").join(name)
}

#[test]
fn lint_shows_the_line_the_reason_and_the_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = "{\n  \"Rules\": [\n    {\n      \"Status\": \"Enabled\",\n      \"NoncurrentVersionExpiration\": {\"NoncurrentDays\": 30},\n      \
        \"AbortIncompleteMultipartUpload\": {\"DaysAfterInitiation\": 7}\n    }\n  ]\n}\n";
    std::fs::write(folder.path().join("lifecycle.json"), document).expect("written");
    let output = run(folder.path(), &["policy", "lint", "lifecycle.json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = text(&output.stdout);
    for part in [
        "error[T09]\n\n  × This rule does not say which objects it is for.\n   ╭─[lifecycle.json:3:5]\n 3 │     {\n",
        "+      \"Filter\": { \"Prefix\": \"firmhold/\" }",
        "docs/lint.md#t09",
        "1 error, 0 warnings, 0 notes",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn lint_reads_standard_input_and_says_nothing_of_a_sound_document() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = [
        "policy",
        "generate",
        "trust",
        "--platform-role",
        "arn:aws:iam::999999999999:role/p",
        "--external-id",
        "9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10",
    ];
    let trust = run(folder.path(), &args);
    let mut lint = firmhold(folder.path())
        .args(["policy", "lint", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    lint.stdin.take().expect("piped").write_all(&trust.stdout).expect("written");
    let output = lint.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(json(&output)["errors"], 0);
}

#[test]
fn what_is_no_document_is_a_finding_and_what_cannot_be_read_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("x.json"), "{\"Statement\": [}").expect("written");
    let output = run(folder.path(), &["policy", "lint", "x.json", "--format", "sarif"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let result = &json(&output)["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "refused");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startColumn"], 16);
    let output = run(folder.path(), &["policy", "lint", "absent.json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_guide_stops_where_a_finding_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = fixture("larkspur.md");
    let page = page.to_str().expect("a name");
    let output = run(folder.path(), &["policy", "lint", "--guide", page, "--replay", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = json(&output);
    let mut stops = BTreeSet::new();
    for step in said["replay"]["steps"].as_array().expect("steps") {
        if step["outcome"] != "stopped" {
            continue;
        }
        let rules: Vec<&str> =
            step["findings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(!rules.is_empty(), "no rule found {step}");
        stops.extend(rules.iter().map(|rule| {
            format!("stop {} {} {rule}", step["line"], step["error"].as_str().unwrap_or_default())
        }));
    }
    let table = std::fs::read_to_string(fixture("larkspur.expected")).expect("the table");
    let table: BTreeSet<String> =
        table.lines().filter(|row| row.starts_with("stop ")).map(str::to_owned).collect();
    assert_eq!(stops, table, "{:#}", said["replay"]);
}

#[test]
fn simulate_names_the_statement() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = [
        "policy",
        "generate",
        "permissions",
        "--account",
        "111122223333",
        "--bucket",
        "acme-fw",
        "--region",
        "us-west-2",
    ];
    std::fs::write(folder.path().join("role.json"), run(folder.path(), &args).stdout).expect("written");
    let simulate = |action: &str, resource: &str| {
        let who = "arn:aws:sts::111122223333:assumed-role/FirmholdBackend/s";
        let args = [
            "policy",
            "simulate",
            "--identity",
            "role.json",
            "--principal",
            who,
            "--action",
            action,
            "--resource",
            resource,
        ];
        run(folder.path(), &args)
    };
    let allowed = simulate("s3:PutObject", "arn:aws:s3:::acme-fw/firmhold/a");
    assert_eq!(allowed.status.code(), Some(0), "{allowed:?}");
    assert!(
        text(&allowed.stdout)
            .starts_with("allow by identity policy \"role.json\" statement 3 (FirmholdObjects)"),
        "{allowed:?}"
    );
    let denied = simulate("s3:DeleteObject", "arn:aws:s3:::acme-fw/firmhold/a");
    assert_eq!(denied.status.code(), Some(4), "{denied:?}");
    assert!(
        text(&denied.stdout).contains("no identity-based policy allows the s3:DeleteObject action"),
        "{denied:?}"
    );
}

#[test]
fn explain_says_what_to_ask_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let message = "User: arn:aws:sts::111122223333:assumed-role/FirmholdBackend/s is not authorized to perform: s3:GetObject on \
                   resource: \"arn:aws:s3:::acme-fw/firmhold/a\" with an explicit deny in a service control policy";
    let output = run(folder.path(), &["policy", "explain", message]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    for part in [
        "at fault     service control policy",
        "caller       arn:aws:sts::111122223333:assumed-role/FirmholdBackend/s",
        "action       s3:GetObject",
        "ask: Add this to the Condition of the statement that denies s3:GetObject",
        "\"aws:PrincipalArn\": \"arn:aws:iam::111122223333:role/FirmholdBackend\"",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn generate_prints_every_document() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = [
        "--account",
        "111122223333",
        "--bucket",
        "acme-fw",
        "--region",
        "cn-north-1",
        "--replica",
        "acme-fw-copy,cn-northwest-1",
    ];
    for kind in
        ["permissions", "bucket", "session", "key", "key-statement", "replication-permissions", "installer"]
    {
        let output = run(folder.path(), &[&["policy", "generate", kind], backend.as_slice()].concat());
        assert_eq!(output.status.code(), Some(0), "{kind}: {output:?}");
        let document = text(&output.stdout);
        assert!(!document.contains("arn:aws:"), "{kind}: {document}");
    }
    for kind in ["replication-trust", "platform"] {
        assert_eq!(run(folder.path(), &["policy", "generate", kind]).status.code(), Some(0), "{kind}");
    }
    let mistaken = run(
        folder.path(),
        &[&["policy", "generate", "permissions", "--prefix", "fw"], backend.as_slice()].concat(),
    );
    assert_eq!(mistaken.status.code(), Some(2), "{mistaken:?}");
}
