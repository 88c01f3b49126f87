//! Any text, linted as every kind of document, alone and beside another: findings or none, each with a place.
#![no_main]

use firmhold_iam::lint::{Document, DocumentKind, Setting, lint};
use libfuzzer_sys::fuzz_target;

const KINDS: [DocumentKind; 12] = [
    DocumentKind::Identity,
    DocumentKind::Session,
    DocumentKind::Trust,
    DocumentKind::Bucket,
    DocumentKind::Key,
    DocumentKind::Lifecycle,
    DocumentKind::Replication,
    DocumentKind::Alarm,
    DocumentKind::Encryption,
    DocumentKind::NewBucket,
    DocumentKind::Command,
    DocumentKind::Prose,
];

fuzz_target!(|text: &str| {
    let (first, second) = text.split_once('\0').unwrap_or((text, ""));
    for kind in KINDS {
        let mut documents = vec![Document::new("first", kind, first)];
        if !second.is_empty() {
            documents.push(Document::new("second", DocumentKind::Identity, second));
        }
        for finding in lint(&documents, &Setting::default()) {
            assert!(finding.place.line >= 1 && finding.place.column >= 1, "{finding:?}");
        }
    }
});
