//! T08: transitions of current objects where old versions were meant.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::lifecycle::{any_has, rules_over_firmware};
use crate::lint::mend::{add_first, replace, replace_member};
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
    let noncurrent =
        ["NoncurrentVersionTransitions", "NoncurrentVersionTransition", "NoncurrentVersionExpiration"];
    // Old versions are thought of, if in another rule.
    if noncurrent.iter().any(|name| any_has(scene.own, name)) {
        return;
    }
    for rule in rules_over_firmware(scene) {
        let Some(transitions) = rule.get("Transitions").or_else(|| rule.get("Transition")) else { continue };
        let items = match transitions.to_json() {
            Value::Array(items) => items,
            one => vec![one],
        };
        // What moves by how it is read is meant for current objects.
        let (kept, mut moved): (Vec<Value>, Vec<Value>) =
            items.into_iter().partition(|item| item["StorageClass"] == "INTELLIGENT_TIERING");
        if moved.is_empty() {
            continue;
        }
        for item in moved.iter_mut().filter_map(Value::as_object_mut) {
            let days = item.shift_remove("Days").unwrap_or_else(|| json!(30));
            item.insert("NoncurrentDays".to_owned(), days);
            item.shift_remove("Date");
        }
        let message = "These transitions move the current versions, which devices read; old versions stay.";
        const NEW: &str = "NoncurrentVersionTransitions";
        let edits = match kept.is_empty() {
            true => vec![replace_member(&transitions, NEW, &Value::Array(moved))],
            false => {
                vec![replace(&transitions, &Value::Array(kept)), add_first(&rule, NEW, &Value::Array(moved))]
            }
        };
        report.find(&transitions, message).edits(edits);
    }
}
