//! Names that somebody was to replace.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::placeholder::{find, of};
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "placeholder",
    severity: Severity::Error,
    title: "A placeholder was left in",
    aws: "IAM does not ask whether a bucket or a key in a policy exists: it saves the placeholder, and the statement \
          grants nothing. Where the placeholder is a name that somebody else can register, the statement is theirs. \
          A principal that is none is refused with MalformedPolicyDocument.",
    mend: "Put the real name in its place.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    // In a guide they are expected; one that the reader is not told of is not.
    let severity = if scene.setting.complete { Severity::Warning } else { Severity::Error };
    let told = |word: &str| scene.setting.announced.iter().any(|own| own.contains(word));
    if scene.own.is(DocumentKind::Command) {
        if let Some(word) = find(&scene.own.document.text).filter(|word| !told(word)) {
            let message = format!("`{word}` stands for a name of your own, and the command fails with it.");
            report.find_line(1, 1, message).severity(Severity::Note);
        }
        return;
    }
    let Some(root) = &scene.own.root else { return };
    for at in root.strings() {
        if let Some(word) = of(&at).filter(|word| !told(word)) {
            report.find(&at, format!("`{word}` stands for a value that is missing.")).severity(severity);
        }
    }
}
