//! `firmhold account name`.

use std::fmt::Write as _;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::naming::{self, Broken, Parts, Pattern, Proposal, Suffix, Use};
use serde::Serialize;

use crate::commands::Outcome;
use crate::printer::{Printer, Tone, toned};

/// What lies in a bucket unless it is said.
pub const PURPOSE: &str = "firmware";

/// Make a bucket name, or check one
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account name --company Acme --environment prod\n  \
    firmhold account name --company Acme --purpose binaries --region us-west-2 --pattern region\n  \
    firmhold account name --company Acme --environment prod --pattern 'fw-{company}-{environment}'\n  \
    firmhold account name acme-firmware-prod --acceleration\n\n\
    Exit code 3: AWS would refuse the name that was given.")]
pub struct Name {
    /// Check this name instead of making one
    #[arg(value_name = "NAME", conflicts_with_all = ["company", "pattern", "no_suffix"])]
    name: Option<String>,
    /// Whose bucket it is
    #[arg(long, value_name = "NAME", required_unless_present = "name")]
    company: Option<String>,
    /// What lies in it
    #[arg(long, value_name = "WORD", default_value = PURPOSE)]
    purpose: String,
    /// prod, staging, dev, …
    #[arg(long, value_name = "WORD")]
    environment: Option<String>,
    /// The bucket's region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// environment, region, plain, or your own with {company}, {purpose}, {environment}, {region} [default: environment, or region if there is no environment]
    #[arg(long, value_name = "PATTERN")]
    pattern: Option<String>,
    /// No random ending: others can guess the name, and take it
    #[arg(long)]
    no_suffix: bool,
    /// S3 Transfer Acceleration is wanted, which forbids dots
    #[arg(long)]
    acceleration: bool,
}

/// What a check says.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    broken: Vec<Broken>,
}

impl Name {
    /// Makes or checks a name.
    ///
    /// # Errors
    /// Parts that are missing, or a name that AWS would refuse.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let usage = Use { acceleration: self.acceleration };
        if let Some(name) = &self.name {
            let checked = Checked { name, broken: naming::check(name, usage) };
            printer.result(&checked, verdict);
            return Ok(if checked.broken.is_empty() { Outcome::Done } else { Outcome::Findings });
        }
        let parts = Parts {
            company: self.company.unwrap_or_default(),
            purpose: self.purpose,
            environment: self.environment,
            region: self.region,
        };
        let pattern = match self.pattern {
            Some(text) => text.parse()?,
            None => Pattern::fitting(&parts),
        };
        let suffix = if self.no_suffix { None } else { Some(suffix()?) };
        let proposal = naming::propose(&pattern, &parts, suffix.as_ref(), usage)?;
        printer.result(&proposal, |proposal| proposal.name.clone());
        notes(printer, &proposal);
        Ok(Outcome::Done)
    }
}

/// A new random ending.
///
/// # Errors
/// The machine has no randomness to give.
pub fn suffix() -> Result<Suffix, Problem> {
    let mut entropy = [0; 5];
    getrandom::fill(&mut entropy).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Suffix::of(entropy))
}

/// The reasons go beside the name, not into it: scripts read the name.
fn notes(printer: &Printer, proposal: &Proposal) {
    for reason in &proposal.reasons {
        printer.note(&toned(Tone::Dim, reason));
    }
}

fn verdict(checked: &Checked<'_>) -> String {
    if checked.broken.is_empty() {
        return format!("{} AWS takes `{}`", toned(Tone::Good, "good"), checked.name);
    }
    let mut text = String::new();
    for broken in &checked.broken {
        let _ = writeln!(
            text,
            "{} {}\n     {}",
            toned(Tone::Bad, "bad "),
            broken.says,
            toned(Tone::Dim, broken.page)
        );
    }
    text
}
