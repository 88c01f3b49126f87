//! A page of a fictitious vendor against the table that was written before the linter was run on it.

use std::collections::BTreeSet;

use firmhold_iam::guide;

const PAGE: &str = include_str!("../fixtures/guide/larkspur.md");
const EXPECTED: &str = include_str!("../fixtures/guide/larkspur.expected");

fn expected() -> BTreeSet<(usize, String)> {
    let row = |line: &str| {
        let (id, line) = line.split_once(' ').expect("rule and line");
        (line.parse().expect("a line"), id.to_owned())
    };
    EXPECTED.lines().filter(|line| !line.starts_with(['#', 's'])).map(row).collect()
}

#[test]
fn finds_what_the_table_says_and_nothing_else() {
    let found: BTreeSet<(usize, String)> = guide::lint("larkspur.md", PAGE)
        .into_iter()
        .map(|finding| (finding.place.line, finding.id.to_owned()))
        .collect();
    let expected = expected();
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:?}\nsurplus: {surplus:?}");
}

#[test]
fn hostile_pages_end() {
    for text in ["{", "{\"", "aws \\", "```json\n{\"a\":[", &"{\"a\":".repeat(5_000), &"{\n".repeat(20_000)] {
        let _ = guide::lint("x", text);
    }
}
