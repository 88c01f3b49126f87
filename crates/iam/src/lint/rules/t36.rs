//! T36: a bucket's name that can be guessed.

use std::collections::HashSet;

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T36",
    severity: Severity::Warning,
    title: "The bucket's name can be guessed",
    aws: "Names of buckets are shared by all accounts of a partition, and the name of a deleted bucket is anybody's. \
          A name made of company, purpose and environment can be taken before you, or after you: uploads and \
          links then go to a stranger's bucket.",
    mend: "End the name with some random characters, and send x-amz-expected-bucket-owner with every call.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    match scene.own.kind() {
        DocumentKind::NewBucket => {
            let name = scene.own.root.as_ref().and_then(|root| root.get("Bucket"));
            if let Some(at) = name.filter(|at| at.as_text().is_some_and(is_guessable)) {
                report.find(&at, message(at.as_text().unwrap_or_default()));
            }
        }
        DocumentKind::Command => {
            let text = &scene.own.document.text;
            if let Some(name) = made_by(text).filter(|name| is_guessable(name)) {
                report.find_line(1, 1, message(name));
            }
        }
        DocumentKind::Prose => prose(scene, report),
        _ => {}
    }
}

fn message(name: &str) -> String {
    format!("`{name}` says whose it is and what for, and nothing that a stranger could not guess.")
}

/// The bucket that a command creates.
pub fn made_by(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    if command.contains("s3api create-bucket") {
        return words.skip_while(|word| *word != "--bucket").nth(1);
    }
    if command.contains("s3 mb") {
        return words.find_map(|word| word.strip_prefix("s3://")).map(|name| name.trim_end_matches('/'));
    }
    None
}

/// Names that a guide chooses: beside "bucket name", and examples below a heading on naming.
fn prose(scene: &Scene<'_>, report: &mut Report<'_>) {
    let mut seen = HashSet::new();
    let mut on_naming = 0;
    for (number, line) in scene.own.lines() {
        let lower = line.to_ascii_lowercase();
        let names_bucket = lower.contains("bucket name") || lower.contains("bucket:");
        let heading = lower.contains("naming") || (lower.contains("name") && lower.contains("bucket"));
        on_naming = if heading { 16 } else { on_naming - 1 };
        if !(names_bucket || on_naming > 0) {
            continue;
        }
        if report.is_full() {
            return;
        }
        if let Some(name) = candidate(line).filter(|name| is_guessable(name) && seen.insert(*name)) {
            report.find_line(number, 1, message(name));
        }
    }
}

/// The one word of a line, or after its colon, that a bucket could be named.
fn candidate(line: &str) -> Option<&str> {
    let value = match line.split_once(':') {
        Some((_, value)) => value,
        None => line,
    };
    let value = value.trim().trim_start_matches(['-', '*', ' ']).trim_matches(['`', '"', '*', ' ', '.', ',']);
    let plain = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (plain && value.matches('-').count() >= 2 && value.len() >= 8 && !is_region(value)).then_some(value)
}

/// `us-west-2`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = parts.last().is_some_and(|last| last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()));
    number && parts.first().is_some_and(|first| first.len() == 2) && parts.len() <= 4
}

/// Whether a name has nothing random in it: no group of six or more characters with digits among letters, and none
/// that is an account's number.
fn is_guessable(name: &str) -> bool {
    let random = |group: &str| {
        let digits = group.bytes().filter(u8::is_ascii_digit).count();
        let letters = group.len() - digits;
        group.len() >= 6 && digits >= 2 && letters >= 1
    };
    !name.contains(['$', '{', '<', '*']) && !name.split(['-', '.']).any(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, guessable) in [
            ("acme-firmware-prod", true),
            ("acme-firmware-us-west-2", true),
            ("acme-fw-7f3k9q2x", false),
            ("acme-fw-2026", true),
            ("x-5d41402abc4b", false),
        ] {
            assert_eq!(is_guessable(name), guessable, "{name}");
        }
        assert_eq!(candidate("Bucket name: acme-fw-prod"), Some("acme-fw-prod"));
        assert_eq!(candidate("acme-iot-updates-production"), Some("acme-iot-updates-production"));
        assert_eq!(candidate("- Includes environment designation ("), None);
        assert_eq!(made_by("aws s3 mb s3://acme-fw --region x"), Some("acme-fw"));
        assert_eq!(made_by("aws s3api create-bucket --bucket acme-fw"), Some("acme-fw"));
        assert_eq!(made_by("aws s3 ls"), None);
    }
}
