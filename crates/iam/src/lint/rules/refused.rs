//! Text that AWS refuses, or silently ignores a part of.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::placeholder;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "refused",
    severity: Severity::Error,
    title: "AWS refuses the document, or ignores a part of it",
    aws: "IAM and S3 answer MalformedPolicyDocument, MalformedPolicy or MalformedXML. What they do take but do not \
          know, such as a misspelt element in some APIs, has no effect, and nobody is told.",
    mend: "Correct the place that is named.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if let Some(broken) = scene.own.broken {
        report.find_at(broken.place.clone(), format!("This is not JSON: {}.", broken.message));
        return;
    }
    let Some(Err(error)) = &scene.own.policy else { return };
    // A name that is still to be filled in is a finding of its own, with the same place.
    let strings = scene.own.root.as_ref().map(|root| root.strings()).unwrap_or_default();
    let (start, end) = line_bounds(&scene.own.document.text, error.place.line);
    let filled_in = strings
        .iter()
        .filter(|at| (start..end).contains(&at.start()))
        .all(|at| placeholder::of(at).is_none());
    if filled_in {
        let message = format!("AWS does not take this as a {}: {}.", scene.own.kind(), error.message);
        report.find_at(error.place.clone(), message);
    }
}

/// The first byte of a line (from 1), and the one after it.
fn line_bounds(text: &str, line: usize) -> (usize, usize) {
    let mut start = 0;
    for (index, own) in text.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            return (start, start + own.len());
        }
        start += own.len();
    }
    (start, start)
}
