//! `cargo xtask differential`: the policy engine against an independent simulator, on cases that a seed decides.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::process::{self, Stream};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Options of `cargo xtask differential`.
#[derive(clap::Args)]
pub struct Args {
    /// Decides the cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many
    #[arg(long, default_value_t = 20_000)]
    cases: u64,
}

/// The command that compares so many cases.
fn comparison(workspace: &Workspace, seed: u64, cases: u64) -> Result<Command> {
    let tools = Tools::simulator_only(workspace)?;
    let mut cargo = process::cargo(&workspace.root);
    tools.equip(&mut cargo)?;
    cargo
        .args(["test", "--quiet", "--package", "firmhold-iam", "--test", "iam", "--"])
        .args(["--ignored", "--exact", "--nocapture", "differential::engine_and_simulator_agree"])
        .env("FIRMHOLD_DIFFERENTIAL_SEED", seed.to_string())
        .env("FIRMHOLD_DIFFERENTIAL_CASES", cases.to_string());
    Ok(cargo)
}

/// Compares, and answers what the test said of the cases and whether it found nothing unexplained.
pub fn compare(workspace: &Workspace, seed: u64, cases: u64) -> Result<(Vec<String>, bool)> {
    let mut said = Vec::new();
    let status = process::watch(&mut comparison(workspace, seed, cases)?, Stream::Out, |line| {
        if line.starts_with("seed ") || line.starts_with("  ") {
            said.push(line.to_owned());
        }
    })?;
    Ok((said, status.success()))
}

/// Runs the test that the suite runs with a fixed seed; see `docs/iam-differences.md`.
pub fn run(args: Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut cargo = comparison(&workspace, args.seed, args.cases)?;
    let passed = process::status(&mut cargo)?.success();
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
