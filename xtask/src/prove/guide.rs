//! The setup guide that Firmhold replaces, linted and done in a sandbox where it lies. What must be found is a table
//! of rules and lines that was committed before the first run; the guide's text is not part of the project.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Page;
use crate::process::{self, command};
use crate::workspace::Workspace;

/// The table: `RULE LINE`, and `stop LINE ERROR RULE`.
const EXPECTED: &str = include_str!("guide_expected.txt");

/// Options of this proof.
#[derive(clap::Args)]
pub struct GuideArgs {
    /// The guide [default: the .txt file in ../shared/seed, beside the checkout]
    #[arg(long, value_name = "FILE")]
    guide: Option<PathBuf>,
    /// A firmhold to use instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Compares.
pub fn prove(workspace: &Workspace, page: &mut Page, args: &GuideArgs) -> Result<()> {
    let guide = match &args.guide {
        Some(guide) => guide.clone(),
        None => beside(&workspace.root)?,
    };
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => build(workspace)?,
    };
    let said = lint(&binary, &guide)?;
    findings(page, &said);
    stops(page, &said);
    Ok(())
}

fn beside(root: &Path) -> Result<PathBuf> {
    let folder = root.join("../shared/seed");
    let entries = std::fs::read_dir(&folder).context("no guide: --guide FILE names it")?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files.into_iter().next().context("no guide: --guide FILE names it")
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    // With the features that the workspace gives its dependencies, or all of them are built anew.
    process::run(process::cargo(&workspace.root).args([
        "build",
        "--locked",
        "--workspace",
        "--bin",
        "firmhold",
    ]))?;
    Ok(workspace.target.join("debug/firmhold"))
}

fn lint(binary: &Path, guide: &Path) -> Result<Value> {
    let mut lint = command(binary);
    lint.args(["policy", "lint", "--json", "--replay", "--guide"]).arg(guide);
    let output = lint.output().with_context(|| process::shown(&lint))?;
    // 3: there are findings, as there should be.
    if output.status.code() != Some(3) {
        bail!(
            "{} ended with {}: {}",
            process::shown(&lint),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout).context("the linter's JSON")
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// Rows of the table that begin with `stop`, or do not, as they are.
fn expected(stops: bool) -> BTreeSet<String> {
    let rows = EXPECTED.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.filter(|row| row.starts_with("stop ") == stops).map(str::to_owned).collect()
}

fn compare(page: &mut Page, what: &str, expected: &BTreeSet<String>, found: &BTreeSet<String>) {
    page.line(format_args!(
        "\n{} expected, {} found, {} of them alike.",
        expected.len(),
        found.len(),
        expected.intersection(found).count()
    ));
    for row in expected.difference(found) {
        page.fail(format!("{what} not found: {row}"));
    }
    for row in found.difference(expected) {
        page.fail(format!("{what} not expected: {row}"));
    }
}

fn findings(page: &mut Page, said: &Value) {
    page.heading("Findings");
    page.line("Rule and line against the table in `xtask/src/prove/guide_expected.txt`.\n");
    page.line("| line | rule | severity |\n|---|---|---|");
    let mut found = BTreeSet::new();
    for finding in items(said, "/findings") {
        let (id, line) = (text(finding, "id"), number(finding, "/place/line"));
        page.line(format_args!("| {line} | {id} | {} |", text(finding, "severity")));
        found.insert(format!("{id} {line}"));
    }
    compare(page, "finding", &expected(false), &found);
}

/// Each stop must have been found by a rule that names its action and its error, in the same statement.
fn stops(page: &mut Page, said: &Value) {
    page.heading("Where a reader of the guide stops");
    page.line("Every step of the guide, done in a sandbox that knows nothing of the rules; a stop is the sandbox's own refusal, and the rules are those that name its action and its error at the same statement or, where none decided, in the same document.\n");
    page.line("| line | step | outcome | error | at line | found by |\n|---|---|---|---|---|---|");
    let mut found = BTreeSet::new();
    for step in items(said, "/replay/steps") {
        let (line, error) = (number(step, "/line"), text(step, "error"));
        let rules: Vec<&str> = items(step, "/findings").filter_map(Value::as_str).collect();
        let at = step.get("at_line").and_then(Value::as_u64).map(|line| line.to_string()).unwrap_or_default();
        let (what, outcome) = (text(step, "what"), text(step, "outcome"));
        page.line(format_args!("| {line} | {what} | {outcome} | {error} | {at} | {} |", rules.join(", ")));
        if outcome != "stopped" {
            continue;
        }
        if rules.is_empty() {
            page.fail(format!("line {line}: {what} stopped with {error}, and no rule found it"));
        }
        found.extend(rules.iter().map(|rule| format!("stop {line} {error} {rule}")));
    }
    compare(page, "stop", &expected(true), &found);
}
