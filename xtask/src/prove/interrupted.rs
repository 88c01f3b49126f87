//! `push`, `pull` and the server, killed at every kill point and at random moments, and run again.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Page;
use crate::process;
use crate::report::say;
use crate::workspace::Workspace;

/// Random moments, half of them of a command and half of the server.
const MOMENTS: u32 = 24;

/// The reports that the tests write, in the page's order, with what stands above each.
const REPORTS: [(&str, &str); 5] = [
    ("commands", "Commands, at each kill point"),
    ("uploads", "The server, at each kill point of an upload"),
    ("server", "The server, at each of its other kill points"),
    ("reaper", "The server, as it reaps an abandoned upload (whose parts are sent again)"),
    ("random", "At random moments"),
];

/// Runs the tests of the same name, and makes a page of what they report.
pub fn prove(workspace: &Workspace, page: &mut Page, seed: Option<u64>) -> Result<()> {
    let seed = seed.unwrap_or_else(random_seed);
    say(format_args!("seed {seed}"));
    page.line(format_args!(
        "- seed: `{seed}` (`cargo xtask prove interrupted --seed {seed}` chooses the same moments)"
    ));
    page.line("\nEach line is one file of 17 MiB in three parts that is pushed, signed and pulled. A process is killed on the way; then the same commands are run again. It holds if the digest is right, no part is sent again that the bucket had acknowledged (by the sandbox's log of requests), no upload is left open, and no file has the name but the right one. *Parts* are those acknowledged before the second run and those that the second run sent.");
    let out = workspace.target.join("proof/interrupted");
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::create_dir_all(&out)?;
    let mut tests = process::cargo(&workspace.root);
    tests
        .args(["nextest", "run", "--locked", "--workspace", "--profile", "ci", "--no-fail-fast"])
        .args(["--test", "cli", "-E", "test(/^interrupted::/)"])
        .env("FIRMHOLD_PROVE_OUT", &out)
        .env("FIRMHOLD_PROVE_SEED", seed.to_string())
        .env("FIRMHOLD_PROVE_MOMENTS", MOMENTS.to_string());
    if !process::status(&mut tests)?.success() {
        page.fail("the tests; what they said is in the run's output, and the tables lack what failed");
    }
    for (name, heading) in REPORTS {
        page.heading(heading);
        table(page, &out.join(format!("{name}.json")))?;
    }
    Ok(())
}

fn table(page: &mut Page, file: &Path) -> Result<()> {
    if !file.exists() {
        page.fail(format!("{} was not written", file.display()));
        return Ok(());
    }
    let report: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let cases = report["cases"].as_array().context("a report has cases")?;
    page.line(
        "| killed | at | it ended by | parts before | parts after | seconds |\n|---|---|---|---|---|---|",
    );
    for case in cases {
        let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
        page.line(format_args!(
            "| {} | {} | {} | {} | {} | {:.1} |",
            text("killed"),
            text("at"),
            text("ended"),
            case["parts_before"],
            case["parts_after"],
            case["seconds"].as_f64().unwrap_or_default(),
        ));
    }
    Ok(())
}

/// Of the operating system's randomness, by way of a hash that the standard library seeds with it.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish() >> 16
}
