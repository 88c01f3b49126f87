//! Every store through the whole journey, and the table of what each lacks: found by verification, printed into
//! docs/stores.md.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Page;
use crate::bench::store::Kind;
use crate::conformance;
use crate::marked;
use crate::process::{self, Stream, command};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Where docs/stores.md holds the table.
const MARK: &str = "cargo xtask prove stores";

/// A store as a test names it, and as a page does.
const STORES: [(&str, &str); 4] =
    [("sandbox", "the sandbox"), ("moto", "moto"), ("s3s-fs", "s3s-fs"), ("ceph", "Ceph's gateway")];

/// What verification looks for, in words.
const CAPABILITIES: [(&str, &str); 11] = [
    ("checksum_headers", "takes requests with a checksum"),
    ("checksums_enforced", "refuses a wrong SHA-256 of a part"),
    ("checksums_listed", "lists the SHA-256 of parts"),
    ("trailing_checksums", "takes `aws-chunked` with a trailing checksum"),
    ("conditional_writes", "refuses to overwrite on `If-None-Match: *`"),
    ("virtual_hosts", "has the bucket in the host's name"),
    ("tags", "keeps tags of objects"),
    ("versions", "gives what is written a version"),
    ("list_versions", "lists versions"),
    ("list_uploads", "lists open uploads"),
    ("restore", "restores archived objects"),
];

/// Runs all of it.
pub fn prove(workspace: &Workspace, page: &mut Page) -> Result<()> {
    let tools = Tools::ensure(workspace)?;
    let findings = workspace.target.join("proof/stores");
    if findings.exists() {
        std::fs::remove_dir_all(&findings)?;
    }
    std::fs::create_dir_all(&findings)?;
    page.line(
        "\nEach store goes through verify, push, link and pull as a backend with static keys, driven by the built \
         program (`crates/cli/tests/it/stores.rs`). Before that, boto3 asks it what it makes of a part with a wrong \
         SHA-256, and verification must come to the same.",
    );
    page.heading("The journey");
    page.line("| store | version | verify, push, link, pull |\n|---|---|---|");
    let passed = tests(workspace, &tools, &findings)?;
    let mut found = Vec::new();
    for (name, title) in STORES {
        let held = passed.iter().any(|test| test.ends_with(&format!("stores::{}", name.replace('-', "_"))));
        page.line(format_args!(
            "| {title} | {} | {} |",
            version(workspace, &tools, name)?,
            if held { "works" } else { "FAILED" }
        ));
        let file = findings.join(format!("{name}.json"));
        match std::fs::read_to_string(&file) {
            Ok(text) if held => found.push((title, serde_json::from_str(&text).context("a backend's JSON")?)),
            _ => page.fail(format!("{title}: see the test's output")),
        }
    }
    page.heading("The data plane alone");
    page.line(
        "The suite that every bucket of ours passes, in memory and in the sandbox (`crates/store/tests/it/conformance.rs`), \
         with a key pair; what verification found the store to lack is not asked of it.\n",
    );
    for kind in [Kind::Sandbox, Kind::Moto, Kind::Ceph] {
        let outcome = conformance::run(workspace, &tools, kind)?;
        page.line(format_args!("- {}: {}", outcome.store, if outcome.passed { "passes" } else { "FAILED" }));
        if !outcome.passed {
            page.fail(format!("the data plane on {}", outcome.store));
        }
    }
    page.heading("What each can do");
    let table = table(&found);
    page.line(marked::mark(MARK, &table));
    marked::replace(&workspace.root.join("docs/stores.md"), MARK, &table)
}

/// Runs the journeys; answers the names of the tests that passed.
fn tests(workspace: &Workspace, tools: &Tools, findings: &Path) -> Result<Vec<String>> {
    let mut cargo = process::cargo(&workspace.root);
    tools.equip(&mut cargo)?;
    cargo.args(["nextest", "run", "--locked", "--workspace", "--test", "cli", "--run-ignored", "all"]);
    cargo.args(["--no-fail-fast", "--status-level", "pass", "-E", "test(/^stores::/)"]);
    cargo.env("FIRMHOLD_FINDINGS", findings);
    let mut passed = Vec::new();
    process::watch(&mut cargo, Stream::Err, |line| {
        if line.trim_start().starts_with("PASS ") {
            passed.extend(line.split_whitespace().last().map(str::to_owned));
        }
    })?;
    Ok(passed)
}

fn version(workspace: &Workspace, tools: &Tools, store: &str) -> Result<String> {
    Ok(match store {
        "moto" => {
            let script = "import importlib.metadata as m; print(m.version('moto'))";
            process::capture(command(tools.venv("python")).args(["-c", script]))?.trim().to_owned()
        }
        "ceph" => {
            let said = process::capture(command("radosgw").arg("--version"))?;
            said.split_whitespace().nth(2).unwrap_or_default().to_owned()
        }
        "s3s-fs" => {
            let lock = std::fs::read_to_string(workspace.root.join("Cargo.lock"))?;
            let (_, rest) =
                lock.split_once("name = \"s3s-fs\"\nversion = \"").context("no s3s-fs in Cargo.lock")?;
            rest.split('"').next().unwrap_or_default().to_owned()
        }
        _ => "this commit's".to_owned(),
    })
}

/// One row a capability, one column a store.
fn table(found: &[(&str, Value)]) -> String {
    let mut text = String::from("| the store … ");
    for (title, _) in found {
        text.push_str(&format!("| {title} "));
    }
    text.push_str(&format!("|\n|---{}|\n", "|---".repeat(found.len())));
    text.push_str("| **parts are sent** ");
    for (_, backend) in found {
        let through =
            if backend["upload_mode"] == "direct" { "straight to it" } else { "through the server" };
        text.push_str(&format!("| {through} "));
    }
    text.push_str("|\n");
    for (name, words) in CAPABILITIES {
        text.push_str(&format!("| {words} "));
        for (_, backend) in found {
            let has = backend["capabilities"][name].as_bool();
            text.push_str(match has {
                Some(true) => "| yes ",
                Some(false) => "| **no** ",
                None => "| not asked ",
            });
        }
        text.push_str("|\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_a_store() {
        let found = [
            ("one", json!({"upload_mode": "direct", "capabilities": {"tags": true, "versions": false}})),
            ("two", json!({"upload_mode": "proxy", "capabilities": {"tags": false}})),
        ];
        let table = table(&found);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "| the store … | one | two |",
                "|---|---|---|",
                "| **parts are sent** | straight to it | through the server |"
            ]
        );
        assert!(lines.contains(&"| keeps tags of objects | yes | **no** |"), "{table}");
        assert!(lines.contains(&"| gives what is written a version | **no** | not asked |"), "{table}");
    }
}
