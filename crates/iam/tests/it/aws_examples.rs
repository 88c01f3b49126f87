//! AWS's published examples: what the linter says of each, and whether it is right to.
//!
//! `aws_examples.jsonl` has one example a line, with its title and page; `aws_verdicts.txt` one finding a line with
//! a person's verdict.

use std::collections::{BTreeMap, BTreeSet};

use firmhold_iam::lint::{Document, DocumentKind, Setting, lint};
use serde::Deserialize;

const EXAMPLES: &str = include_str!("../fixtures/aws_examples.jsonl");
const VERDICTS: &str = include_str!("../fixtures/aws_verdicts.txt");

#[derive(Deserialize)]
struct Example {
    title: String,
    source: String,
    document: serde_json::Value,
}

fn examples() -> Vec<Example> {
    EXAMPLES.lines().map(|line| serde_json::from_str(line).expect("an example")).collect()
}

/// `NUMBER ID PATH`, the number from 1 in the order of the file.
fn findings() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (index, example) in examples().iter().enumerate() {
        let text = format!("{:#}", example.document);
        let kind = DocumentKind::detect(&text).unwrap_or(DocumentKind::Identity);
        for finding in lint(&[Document::new("x", kind, text)], &Setting::default()) {
            let row = format!("{} {} {} {}", index + 1, finding.id, finding.severity, finding.place.path);
            all.push((row, format!("{} | {} | {}", example.title, example.source, finding.message)));
        }
    }
    all
}

#[test]
fn every_finding_has_a_verdict_and_none_is_wrong() {
    if std::env::var_os("FIRMHOLD_SHOW_FINDINGS").is_some() {
        let text: Vec<String> =
            findings().into_iter().map(|(row, why)| format!("{row}\n    {why}")).collect();
        panic!("{}", text.join("\n"));
    }
    let found: BTreeSet<String> = findings().into_iter().map(|(row, _)| row).collect();
    let verdicts: BTreeMap<String, String> = VERDICTS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (row, verdict) = line.split_once(" = ").expect("a finding and its verdict");
            (row.to_owned(), verdict.to_owned())
        })
        .collect();
    let listed: BTreeSet<String> = verdicts.keys().cloned().collect();
    let unjudged: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        unjudged.is_empty() && gone.is_empty(),
        "without a verdict: {unjudged:#?}\nno longer found: {gone:#?}"
    );
    let wrong: Vec<_> = verdicts.iter().filter(|(_, verdict)| !verdict.starts_with("right")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_are_many_and_each_has_a_source() {
    let examples = examples();
    assert!(examples.len() >= 200, "{}", examples.len());
    for example in &examples {
        assert!(example.source.starts_with("https://docs.aws.amazon.com/"), "{}", example.title);
        assert!(!example.title.is_empty(), "{}", example.source);
    }
}
