//! `cargo xtask differential`: the policy engine against an independent simulator, on cases that a seed decides.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
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

/// Runs the test that the suite runs with a fixed seed; see `docs/iam-differences.md`.
pub fn run(args: Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let tools = Tools::simulator_only(&workspace)?;
    let mut cargo = process::cargo(&workspace.root);
    tools.equip(&mut cargo)?;
    cargo
        .args(["test", "--quiet", "--package", "firmhold-iam", "--test", "it", "--"])
        .args(["--ignored", "--exact", "--nocapture", "differential::engine_and_simulator_agree"])
        .env("FIRMHOLD_DIFFERENTIAL_SEED", args.seed.to_string())
        .env("FIRMHOLD_DIFFERENTIAL_CASES", args.cases.to_string());
    let passed = process::status(&mut cargo)?.success();
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
