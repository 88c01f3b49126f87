//! What the binary says before it talks to anybody.

use std::process::Output;

use crate::support::child::firmhold;

fn run(args: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a temporary folder");
    firmhold(home.path()).current_dir(home.path()).args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_every_verb_and_the_exit_codes() {
    let help = text(&run(&["--help"]).stdout);
    for verb in [
        "demo",
        "serve",
        "sandbox",
        "org",
        "secret",
        "key",
        "product",
        "artifact",
        "oidc-issuer",
        "oidc",
        "signing-key",
        "backend",
        "push",
        "pull",
        "import",
        "binary",
        "policy",
        "link",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb} is missing: {help}");
    }
    assert!(help.contains("0 done, 1 failed, 2 usage, 3 findings or failed checks, 4 denied"), "{help}");
}

#[test]
fn the_api_key_is_never_shown_in_help() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let output =
        firmhold(home.path()).env("FIRMHOLD_API_KEY", "fhk_hunter2").args(["push", "--help"]).output();
    assert!(!text(&output.expect("the binary starts").stdout).contains("hunter2"));
}

#[test]
fn a_missing_server_is_a_usage_error_with_a_hint() {
    let output = run(&["binary", "list"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(text(&output.stderr), @r"
    error: no server given
    hint: set FIRMHOLD_URL, give --url, or write a profile
    problem: usage
    ");
}

#[test]
fn in_json_mode_an_error_is_the_servers_document() {
    let output = run(&["binary", "list", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "");
    let body: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(body["problem"]["code"], "usage");
}

#[test]
fn a_wrong_key_is_exit_code_4_and_an_unreachable_server_1() {
    // Nothing listens on the discard port of loopback.
    let output = run(&["binary", "list", "--url", "http://127.0.0.1:9", "--api-key", "fhk_x", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("unreachable") && !text(&output.stdout).contains("fhk_x"));
    let platform = tempfile::tempdir().expect("a temporary folder");
    let mut serve = firmhold(platform.path());
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--json", "--data"])
        .arg(platform.path().join("data"))
        .env("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", "arn:aws:iam::999999999999:role/firmhold-platform");
    let server = crate::support::child::Running::start(&mut serve);
    let output = run(&["binary", "list", "--url", server.said("url"), "--api-key", "fhk_x"]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
}

#[test]
fn a_key_is_made_whole_or_not_at_all() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let generate = || {
        let mut command = firmhold(home.path());
        command.current_dir(home.path()).args(["signing-key", "generate", "--out", "release.pem"]);
        command.output().expect("the binary starts").status.code()
    };
    std::fs::write(home.path().join("release.pub.pem"), "somebody's").expect("a file");
    assert_eq!(generate(), Some(1));
    assert!(!home.path().join("release.pem").exists());
    std::fs::remove_file(home.path().join("release.pub.pem")).expect("it goes");
    assert_eq!(generate(), Some(0));
    assert_eq!(generate(), Some(1), "a key is never replaced");
}

#[test]
fn completions_are_made_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("signing-key"), "{shell}");
    }
}

#[test]
fn the_demo_tells_the_whole_journey() {
    let output = run(&["demo", "--json"]);
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(output.status.success(), "{record}");
    let own = std::fs::read(env!("CARGO_BIN_EXE_firmhold")).expect("the binary");
    assert_eq!(record["sha256"], firmhold_core::Digest::of(&own).to_hex());
    assert_eq!(record["size"], own.len());
    let titles = |member: &str| -> Vec<String> {
        let steps = record[member].as_array().expect("steps");
        steps.iter().map(|step| step["title"].as_str().expect("a title").to_owned()).collect()
    };
    insta::assert_snapshot!(titles("journey").join("\n"), @"
    two AWS accounts and a server
    an organization
    a backend is registered
    bucket and role are set up
    the platform verifies both
    a signing key is made
    the file is pushed and signed
    a device downloads, the line is cut
    ");
    insta::assert_snapshot!(titles("attacks").join("\n"), @"
    assume the role, no external ID
    assume the role, a wrong one
    flip a byte in the bucket
    use an expired link
    ");
    assert_eq!(record["checks"].as_array().expect("checks").len(), 13);
}
