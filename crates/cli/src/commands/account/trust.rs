//! `firmhold account trust`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use firmhold_core::Problem;
use firmhold_provision::handoff::{Applied, Given, Outcome as Ended, Review, apply_trust};

use super::context::AnywhereArgs;
use crate::ask;
use crate::commands::Outcome;
use crate::commands::policy::documents;
use crate::printer::{Printer, Tone, toned};

/// The trust policy that a platform's operator sent
#[derive(Subcommand)]
pub enum Trust {
    /// Lint it, show what changes, and put it on the role
    Apply(Apply),
}

/// Lint it, show what changes, and put it on the role
#[derive(Args)]
#[command(after_help = "Example:\n  \
    firmhold account trust apply given.json --role FirmholdBackend --dry-run\n\n\
    Exit code 3: the policy is refused, with the reasons and their lines. Placeholders, statements without an external ID,\n\
    and principals of your own account are.")]
pub struct Apply {
    /// The policy, as it came; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The role that the platform assumes
    #[arg(long, value_name = "NAME")]
    role: String,
    /// Show what would change, and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Where changes are written down
    #[arg(long, value_name = "FILE", default_value = "trust.journal.jsonl")]
    journal: PathBuf,
    #[command(flatten)]
    aws: AnywhereArgs,
}

impl Trust {
    /// Runs the verb.
    ///
    /// # Errors
    /// The verb's.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self {
            Self::Apply(apply) => apply.run(printer).await,
        }
    }
}

impl Apply {
    async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let text = documents::read(&self.file)?;
        let name = documents::name(&self.file);
        let owner = self.aws.open(printer).await?;
        let given = Given { role: &self.role, name: &name, text: &text };
        let agree = |review: &Review| self.agrees(review, printer);
        let applied = apply_trust(&given, &owner, &self.journal, agree).await?;
        printer.result(&applied, |applied| human(applied, self.dry_run));
        Ok(if applied.outcome == Ended::Refused { Outcome::Findings } else { Outcome::Done })
    }

    fn agrees(&self, review: &Review, printer: &Printer) -> Result<bool, Problem> {
        if self.dry_run || self.yes {
            return Ok(self.yes);
        }
        printer.note(&coloured(&review.diff));
        ask::yes(printer, &format!("Put this on the role {}?", self.role), "--yes, or --dry-run to look only")
    }
}

fn human(applied: &Applied, dry_run: bool) -> String {
    let mut text = String::new();
    for refusal in &applied.review.refusals {
        let line = if refusal.line > 0 { format!("line {}: ", refusal.line) } else { String::new() };
        let _ = writeln!(text, "{} {line}{}", toned(Tone::Bad, "refused:"), refusal.says);
    }
    let lesser =
        applied.review.findings.iter().filter(|found| found.severity != firmhold_iam::lint::Severity::Error);
    for found in lesser {
        let _ = writeln!(
            text,
            "{} line {}: {} [{}]",
            toned(Tone::Warn, "look:"),
            found.place.line,
            found.message,
            found.id
        );
    }
    let role = &applied.role_arn;
    let _ = match applied.outcome {
        Ended::Refused => writeln!(text, "nothing was changed on {role}"),
        Ended::Unchanged => writeln!(text, "{role} trusts so already"),
        Ended::Declined if dry_run => {
            writeln!(text, "{}{role} would be changed so", coloured(&applied.review.diff))
        }
        Ended::Declined => writeln!(text, "nothing was changed on {role}"),
        Ended::Applied => {
            writeln!(text, "{} {role} trusts so now; it was read back", toned(Tone::Good, "done:"))
        }
    };
    text
}

fn coloured(diff: &str) -> String {
    diff.lines()
        .map(|line| match line.chars().next() {
            Some('+') => format!("{}\n", toned(Tone::Good, line)),
            Some('-') => format!("{}\n", toned(Tone::Bad, line)),
            _ => format!("{line}\n"),
        })
        .collect()
}
