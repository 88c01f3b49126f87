//! T11: parts and old versions that nothing removes.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::lifecycle::any_has;
use crate::lint::mend::append;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T11",
    severity: Severity::Warning,
    title: "Nothing removes abandoned parts and old versions",
    aws: "The parts of an upload that was never completed, and in a versioned bucket every version that was \
          overwritten or deleted, are billed for ever, and no listing of objects shows them. A DELETE only adds a \
          marker.",
    mend: "Add a rule with AbortIncompleteMultipartUpload, and one with NoncurrentVersionExpiration.",
    pages: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html",
    ],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.own.is(DocumentKind::Lifecycle) {
        return;
    }
    let Some(root) = &scene.own.root else { return };
    let Some(rules) = root.get("Rules").or_else(|| root.get("Rule")) else { return };
    let prefix = scene.setting.prefix.as_deref().unwrap_or("");
    let rule = |id: &str, name: &str, value: Value| json!({ "ID": id, "Status": "Enabled", "Filter": { "Prefix": prefix }, name: value });
    let mut missing = Vec::new();
    let mut added = Vec::new();
    if !any_has(scene.own, "AbortIncompleteMultipartUpload") {
        missing.push("the parts of abandoned uploads");
        let after = json!({ "DaysAfterInitiation": 7 });
        added.push(rule("AbortUploads", "AbortIncompleteMultipartUpload", after));
    }
    // To move them to a cheaper class does not remove them.
    if !any_has(scene.own, "NoncurrentVersionExpiration") {
        missing.push("noncurrent versions");
        let after = json!({ "NoncurrentDays": 90 });
        added.push(rule("ExpireOldVersions", "NoncurrentVersionExpiration", after));
    }
    if !missing.is_empty() {
        let message = format!("No rule removes {}.", missing.join(" or "));
        report.find(&rules, message).edits(vec![append(&rules, &added)]);
    }
}
