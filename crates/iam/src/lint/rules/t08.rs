//! T08: transitions of current objects where old versions were meant.

use serde_json::Value;

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::lifecycle::rules_over_firmware;
use crate::lint::mend::replace_member;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T08",
    severity: Severity::Warning,
    title: "The rule moves current objects, and leaves old versions where they are",
    aws: "Transitions and Expiration act on current versions. Versions that were overwritten or deleted are \
          noncurrent, and only NoncurrentVersionTransitions and NoncurrentVersionExpiration reach them. Neither is \
          the storage class INTELLIGENT_TIERING.",
    mend: "Use NoncurrentVersionTransitions with NoncurrentDays.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for rule in rules_over_firmware(scene) {
        let noncurrent =
            ["NoncurrentVersionTransitions", "NoncurrentVersionTransition", "NoncurrentVersionExpiration"];
        if noncurrent.iter().any(|name| rule.get(name).is_some()) {
            continue;
        }
        let Some(transitions) = rule.get("Transitions").or_else(|| rule.get("Transition")) else { continue };
        let mut moved = transitions.to_json();
        let items = match &mut moved {
            Value::Array(items) => items.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            if let Some(days) = item.shift_remove("Days") {
                item.insert("NoncurrentDays".to_owned(), days);
            }
            item.shift_remove("Date");
        }
        let message = "These transitions move the current versions, which devices read; old versions stay.";
        let edit = replace_member(&transitions, "NoncurrentVersionTransitions", &moved);
        report.find(&transitions, message).edits(vec![edit]);
    }
}
