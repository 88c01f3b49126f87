//! Ten monthly bills, worked by hand in their files.

use std::path::Path;

use firmhold_provision::cost::{Item, PriceTable, StorageClass, Usage, bill};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Worked {
    expected_usd: f64,
    usage: Usage,
}

#[test]
fn ten_bills_are_as_worked_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bills");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 10);
    let prices = PriceTable::committed().unwrap();
    for file in files {
        let worked: Worked = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        worked.usage.check().unwrap();
        let bill = bill(&worked.usage, &prices);
        let off = (bill.usd - worked.expected_usd).abs() / worked.expected_usd;
        assert!(bill.complete, "{}: a price is missing: {:#?}", file.display(), bill.lines);
        // Within 1 % is asked; the working has more digits than that.
        assert!(
            off < 0.000_1,
            "{}: {} instead of {}: {:#?}",
            file.display(),
            bill.usd,
            worked.expected_usd,
            bill.lines
        );
    }
}

/// Nothing is guessed: not for a region that is not in the table, and not beyond the tiers that were read.
#[test]
fn without_a_text_there_is_no_price() {
    let prices = PriceTable::committed().unwrap();
    let usage = Usage::parse(
        "region = \"mx-central-1\"\negress_bytes = 1073741824\n\
         stored = [{ class = \"STANDARD\", objects = 1, bytes = 1073741824 }]",
    )
    .unwrap();
    let nowhere = bill(&usage, &prices);
    assert!(!nowhere.complete && nowhere.usd == 0.0, "{nowhere:#?}");
    assert!(nowhere.lines.iter().all(|line| line.usd.is_none() && line.source.is_none()));

    let usage = Usage::parse(r#"{"region": "us-west-2", "egress_bytes": 21990232555520}"#).unwrap();
    let beyond = bill(&usage, &prices);
    let line = beyond.line(Item::Egress, "us-west-2").unwrap();
    // 10,240 GB at 0.09, and as many again that no text covers.
    assert!((line.usd.unwrap() - 921.6).abs() < 1e-6, "{line:?}");
    assert!((line.unpriced - 10_240.0).abs() < 1e-6, "{line:?}");
    assert!(!beyond.complete);
}

#[test]
fn every_priced_line_says_what_it_rests_on() {
    let prices = PriceTable::committed().unwrap();
    let usage = Usage::parse(
        "region = \"us-east-1\"\nstored = [{ class = \"GLACIER_IR\", objects = 1, bytes = 1000 }]",
    )
    .unwrap();
    let bill = bill(&usage, &prices);
    let line = bill.line(Item::Storage(StorageClass::GlacierIr), "us-east-1").unwrap();
    let source = prices.source(line.source.as_deref().unwrap()).unwrap();
    assert_eq!(source.read, "2026-11-24");
}
