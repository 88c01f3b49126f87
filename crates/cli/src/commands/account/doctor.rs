//! `firmhold account doctor`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::doctor::{Diagnosis, Facts, Names, Suspect, diagnose};
use serde::Serialize;

use crate::commands::Outcome;
use crate::commands::policy::documents;
use crate::printer::{Printer, Tone, toned};

/// Find what is behind an error text or a figure, and what ends it
#[derive(Args)]
#[command(
    group = clap::ArgGroup::new("symptom").required(true).multiple(true),
    after_help = "Examples:\n  \
    aws s3 cp a.bin s3://acme-fw/ 2>&1 | firmhold account doctor --file -\n  \
    firmhold account doctor --error 'An error occurred (PermanentRedirect) …' --bucket acme-fw\n  \
    firmhold account doctor --figure noncurrent-share=0.6 --bucket acme-fw\n\n\
    docs/account-troubleshooting.md has all symptoms and figures. Nothing is asked of any network, and nothing is changed.\n\
    Exit code 3: nothing fits."
)]
pub struct Doctor {
    /// The error text, in quotes
    #[arg(long, value_name = "TEXT", group = "symptom")]
    error: Option<String>,
    /// A file with the error text; `-` for standard input
    #[arg(long, value_name = "FILE", group = "symptom", conflicts_with = "error")]
    file: Option<PathBuf>,
    /// A figure that was measured; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", group = "symptom")]
    figure: Vec<String>,
    /// The bucket, for the commands
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Its region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// The KMS key
    #[arg(long, value_name = "ARN")]
    key: Option<String>,
    /// The object's key
    #[arg(long, value_name = "KEY")]
    object: Option<String>,
    /// The replica's bucket
    #[arg(long, value_name = "NAME")]
    replica: Option<String>,
    /// Show every symptom that fits, not the closest one alone
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Told {
    diagnoses: Vec<Diagnosis>,
}

impl Doctor {
    /// Diagnoses.
    ///
    /// # Errors
    /// A file that cannot be read, or a figure that there is not.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let text = match self.file {
            Some(path) => Some(documents::read(&path)?),
            None => self.error,
        };
        let names = Names {
            bucket: self.bucket,
            region: self.region,
            role: self.role,
            key: self.key,
            object: self.object,
            replica: self.replica,
        };
        let mut facts = Facts { text, names, ..Facts::default() };
        for figure in &self.figure {
            facts.add_figure(figure)?;
        }
        let mut told = Told { diagnoses: diagnose(&facts) };
        let others: Vec<String> = told.diagnoses.iter().skip(1).map(|other| other.symptom.clone()).collect();
        if !self.all {
            // Each figure that is too much is a symptom by itself; of a text only the closest is.
            told.diagnoses.truncate(self.figure.len().max(1));
        }
        printer.result(&told, human);
        if !self.all && !others.is_empty() && self.figure.is_empty() {
            printer.note(&toned(Tone::Dim, &format!("less close, with --all: {}", others.join(", "))));
        }
        Ok(if told.diagnoses.is_empty() { Outcome::Findings } else { Outcome::Done })
    }
}

fn human(told: &Told) -> String {
    if told.diagnoses.is_empty() {
        return format!(
            "{} no symptom fits. `firmhold policy explain` reads any AccessDenied text; docs/account-troubleshooting.md \
             has all that is known.",
            toned(Tone::Warn, "unknown:")
        );
    }
    told.diagnoses.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(diagnosis: &Diagnosis) -> String {
    let mut text = format!(
        "{}\n{}\n{}\n",
        toned(Tone::Strong, &diagnosis.title),
        diagnosis.what,
        toned(Tone::Dim, &diagnosis.because)
    );
    for (index, suspect) in diagnosis.suspects.iter().enumerate() {
        cause(&mut text, index + 1, suspect);
    }
    let _ = writeln!(text, "\n{}", toned(Tone::Dim, &diagnosis.docs));
    text
}

fn cause(text: &mut String, number: usize, suspect: &Suspect) {
    let tone = if suspect.evidence.is_some() { Tone::Bad } else { Tone::Warn };
    let _ = writeln!(text, "\n{} {}", toned(tone, &format!("{number}.")), suspect.says);
    if let Some(evidence) = &suspect.evidence {
        let _ = writeln!(text, "   {} {evidence}", toned(Tone::Dim, "shown by"));
    }
    let _ = writeln!(text, "   {} {}", toned(Tone::Dim, "test    "), suspect.test);
    let _ = writeln!(text, "   {} {}", toned(Tone::Dim, "it is it"), format_args!("if {}", suspect.decides));
    let _ = writeln!(text, "   {} {}", toned(Tone::Dim, "remedy  "), suspect.remedy);
    let _ = writeln!(text, "   {} {}", toned(Tone::Dim, "by      "), suspect.who);
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use clap::error::ErrorKind;
    use firmhold_provision::doctor::symptoms;

    use crate::args::Cli;

    /// Our own commands in a line of a shell: each begins with our name and ends where the shell says.
    fn ours(line: &str) -> Vec<Vec<String>> {
        let starts = line.match_indices("firmhold ").map(|(at, _)| at).filter(|at| {
            let before = line[..*at].trim_end();
            before.is_empty() || before.ends_with(['|', '&', ';', '('])
        });
        starts.map(|at| words(&line[at..])).collect()
    }

    fn words(line: &str) -> Vec<String> {
        let (mut all, mut word, mut quote) = (Vec::new(), String::new(), None);
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), c) => word.push(c),
                (None, '"' | '\'') => quote = Some(c),
                (None, '|' | '&' | ';' | '>' | ')') => break,
                (None, ' ') if word.is_empty() => {}
                (None, ' ') => all.push(std::mem::take(&mut word)),
                (None, c) => word.push(c),
            }
        }
        all.extend(Some(word).filter(|word| !word.is_empty()));
        all
    }

    /// A remedy that cannot be run is none. Words in capitals stand for values, so a value may be no number.
    #[test]
    fn every_command_of_ours_is_one() {
        let lines = symptoms().iter().flat_map(|symptom| {
            symptom
                .causes
                .iter()
                .flat_map(|cause| [&cause.test, &cause.remedy])
                .map(|line| (&symptom.id, line))
        });
        let mut wrong = Vec::new();
        let mut seen = 0;
        for (id, line) in lines {
            for command in ours(line) {
                seen += 1;
                let Err(error) = Cli::try_parse_from(&command) else { continue };
                let of_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
                if !of_value {
                    wrong.push(format!("{id}: {}: {}", command.join(" "), error.kind()));
                }
            }
        }
        assert!(seen > 50, "{seen}");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
