//! `firmhold account trust`.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use firmhold_core::{Clock, Code, Problem};
use firmhold_provision::handoff::{Applied, Given, Outcome as Ended, Review, apply_trust};
use firmhold_provision::{OwnerAccess, OwnerCredentials};

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
    /// Profile of the AWS config files [default: the usual chain of credentials]
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    aws_profile: Option<String>,
    /// The region whose endpoints are asked; IAM has none
    #[arg(
        long,
        env = "AWS_REGION",
        value_name = "REGION",
        default_value = "us-east-1",
        help_heading = "AWS"
    )]
    region: String,
    /// Instead of AWS's hosts: a sandbox
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", help_heading = "AWS")]
    endpoint_url: Option<String>,
    /// Trust these certificate authorities too, in PEM
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE", help_heading = "AWS")]
    ca_bundle: Option<PathBuf>,
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
        let access = OwnerAccess {
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            ca_bundle: self.ca_bundle.clone(),
            credentials: self
                .aws_profile
                .clone()
                .map_or(OwnerCredentials::Default, OwnerCredentials::Profile),
            clock: Clock::system(),
        };
        let from_terminal = std::io::stdin().is_terminal() && !printer.is_json();
        if !self.yes && !self.dry_run && !from_terminal {
            return Err(Problem::new(Code::Usage, "there is no terminal to ask on")
                .with_hint("`--dry-run` shows what would change, `--yes` changes it."));
        }
        let given = Given { role: &self.role, name: &name, text: &text };
        let agree = |review: &Review| self.agrees(review, printer);
        let applied = apply_trust(&given, &access, Some(&self.journal), agree).await?;
        printer.result(&applied, |applied| human(applied, self.dry_run));
        Ok(if applied.outcome == Ended::Refused { Outcome::Findings } else { Outcome::Done })
    }

    fn agrees(&self, review: &Review, printer: &Printer) -> bool {
        if self.dry_run {
            return false;
        }
        if self.yes {
            return true;
        }
        printer.note(&coloured(&review.diff));
        printer.prompt(&format!("Put this on the role {}? [y/N]", self.role));
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
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
