//! T25: an example that breaks the limit beside it.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T25",
    severity: Severity::Note,
    title: "An example is longer than the limit beside it",
    aws: "Nothing: the limit is the platform's. Whoever copies the example is refused later. A short name for a \
          backend is also not the name of its IAM role.",
    mend: "Give an example that fits, and keep the short name and the role's name apart.",
    pages: &[],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.own.is(DocumentKind::Prose) {
        return;
    }
    for (number, line) in scene.own.lines() {
        let Some((value, limit)) = example(line) else { continue };
        let length = value.chars().count();
        if length > limit {
            report.find_line(number, 1, format!("`{value}` has {length} characters, not {limit} at most."));
        }
    }
}

/// `Name: value (max 10 characters)` as (`value`, 10); also `at most 10 chars`, `up to 10`.
fn example(line: &str) -> Option<(&str, usize)> {
    let (before, inside) = line.split_once('(')?;
    let lower = inside.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let bound = ["max", "maximum", "most", "to", "limit"].iter().any(|word| words.contains(word));
    let unit = words.iter().any(|word| word.starts_with("char"));
    let limit = words.iter().find_map(|word| word.parse().ok())?;
    let value = before.split_once(':').map_or(before, |(_, value)| value);
    let value = value.trim().trim_matches(['`', '"', '*', '|', ' ']);
    let one_word = !value.is_empty() && !value.contains(char::is_whitespace) && !value.starts_with('[');
    (bound && unit && one_word).then_some((value, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_with_limits() {
        assert_eq!(example("Name: prod-one (max 10 characters)"), Some(("prod-one", 10)));
        assert_eq!(example("- **Alias:** `edge` (at most 4 chars)"), Some(("edge", 4)));
        assert_eq!(example("Role: [SHORT] (max 10 chars)"), None);
        assert_eq!(example("Choose a short name (max 10 characters)"), None);
        assert_eq!(example("Region: us-west-2 (near your fleet)"), None);
    }
}
