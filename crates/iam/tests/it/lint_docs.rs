//! The page of the rules is the rules' own text.

use std::fmt::Write as _;
use std::path::Path;

use firmhold_iam::lint::rules;

/// What follows it is written by this test.
const MARK: &str = "<!-- the rules; FIRMHOLD_WRITE_DOCS=1 cargo test -p firmhold-iam writes them -->\n";

fn sections() -> String {
    let mut text = String::new();
    for rule in rules() {
        let _ = write!(
            text,
            "\n## {}\n\n**{}** ({})\n\n{}\n\nMend: {}\n",
            rule.id, rule.title, rule.severity, rule.aws, rule.mend
        );
        if !rule.pages.is_empty() {
            let pages: Vec<String> = rule.pages.iter().map(|page| format!("<{page}>")).collect();
            let _ = write!(text, "\nAWS: {}\n", pages.join(", "));
        }
    }
    text
}

#[test]
fn every_rule_has_its_section() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lint.md");
    let page = std::fs::read_to_string(&path).expect("the page of the rules");
    let (head, written) = page.split_once(MARK).expect("the mark");
    if std::env::var_os("FIRMHOLD_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{MARK}{}", sections())).expect("written");
        return;
    }
    assert!(written == sections(), "docs/lint.md is not what the rules say: FIRMHOLD_WRITE_DOCS=1 writes it");
}

#[test]
fn ids_and_pages_are_sound() {
    let mut seen = std::collections::HashSet::new();
    for rule in rules() {
        assert!(seen.insert(rule.id), "{} is there twice", rule.id);
        assert!(rule.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{}", rule.id);
        assert!(
            rule.pages.iter().all(|page| page.starts_with("https://docs.aws.amazon.com/")),
            "{}",
            rule.id
        );
    }
}
