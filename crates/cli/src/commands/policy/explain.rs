//! `firmhold policy explain`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use firmhold_core::Problem;
use firmhold_iam::explain::{Explanation, explain};

use super::documents;
use crate::commands::Outcome;
use crate::printer::{Printer, Tone, toned};

/// Say what an AccessDenied text means, and what to ask for
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    aws s3 cp a.bin s3://acme-fw/ 2>&1 | firmhold policy explain\n  \
    firmhold policy explain 'User: … is not authorized to perform: …' --policy bucket.json --policy scp.json")]
pub struct Explain {
    /// The text, in quotes [default: standard input]
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// A policy in which the statement may stand; may be given more than once
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
}

impl Explain {
    /// Explains.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let text = match self.text.filter(|text| text != "-") {
            Some(text) => text,
            None => documents::read(&PathBuf::from("-"))?,
        };
        let mut held = Vec::new();
        for path in &self.policy {
            held.extend(documents::of_file(path, None)?);
        }
        printer.result(&explain(&text, &held), human);
        Ok(Outcome::Done)
    }
}

fn human(told: &Explanation) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{} {value}", toned(Tone::Dim, &format!("{name:<12}")));
        }
    };
    row("at fault", Some(&toned(Tone::Strong, told.culprit.name())));
    row("caller", told.caller.as_deref());
    row("action", told.action.as_deref());
    row("resource", told.resource.as_deref());
    row("policy", told.policy_arn.as_deref());
    row("can change", Some(told.who));
    let _ = writeln!(text, "\n{}", told.meaning);
    for held in &told.statements {
        let sid = held.sid.as_deref().map(|sid| format!(" ({sid})")).unwrap_or_default();
        let _ = writeln!(
            text,
            "\n{} statement {}{sid} at {}: {}",
            toned(Tone::Strong, &held.document),
            held.statement,
            held.place,
            held.fit
        );
        for line in held.mend.as_ref().and_then(|mend| mend.diff.as_deref()).unwrap_or_default().lines() {
            let tone = if line.starts_with('+') { Tone::Good } else { Tone::Dim };
            let _ = writeln!(text, "  {}", toned(tone, line));
        }
    }
    for ask in &told.ask {
        let _ = writeln!(text, "\n{} {}", toned(Tone::Good, "ask:"), ask.text);
        if let Some(json) = &ask.json {
            for line in serde_json::to_string_pretty(json).unwrap_or_default().lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text
}
