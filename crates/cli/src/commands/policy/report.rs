//! Findings as a person reads them, and as a program does.

use std::fmt::Write as _;

use firmhold_iam::lint::{Document, Finding, Severity};
use serde::Serialize;
use serde_json::{Value, json};

use crate::printer::{Tone, toned};
use crate::snippet::Snippet;

/// What was linted, and what was found.
pub struct Linted {
    /// What findings speak of.
    pub sources: Vec<Source>,
    /// The findings.
    pub findings: Vec<Finding>,
    /// What came of doing what a guide says.
    pub replay: Option<Replay>,
}

/// A text that was linted.
pub struct Source {
    /// What findings call it.
    pub name: String,
    /// What their places count in.
    pub text: String,
    /// Where it comes from.
    pub from: Origin,
}

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file that is one document.
    File,
    /// A page, of which findings speak block by block.
    Page,
    /// The Terraform plan of this name. The document is printed from it, and stands so in no file.
    Plan(String),
}

/// What came of doing what a guide says.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// Every step, in the order of the page.
    pub steps: Vec<ReplayStep>,
}

/// One step of a guide.
#[derive(Debug, Serialize)]
pub struct ReplayStep {
    /// The line that asks for it.
    pub line: usize,
    /// What was done.
    pub what: String,
    /// What came of it.
    pub outcome: StepOutcome,
    /// The error of AWS, e.g. `AccessDenied`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its text, or why the step was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The line of the statement or the member that it failed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_line: Option<usize>,
    /// The rules that found the same place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<&'static str>,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    not(feature = "sandbox"),
    allow(dead_code, reason = "steps are done in a sandbox, and only shown without")
)]
pub enum StepOutcome {
    /// It worked.
    Done,
    /// It was refused: here a reader of the guide stops.
    Stopped,
    /// The sandbox has no such service, or there is nothing to do.
    LeftOut,
}

impl Source {
    /// A document of a file: the file itself, or one of those in a plan.
    pub fn of(document: &Document, file: &str) -> Self {
        let from = if document.name() == file { Origin::File } else { Origin::Plan(file.to_owned()) };
        Self { name: document.name().to_owned(), text: document.text().to_owned(), from }
    }
}

impl Linted {
    /// Of documents.
    pub fn of_documents(sources: Vec<Source>, findings: Vec<Finding>) -> Self {
        Self { sources, findings, replay: None }
    }

    /// Of a guide.
    pub fn of_guide(name: String, text: String, lint: impl Fn(&str, &str) -> Vec<Finding>) -> Self {
        let findings = lint(&name, &text);
        Self { sources: vec![Source { name, text, from: Origin::Page }], findings, replay: None }
    }

    /// What a finding speaks of.
    pub fn source(&self, finding: &Finding) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == finding.document)
    }

    /// As text with the lines that findings speak of.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let source = self.source(finding).map(|source| source.text.as_str());
            one(&mut text, finding, source.unwrap_or_default());
        }
        if let Some(replay) = &self.replay {
            steps(&mut text, replay);
        }
        let _ = write!(text, "{}", summary(&self.findings));
        text
    }

    /// As one document.
    pub fn json(&self) -> Value {
        let [errors, warnings, notes] = counts(&self.findings);
        let mut document = json!({
            "findings": self.findings,
            "errors": errors,
            "warnings": warnings,
            "notes": notes,
        });
        if let Some(replay) = &self.replay {
            document["replay"] = json!(replay);
        }
        document
    }
}

fn counts(findings: &[Finding]) -> [usize; 3] {
    [Severity::Error, Severity::Warning, Severity::Note]
        .map(|severity| findings.iter().filter(|finding| finding.severity == severity).count())
}

fn summary(findings: &[Finding]) -> String {
    let [errors, warnings, notes] = counts(findings);
    let tone = match (errors, warnings) {
        (0, 0) => Tone::Good,
        (0, _) => Tone::Warn,
        _ => Tone::Bad,
    };
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let parts = [plural(errors, "error"), plural(warnings, "warning"), plural(notes, "note")];
    toned(tone, &parts.join(", "))
}

/// A finding with the line it speaks of, the reason and the mend.
fn one(text: &mut String, finding: &Finding, source: &str) {
    let mut help = format!("AWS: {}", finding.aws);
    if let Some(mend) = &finding.mend {
        let _ = write!(help, "\nmend: {}", mend.text);
    }
    let snippet = Snippet {
        severity: match finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        },
        code: &format!("{}[{}]", finding.severity, finding.id),
        message: &finding.message,
        name: &finding.document,
        text: source,
        line: finding.place.line,
        column: finding.place.column,
        path: &finding.place.path,
        help: Some(help),
    };
    text.push_str(&snippet.render());
    // Not part of the help: its lines must not be wrapped.
    for line in finding.mend.iter().flat_map(|mend| mend.diff.as_deref().unwrap_or_default().lines()) {
        let tone = match line.chars().next() {
            Some('+') => Tone::Good,
            Some('-') => Tone::Bad,
            _ => Tone::Dim,
        };
        let _ = writeln!(text, "    {}", toned(tone, line));
    }
    let _ = writeln!(text, "  {}\n", toned(Tone::Dim, &finding.docs));
}

fn steps(text: &mut String, replay: &Replay) {
    let _ = writeln!(text, "{}", toned(Tone::Strong, "The guide, done in a sandbox:"));
    for step in &replay.steps {
        let mark = match step.outcome {
            StepOutcome::Done => toned(Tone::Good, "done   "),
            StepOutcome::Stopped => toned(Tone::Bad, "stopped"),
            StepOutcome::LeftOut => toned(Tone::Dim, "left out"),
        };
        let _ = writeln!(text, "  {mark} line {}: {}", step.line, step.what);
        if let Some(error) = &step.error {
            let at = step.at_line.map(|line| format!(" (line {line})")).unwrap_or_default();
            let by = match step.findings.as_slice() {
                [] => String::new(),
                ids => format!(", found by {}", ids.join(", ")),
            };
            let _ = writeln!(text, "          {error}{at}{by}");
        }
        if let Some(detail) = &step.detail {
            let _ = writeln!(text, "          {}", toned(Tone::Dim, detail));
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use firmhold_iam::lint::{DocumentKind, Setting, lint};

    use super::*;

    #[test]
    fn a_finding_shows_its_line_and_the_mend() {
        let trust = "{\"Version\": \"2012-10-17\", \"Statement\": [{\n  \"Effect\": \"Allow\",\n  \
            \"Principal\": {\"AWS\": \"arn:aws:iam::999999999999:root\"},\n  \"Action\": \"sts:AssumeRole\"}]}\n";
        let document = Document::new("trust.json", DocumentKind::Trust, trust);
        let findings = lint(std::slice::from_ref(&document), &Setting::default());
        let text = Linted::of_documents(vec![Source::of(&document, "trust.json")], findings).text();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string(), @r#"
        error[T17]

          × Everybody in `arn:aws:iam::999999999999:root` who may assume roles may assume this one.
           ╭─[trust.json:3:17]
         3 │   "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
           ·                 ▲
           ·                 ╰── Statement[0].Principal.AWS
           ╰────
          help: AWS: A trust policy that names an account leaves it to the account who may: everybody in
                it with sts:AssumeRole on `*`. A condition on what everybody there can fulfil (TLS, a
                region, the account itself) changes nothing. That holds from the moment the role exists
                until somebody changes it, and nothing reminds anybody to.
                mend: Create the role once, with its final trust policy. While the external ID is not
                known, trust nobody: a statement that denies sts:AssumeRole to everybody is a good
                placeholder.
          docs/lint.md#t17

        1 error, 0 warnings, 0 notes
        "#);
    }
}
