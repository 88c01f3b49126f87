//! What a guide says, done in a sandbox as its reader would do it. It knows nothing of the linter's rules: what is
//! refused here is refused by the sandbox, and only then compared with what the linter found.

mod aws;
mod reader;
mod xml;

use firmhold_core::Problem;
use firmhold_iam::guide::{self, Block, Page};
use firmhold_iam::lint::{Finding, Refusal};
use firmhold_sandbox::SandboxConfig;

use super::report::{Replay, ReplayStep, StepOutcome};
use reader::{Reader, Tried};

/// Does what the page says, step by step, past every refusal.
///
/// # Errors
/// If the sandbox cannot start.
pub async fn replay(page: &str, findings: &[Finding]) -> Result<Replay, Problem> {
    let folder = tempfile::tempdir().map_err(Problem::internal)?;
    let mut config = SandboxConfig::new(folder.path());
    config.port = 0;
    let sandbox = crate::commands::sandbox::start(config).await?;
    let page = Page::read(page);
    let mut reader = Reader::new(&sandbox)?;
    let mut steps = Vec::new();
    for step in guide::steps(&page) {
        let block = page.blocks().iter().find(|block| block.line == step.line);
        for tried in reader.take(step.line, &step.action).await {
            steps.push(told(step.line, block, tried, findings));
        }
    }
    sandbox.stop().await;
    Ok(Replay { steps })
}

/// A step with the place in the page that it failed for, and the rules that found that place.
fn told(line: usize, block: Option<&Block>, tried: Tried, findings: &[Finding]) -> ReplayStep {
    let lines = block.map_or((line, line), |block| (block.line, block.last_line));
    let offset = lines.0 - 1;
    let statement = tried.statement.as_ref().and_then(|named| {
        // A policy that was put by an earlier step stands in that step's block, not in this one's.
        let (first, last, at) =
            guide::statement_lines(&named.document, named.statement, named.condition.as_deref())?;
        let offset = named.line.unwrap_or(offset + 1) - 1;
        Some((first + offset, last + offset, at + offset))
    });
    let found = match tried.outcome {
        StepOutcome::Stopped => same_place(lines, statement, &tried, findings),
        _ => Vec::new(),
    };
    ReplayStep {
        line,
        what: tried.what,
        outcome: tried.outcome,
        error: tried.error,
        detail: tried.detail,
        at_line: statement.map(|(_, _, at)| at),
        findings: found,
    }
}

/// The rules that found this refusal: those that name its action and its error, in the statement that decided, else,
/// where no statement did, in the step's block.
fn same_place(
    block: (usize, usize),
    statement: Option<(usize, usize, usize)>,
    tried: &Tried,
    findings: &[Finding],
) -> Vec<&'static str> {
    let (first, last) = statement.map_or(block, |(first, last, _)| (first, last));
    let (Some(action), Some(error)) = (&tried.action, &tried.error) else { return Vec::new() };
    let named = findings.iter().filter(|finding| {
        let same = |refusal: &Refusal| refusal.action.eq_ignore_ascii_case(action) && refusal.error == error;
        (first..=last).contains(&finding.place.line) && finding.refused.iter().any(same)
    });
    let mut ids: Vec<&'static str> = named.map(|finding| finding.id).collect();
    ids.dedup();
    ids
}
