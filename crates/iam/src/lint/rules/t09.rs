//! T09: a lifecycle rule without a filter.

use serde_json::json;

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::mend::add_members;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T09",
    severity: Severity::Error,
    title: "A lifecycle rule has neither Filter nor Prefix",
    aws: "S3 refuses the configuration with 400 MalformedXML: every rule has a Filter (or, in the old form, a Prefix).",
    mend: "Add a Filter. An empty one is the whole bucket.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.own.is(DocumentKind::Lifecycle) {
        return;
    }
    for rule in scene.own.rules() {
        if rule.get("Filter").is_some() || rule.get("Prefix").is_some() {
            continue;
        }
        let prefix = scene.setting.prefix.as_deref().unwrap_or("firmhold/");
        let edit = add_members(&rule, &[("Filter", json!({ "Prefix": prefix }))]);
        report
            .find(&rule, "This rule does not say which objects it is for.")
            .refuses("MalformedXML", ["s3:PutLifecycleConfiguration"])
            .edits(vec![edit]);
    }
}
