//! Any text as a setting in which documents stand: a guide, a Terraform plan, an AccessDenied text.
//!
//! What must hold: no panic, places that lie in the text, and an explanation that names somebody to turn to.
#![no_main]

use firmhold_iam::explain::explain;
use firmhold_iam::guide::{self, Page};
use firmhold_iam::lint::{Document, DocumentKind, Setting, documents_of_plan, lint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (first, second) = text.split_once('\0').unwrap_or((text, ""));
    let lines = first.lines().count().max(1);
    for finding in guide::lint("page", first) {
        assert!((1..=lines + 1).contains(&finding.place.line), "{finding:?}");
    }
    let _ = guide::steps(&Page::read(first));
    if let Ok(documents) = documents_of_plan(first) {
        let _ = lint(&documents, &Setting::default());
    }
    let held = [
        Document::new("held", DocumentKind::Bucket, second),
        Document::new("held", DocumentKind::Identity, second),
    ];
    assert!(!explain(first, &held).who.is_empty());
});
