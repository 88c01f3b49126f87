//! What a guide says, done in a sandbox as its reader would do it. It knows nothing of the linter's rules: what is
//! refused here is refused by the sandbox, and only then compared with what the linter found.

mod aws;
mod reader;
mod xml;

use firmhold_core::Problem;
use firmhold_iam::guide::{self, Block, Page};
use firmhold_iam::lint::{Finding, Severity};
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

/// The rules whose findings are where the refusal is: in the line of the condition that was not met, else in the
/// statement that decided, else, where nothing decided, those that speak of the action that nothing allows.
fn same_place(
    block: (usize, usize),
    statement: Option<(usize, usize, usize)>,
    tried: &Tried,
    findings: &[Finding],
) -> Vec<&'static str> {
    let matters = |finding: &&Finding| finding.severity > Severity::Note;
    let within = |from: usize, to: usize| move |finding: &&Finding| (from..=to).contains(&finding.place.line);
    let ids = |list: Vec<&Finding>| {
        let mut ids: Vec<&'static str> = list.iter().map(|finding| finding.id).collect();
        ids.dedup();
        ids
    };
    let all = || findings.iter().filter(matters);
    if let Some((first, last, at)) = statement {
        let exact: Vec<&Finding> = all().filter(within(at, at)).collect();
        return ids(if exact.is_empty() { all().filter(within(first, last)).collect() } else { exact });
    }
    let here: Vec<&Finding> = all().filter(within(block.0, block.1)).collect();
    let by_action = tried.action.as_ref().map(|action| {
        ids(here.iter().copied().filter(|finding| finding.message.contains(action.as_str())).collect())
    });
    match by_action {
        Some(found) if !found.is_empty() => found,
        // A command, or a statement that says nothing of the action.
        Some(_) => ids(here),
        None => ids(here.into_iter().filter(|finding| finding.severity == Severity::Error).collect()),
    }
}
