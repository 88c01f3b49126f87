//! Any text, as a policy of every kind: parsed or refused, with a place that lies in the text.
#![no_main]

use firmhold_iam::{Policy, PolicyKind};
use libfuzzer_sys::fuzz_target;

const KINDS: [PolicyKind; 7] = [
    PolicyKind::Identity,
    PolicyKind::Resource,
    PolicyKind::Trust,
    PolicyKind::Boundary,
    PolicyKind::Session,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
];

fuzz_target!(|text: &str| {
    for kind in KINDS {
        if let Err(error) = Policy::parse("fuzz", text, kind) {
            assert!(error.place.line >= 1 && error.place.line <= text.matches('\n').count() + 1);
            assert!(error.place.column >= 1 && !error.message.is_empty());
        }
    }
});
