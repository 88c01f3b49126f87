//! The linter: what in a document fails or harms on AWS, with the place, the reason and the mend.
//!
//! ```
//! use firmhold_iam::lint::{self, Document, DocumentKind, Setting, Severity};
//!
//! let trust = r#"{"Version": "2012-10-17", "Statement": [{
//!     "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "sts:AssumeRole",
//!     "Condition": {"StringEqualsIfExists": {"sts:ExternalId": "9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10"}}}]}"#;
//! let document = Document::new("trust.json", DocumentKind::Trust, trust);
//!
//! let found = lint::lint(&[document], &Setting::default());
//! assert_eq!(found[0].id, "external-id-optional");
//! assert_eq!((found[0].severity, found[0].place.line), (Severity::Error, 3));
//! assert!(found[0].mend.as_ref().unwrap().diff.as_ref().unwrap().contains("+    \"Condition\": {\"StringEquals\""));
//! ```
//!
//! A rule is one file below `rules`: a function over a parsed document and what stands beside it. Text that the
//! strict parser refuses is a finding like any other, and the other rules still read what they can.
//! Documents given together belong together: a role's policy is judged beside the replication of its bucket.

mod alarms;
mod beside;
mod document;
mod exempt;
mod finding;
mod keys;
mod lifecycle;
mod limits;
mod mend;
mod placeholder;
mod probe;
mod replication;
mod rules;
mod setting;
mod subject;
mod terraform;
pub(crate) mod tree;
mod trusts;
mod uploads;
pub(crate) mod view;

use std::collections::HashMap;

pub use document::{Document, DocumentKind};
pub use finding::{Finding, Refusal, Severity};
pub(crate) use mend::set;
pub use mend::{Mend, diff};
pub use placeholder::find as find_placeholder;
pub use rules::{Rule, rules};
pub use setting::Setting;
pub use terraform::{TerraformError, documents_of_plan};

use beside::Beside;
pub(crate) use exempt::exempting;
use subject::{Files, Report, Scene};

/// Lints documents that belong together. In the order of the documents, each from top to bottom.
pub fn lint(documents: &[Document], setting: &Setting) -> Vec<Finding> {
    let files = Files::read(documents);
    let all = files.subjects();
    let known = keys::Known::default();
    let beside = Beside::of(&all);
    let mut found = Vec::new();
    for own in &all {
        let scene = Scene { own, beside: &beside, setting, known: &known };
        // Of a document that is not there one rule says that, and no other can say anything.
        for rule in rules().filter(|rule| rule.is_of_missing() == own.document.missing.is_some()) {
            let mut report = Report::new(rule, own);
            (rule.check)(&scene, &mut report);
            found.extend(report.into_findings());
        }
    }
    let mut places = HashMap::new();
    for (index, document) in documents.iter().enumerate() {
        places.entry(document.name.as_str()).or_insert(index);
    }
    let place_of = |finding: &Finding| places.get(finding.document.as_str()).copied().unwrap_or_default();
    found.sort_by(|a, b| (place_of(a), a.order()).cmp(&(place_of(b), b.order())));
    found.dedup_by(|a, b| a.id == b.id && a.place == b.place && a.document == b.document);
    found
}
