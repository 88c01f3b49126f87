//! `cargo xtask bench policy`: what one decision of the policy engine costs, with everything that a backend can have
//! around the request. A note, not a gate: it is measured in microseconds, and those depend on the machine.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::facts;
use crate::process::{capture, cargo};
use crate::report::say;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench policy`.
#[derive(clap::Args)]
pub struct Args {}

const COMMAND: &str = "cargo xtask bench policy";

const INTRODUCTION: &str = "
One decision, its trace included: the role's permissions, the session policy and the bucket policy as they are \
generated for a backend with a KMS key, a replica, a CDN and an import prefix. The median of five rounds of 50,000 \
decisions each. The budget is 5 µs (a note, not a gate).
";

/// Runs the engine's example and writes its figures to the page.
pub fn run(_args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let load = facts::load();
    let mut example = cargo(&workspace.root);
    example.args(["run", "--release", "--quiet", "--locked"]);
    let figures = capture(example.args(["--package", "firmhold-iam", "--example", "evaluation"]))?;
    say(figures.trim_end());
    let mut text = String::from("# Bench: the policy engine\n\nWritten by a run, not by hand.\n\n");
    for line in facts::lines(&workspace, COMMAND)? {
        text.push_str(&format!("{line}\n"));
    }
    if let Some(load) = load {
        text.push_str(&format!("- load average before: {load:.1}\n"));
    }
    text.push_str(&format!("{INTRODUCTION}\n```text\n{}\n```\n", figures.trim_end()));
    let file = workspace.root.join("docs/bench/policy.md");
    std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    say(format_args!("wrote {}", file.display()));
    Ok(ExitCode::SUCCESS)
}
