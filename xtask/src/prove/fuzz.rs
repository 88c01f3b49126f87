//! No input makes parser, evaluator or linter of the policy engine panic, hang or take memory without bound.

use anyhow::Result;

use super::Page;
use crate::fuzz;
use crate::workspace::Workspace;

const SECONDS: u32 = 600;

/// Runs every target for ten minutes.
pub fn prove(workspace: &Workspace, page: &mut Page) -> Result<()> {
    page.heading("Ten minutes each");
    page.line("| target | inputs | peak memory of the process | slowest input | failures |");
    page.line("| --- | --: | --: | --: | --- |");
    for run in fuzz::all(workspace, SECONDS)? {
        page.line(fuzz::line(&run));
        if !run.passed {
            page.fail(format!("the target {} found an input", run.target));
        }
    }
    Ok(())
}
