//! Findings as a person reads them, and as a program does.

use std::fmt::Write as _;

use firmhold_iam::lint::{Document, Finding, Severity};
use serde::Serialize;
use serde_json::{Value, json};

use crate::printer::{Tone, toned};

/// What was linted, and what was found.
pub struct Linted {
    /// Names and texts, to show what a finding speaks of.
    pub sources: Vec<(String, String)>,
    /// The findings.
    pub findings: Vec<Finding>,
    /// What came of doing what a guide says.
    pub replay: Option<Replay>,
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
pub enum StepOutcome {
    /// It worked.
    Done,
    /// It was refused: here a reader of the guide stops.
    Stopped,
    /// The sandbox has no such service, or there is nothing to do.
    LeftOut,
}

impl Linted {
    /// Of documents.
    pub fn of_documents(documents: Vec<Document>, findings: Vec<Finding>) -> Self {
        let source = |document: &Document| (document.name().to_owned(), document.text().to_owned());
        Self { sources: documents.iter().map(source).collect(), findings, replay: None }
    }

    /// Of a guide.
    pub fn of_guide(name: String, text: String, lint: impl Fn(&str, &str) -> Vec<Finding>) -> Self {
        let findings = lint(&name, &text);
        Self { sources: vec![(name, text)], findings, replay: None }
    }

    /// As text with the lines that findings speak of.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let source = self.sources.iter().find(|(name, _)| *name == finding.document);
            one(&mut text, finding, source.map(|(_, text)| text.as_str()).unwrap_or_default());
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

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Note => Tone::Dim,
    }
}

/// A finding with the line it speaks of, the reason and the mend.
fn one(text: &mut String, finding: &Finding, source: &str) {
    let label = toned(tone(finding.severity), &format!("{}[{}]", finding.severity, finding.id));
    let _ = writeln!(text, "{label}: {}", toned(Tone::Strong, &finding.message));
    let place = &finding.place;
    let path = if place.path.is_empty() { String::new() } else { format!("  {}", place.path) };
    let arrow = toned(Tone::Dim, "-->");
    let _ = writeln!(text, "  {arrow} {}:{}:{}{path}", finding.document, place.line, place.column);
    if let Some(line) = source.lines().nth(place.line.saturating_sub(1)) {
        let number = place.line.to_string();
        let bar = toned(Tone::Dim, "|");
        let (shown, column) = window(line, place.column);
        let _ = writeln!(text, " {} {bar} {shown}", toned(Tone::Dim, &number));
        let blank = " ".repeat(number.len());
        let _ = writeln!(text, " {blank} {bar} {}{}", " ".repeat(column), toned(tone(finding.severity), "^"));
    }
    let _ = writeln!(text, "{}", wrapped("  AWS: ", finding.aws));
    if let Some(mend) = &finding.mend {
        let _ = writeln!(text, "{}", wrapped("  mend: ", &mend.text));
        for line in mend.diff.as_deref().unwrap_or_default().lines() {
            let tone = match line.chars().next() {
                Some('+') => Tone::Good,
                Some('-') => Tone::Bad,
                _ => Tone::Dim,
            };
            let _ = writeln!(text, "    {}", toned(tone, line));
        }
    }
    let _ = writeln!(text, "  {}\n", toned(Tone::Dim, &finding.docs));
}

/// What of a line is shown, and how many characters stand before the column: a minified document is one line.
fn window(line: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 100;
    let at = column.saturating_sub(1);
    if line.chars().count() <= WIDTH {
        return (line.to_owned(), at);
    }
    let start = at.saturating_sub(WIDTH / 4);
    let shown: String = line.chars().skip(start).take(WIDTH).collect();
    let lead = if start > 0 { "…" } else { "" };
    (format!("{lead}{shown}…"), at - start + lead.chars().count())
}

/// Text in lines of at most 100 characters, the later ones below the first word.
fn wrapped(label: &str, text: &str) -> String {
    const WIDTH: usize = 100;
    let indent = " ".repeat(label.len());
    let mut lines = vec![label.to_owned()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if line.chars().count() + word.chars().count() + 1 > WIDTH && line.trim() != label.trim() {
            lines.push(format!("{indent}{word}"));
        } else {
            if !line.ends_with(' ') {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
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
        let text = Linted::of_documents(vec![document], findings).text();
        let plain = anstream::adapter::strip_str(&text).to_string();
        for part in [
            "error[T17]: Everybody in `arn:aws:iam::999999999999:root`",
            "\n  --> trust.json:3:17  Statement[0].Principal.AWS\n",
            "\n 3 |   \"Principal\": {\"AWS\": ",
            "\n   |                 ^\n",
            "\n  AWS: ",
            "\n  mend: ",
            "\n  docs/lint.md#t17\n",
            "1 error, 0 warnings, 0 notes",
        ] {
            assert!(plain.contains(part), "{part:?} is not in {plain}");
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line = "x".repeat(500);
        let (shown, column) = window(&line, 300);
        assert_eq!((shown.chars().count(), column), (102, 26));
        assert_eq!(window("short", 3), ("short".to_owned(), 2));
    }
}
