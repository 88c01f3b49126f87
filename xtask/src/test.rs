//! `cargo xtask test`: what must pass before a commit lands. Works on a machine with a Rust toolchain and
//! little else.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::bench::store::Kind;
use crate::conformance;
use crate::process::{self, Stream};
use crate::report::{say, seconds};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Only the suites whose name contains this
    #[arg(value_name = "SUITE")]
    only: Option<String>,
}

/// What a suite came to.
#[derive(Debug, Default, PartialEq)]
struct Count {
    passed: u64,
    failed: u64,
}

struct Suite {
    name: String,
    count: Count,
    took: Duration,
}

/// Runs every suite, also after one has failed, and closes on `N passed, N failed`.
pub fn run(args: Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    require_components(&workspace)?;
    let began = Instant::now();
    let tools = Tools::ensure(&workspace)?;
    say(format_args!("tools ready after {}", seconds(began.elapsed())));

    let mut suites = Suites { only: args.only, workspace: &workspace, tools: &tools, done: Vec::new() };
    suites.run("formatting", |suites| suites.check(&["fmt", "--all", "--check"]))?;
    suites.run("lints", |suites| {
        suites.check(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])
    })?;
    suites.run("server alone", |suites| {
        suites.check(&[
            "check",
            "--package",
            "firmhold",
            "--no-default-features",
            "--features",
            "server",
            "--locked",
        ])
    })?;
    suites.run("docs of the policy engine", Suites::engine_docs)?;
    suites.run("build", |suites| suites.check(&["nextest", "run", "--workspace", "--locked", "--no-run"]))?;
    for package in &workspace.packages {
        suites.run(package, |suites| suites.nextest(package))?;
    }
    suites.run("data plane on moto", |suites| {
        let passed = conformance::run(suites.workspace, suites.tools, Kind::Moto)?.passed;
        Ok(Count { passed: passed.into(), failed: (!passed).into() })
    })?;
    suites.run("doc tests", Suites::doc_tests)?;
    suites.close()
}

struct Suites<'a> {
    only: Option<String>,
    workspace: &'a Workspace,
    tools: &'a Tools,
    done: Vec<Suite>,
}

impl Suites<'_> {
    fn run(&mut self, name: &str, suite: impl FnOnce(&Self) -> Result<Count>) -> Result<()> {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return Ok(());
        }
        say(format_args!("\n== {name}"));
        let began = Instant::now();
        let count = suite(self)?;
        self.done.push(Suite { name: name.to_owned(), count, took: began.elapsed() });
        Ok(())
    }

    fn cargo(&self, args: &[&str]) -> Result<Command> {
        let mut cargo = process::cargo(&self.workspace.root);
        self.tools.equip(&mut cargo)?;
        cargo.args(args);
        Ok(cargo)
    }

    /// One cargo command that succeeds or does not.
    fn check(&self, args: &[&str]) -> Result<Count> {
        let passed = process::status(&mut self.cargo(args)?)?.success();
        Ok(Count { passed: passed.into(), failed: (!passed).into() })
    }

    /// One package's tests. Filtered rather than selected, because selecting would build with other features
    /// than the whole workspace has, and so build everything again for each package.
    fn nextest(&self, package: &str) -> Result<Count> {
        let filter = format!("package(={package})");
        let args = ["nextest", "run", "--workspace", "--locked", "--profile", "ci", "--run-ignored", "all"];
        let mut cargo = self.cargo(&args)?;
        cargo.args(["--no-tests", "pass", "--cargo-quiet", "-E", &filter]);
        count(&mut cargo, Stream::Err, nextest_summary)
    }

    /// The engine can be published alone, so its pages must be whole: no broken link, nothing without a word.
    fn engine_docs(&self) -> Result<Count> {
        let mut cargo = self.cargo(&["doc", "--no-deps", "--package", "firmhold-iam", "--locked"])?;
        let passed = process::status(cargo.env("RUSTDOCFLAGS", "--deny warnings"))?.success();
        Ok(Count { passed: passed.into(), failed: (!passed).into() })
    }

    fn doc_tests(&self) -> Result<Count> {
        let mut cargo =
            self.cargo(&["test", "--doc", "--workspace", "--locked", "--quiet", "--no-fail-fast"])?;
        count(&mut cargo, Stream::Out, libtest_result)
    }

    fn close(self) -> Result<ExitCode> {
        if self.done.is_empty() {
            bail!("no suite has {:?} in its name", self.only.unwrap_or_default());
        }
        say("");
        for Suite { name, count, took } in &self.done {
            say(format_args!(
                "{name:<20} {:>6} passed {:>4} failed  {}",
                count.passed,
                count.failed,
                seconds(*took)
            ));
        }
        let passed: u64 = self.done.iter().map(|suite| suite.count.passed).sum();
        let failed: u64 = self.done.iter().map(|suite| suite.count.failed).sum();
        say(format_args!("\n{passed} passed, {failed} failed"));
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The lines that a runner closes on, added up. A runner that fails without having counted a failure (a build
/// that broke, a crash) counts as one.
fn count(command: &mut Command, stream: Stream, read: impl Fn(&str) -> Option<Count>) -> Result<Count> {
    let mut total = Count::default();
    let status = process::watch(command, stream, |line| {
        if let Some(count) = read(line) {
            total.passed += count.passed;
            total.failed += count.failed;
        }
    })?;
    if !status.success() && total.failed == 0 {
        total.failed = 1;
    }
    Ok(total)
}

/// `Summary [ 1.2s] 5 tests run: 4 passed (1 slow), 1 timed out, 2 skipped`: what ran and did not pass failed,
/// by whatever name.
fn nextest_summary(line: &str) -> Option<Count> {
    let (_, counts) = line.trim_start().strip_prefix("Summary [")?.split_once(']')?;
    let (ran, results) = counts.split_once(" run:")?;
    let ran: u64 = ran.split_whitespace().next()?.parse().ok()?;
    let passed = number_before(results, "passed");
    Some(Count { passed, failed: ran.saturating_sub(passed) })
}

/// `test result: ok. 3 passed; 1 failed; …`
fn libtest_result(line: &str) -> Option<Count> {
    let results = line.strip_prefix("test result: ")?;
    Some(Count { passed: number_before(results, "passed"), failed: number_before(results, "failed") })
}

/// The number just before a word; 0 where the word is not there.
fn number_before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .windows(2)
        .find(|pair| pair[1].trim_end_matches([',', ';']) == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

fn require_components(workspace: &Workspace) -> Result<()> {
    for (component, probe) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let there = process::output(process::cargo(&workspace.root).args([probe, "--version"]));
        if !there.is_ok_and(|output| output.status.success()) {
            bail!("`cargo {probe}` does not run. Add it with `rustup component add {component}`");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end_but_passing_is_a_failure() {
        let line =
            "     Summary [   1.234s] 7 tests run: 4 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(nextest_summary(line), Some(Count { passed: 4, failed: 3 }));
        assert_eq!(
            nextest_summary("     Summary [   0.000s] 0 tests run: 0 passed, 9 skipped"),
            Some(Count::default())
        );
        assert_eq!(nextest_summary("        PASS [   0.004s] (1/7) xtask::it house"), None);
    }

    #[test]
    fn doc_tests_are_counted() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(libtest_result(line), Some(Count { passed: 3, failed: 1 }));
    }

    #[test]
    fn a_runner_that_dies_without_a_word_has_failed() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 101"]);
        assert_eq!(
            count(&mut command, Stream::Err, nextest_summary).unwrap(),
            Count { passed: 0, failed: 1 }
        );
    }
}
