//! `cargo xtask fuzz`: the fuzz targets of the policy engine, each for a while. Wants a nightly compiler and
//! cargo-fuzz, which a contributor need not have, so no other command runs it.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::process::{self, Stream, command};
use crate::report::say;
use crate::workspace::Workspace;

/// The targets, in `crates/iam/fuzz/targets`, each with the longest input that the code takes: that of a policy, of a
/// few, and of a configuration.
const TARGETS: [Target; 4] = [
    Target { name: "parser", longest: 64 * 1024 },
    Target { name: "evaluator", longest: 128 * 1024 },
    Target { name: "linter", longest: 512 * 1024 },
    Target { name: "reader", longest: 512 * 1024 },
];
/// What one input may take, in seconds and in MiB of the whole process, libFuzzer's own tables included.
const TIMEOUT: u32 = 10;
const MEMORY: u32 = 512;

/// A fuzz target.
#[derive(Clone, Copy)]
struct Target {
    name: &'static str,
    /// In bytes.
    longest: usize,
}

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Args {
    /// How long each target runs
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// Only this target
    target: Option<String>,
}

/// What a run came to.
pub struct Run {
    /// The target's name.
    pub target: &'static str,
    /// Inputs that were tried.
    pub inputs: u64,
    /// The most memory that the process ever had, in MiB.
    pub memory: u64,
    /// Seconds that the slowest input took.
    pub slowest: u64,
    /// Whether no input failed.
    pub passed: bool,
}

/// Runs them, and ends badly if any input crashed, hung or ate the memory.
pub fn run(args: Args) -> Result<ExitCode> {
    let wanted = |target: &Target| args.target.as_ref().is_none_or(|only| only == target.name);
    let targets: Vec<Target> = TARGETS.into_iter().filter(wanted).collect();
    if targets.is_empty() {
        bail!("there is no such target; there are {}", TARGETS.map(|target| target.name).join(", "));
    }
    let runs = fuzz(&Workspace::find()?, &targets, args.seconds)?;
    for run in &runs {
        say(format_args!("{}", line(run)));
    }
    Ok(if runs.iter().all(|run| run.passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every target.
pub fn all(workspace: &Workspace, seconds: u32) -> Result<Vec<Run>> {
    fuzz(workspace, &TARGETS, seconds)
}

/// A row for a page.
pub fn line(run: &Run) -> String {
    format!(
        "| {} | {} | {} MiB | {} s | {} |",
        run.target,
        run.inputs,
        run.memory,
        run.slowest,
        if run.passed { "none" } else { "see the terminal" }
    )
}

fn fuzz(workspace: &Workspace, targets: &[Target], seconds: u32) -> Result<Vec<Run>> {
    require()?;
    targets.iter().map(|target| one(workspace, *target, seconds)).collect()
}

fn one(workspace: &Workspace, Target { name: target, longest }: Target, seconds: u32) -> Result<Run> {
    let crate_dir = workspace.root.join("crates/iam");
    let corpus = workspace.target.join("fuzz/corpus").join(target);
    let failures = workspace.target.join("fuzz/failures").join(target);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&failures)?;
    let mut cargo = nightly();
    cargo
        .current_dir(&crate_dir)
        .env("CARGO_TARGET_DIR", workspace.target.join("fuzz/target"))
        // The address sanitizer keeps what was freed for a while, 256 MiB of it and as much again around it: with
        // many small allocations that is all there is to see, and the limit is meant for the code.
        .env("ASAN_OPTIONS", "quarantine_size_mb=16")
        .args(["fuzz", "run", target])
        .arg(&corpus)
        .arg(Path::new("fuzz/seeds").join(target))
        .args(["--", "-dict=fuzz/policy.dict", "-print_final_stats=1"])
        .arg(format!("-max_len={longest}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", failures.display()));
    let mut run = Run { target, inputs: 0, memory: 0, slowest: 0, passed: false };
    let status = process::watch(&mut cargo, Stream::Err, |line| {
        let number = |name| line.strip_prefix(name)?.trim().parse().ok();
        run.inputs = number("stat::number_of_executed_units:").unwrap_or(run.inputs);
        run.memory = number("stat::peak_rss_mb:").unwrap_or(run.memory);
        run.slowest = number("stat::slowest_unit_time_sec:").unwrap_or(run.slowest);
    })?;
    run.passed = status.success();
    Ok(run)
}

/// Through rustup: the cargo that runs this program knows no `+nightly`.
fn nightly() -> Command {
    let mut cargo = command("cargo");
    cargo.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTFLAGS").arg("+nightly");
    cargo
}

fn require() -> Result<()> {
    let runs =
        |args: &[&str]| process::output(nightly().args(args)).is_ok_and(|output| output.status.success());
    if !runs(&["--version"]) {
        bail!(
            "there is no nightly compiler. Get one with `rustup toolchain install nightly --profile minimal`"
        );
    }
    if !runs(&["fuzz", "--version"]) {
        bail!(
            "`cargo fuzz` does not run. Get it with `cargo install --locked cargo-fuzz`; it wants a C++ compiler too"
        );
    }
    Ok(())
}
