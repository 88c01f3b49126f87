//! T18: an external ID that can be guessed.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::placeholder;
use crate::lint::subject::{Report, Scene};
use crate::lint::trusts::{is_external_id, opening};

pub static RULE: Rule = Rule {
    id: "T18",
    severity: Severity::Warning,
    title: "The external ID can be guessed",
    aws: "AWS takes any external ID of two characters or more. One that is an organization's name or number is known \
          to staff and in mails, and shared by all environments and roles of the organization: it no longer says \
          which customer the vendor acts for.",
    mend: "Let the vendor make an unguessable one for each role, such as a random UUID; never choose it yourself.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in opening(scene) {
        for condition in statement.conditions.iter().filter(|condition| is_external_id(condition)) {
            for at in &condition.values {
                let Some(text) = at.as_text().filter(|text| is_guessable(text)) else { continue };
                let severity = if scene.own.ours { Severity::Note } else { Severity::Warning };
                let message = format!("`{text}` is not random enough to keep others out.");
                report.find(at, message).severity(severity);
            }
        }
    }
}

/// Names of what everybody knows.
const KNOWN: [&str; 8] = ["ORG", "ACCOUNT", "COMPANY", "CUSTOMER", "TENANT", "NAME", "EMAIL", "DOMAIN"];

/// A placeholder is judged by what it asks for; a text by whether it looks random.
fn is_guessable(text: &str) -> bool {
    if placeholder::find(text).is_some() {
        let upper = text.to_ascii_uppercase();
        return KNOWN.iter().any(|known| upper.contains(known));
    }
    !text.contains(['*', '?']) && !looks_random(text)
}

/// Some twenty letters and digits, well mixed: a UUID, or as many random characters.
pub fn looks_random(text: &str) -> bool {
    let marks: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let digits = marks.iter().filter(|c| c.is_ascii_digit()).count();
    let mut different = marks.clone();
    different.sort_unstable();
    different.dedup();
    let turns =
        marks.windows(2).filter(|pair| pair.iter().filter(|c| c.is_ascii_digit()).count() == 1).count();
    marks.len() >= 18 && digits >= 3 && different.len() >= 8 && turns >= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed() {
        for (text, guessable) in [
            ("YOUR_ORG_ID", true),
            ("<customer id>", true),
            ("acme-corp", true),
            ("12345", true),
            ("111122223333", true),
            ("acme-production-2026-firmware", true),
            ("YOUR_EXTERNAL_ID", false),
            ("9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10", false),
            ("fh-3kq8v1x0m5p7r2t9w4y6z8ab", false),
        ] {
            assert_eq!(is_guessable(text), guessable, "{text}");
        }
    }
}
