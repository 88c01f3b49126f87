//! T14: the old form of a replication rule.

use serde_json::json;

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::mend::{add_members, replace_member};
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T14",
    severity: Severity::Warning,
    title: "A replication rule in the old form copies deletions",
    aws: "A rule without Filter is of version 1. Under it the delete markers that users make are replicated: who \
          deletes an object deletes it from the copy too. Rules with Filter (version 2) do not, unless \
          DeleteMarkerReplication says so.",
    mend: "Use a Filter, a Priority, and DeleteMarkerReplication Disabled.",
    pages: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-what-is-isnot-replicated.html",
    ],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.own.is(DocumentKind::Replication) {
        return;
    }
    for (index, rule) in scene.own.rules().iter().enumerate() {
        if rule.get("Filter").is_some() {
            continue;
        }
        let prefix = rule.get("Prefix");
        let filter = json!({ "Prefix": prefix.as_ref().and_then(|at| at.as_text()).unwrap_or_default() });
        let mut members = vec![("Priority", json!(index + 1))];
        if rule.get("DeleteMarkerReplication").is_none() {
            members.push(("DeleteMarkerReplication", json!({ "Status": "Disabled" })));
        }
        let mut edits = Vec::new();
        match &prefix {
            Some(prefix) => edits.push(replace_member(prefix, "Filter", &filter)),
            None => members.push(("Filter", filter)),
        }
        members.retain(|(name, _)| rule.get(name).is_none());
        edits.push(add_members(rule, &members));
        let at = prefix.as_ref().unwrap_or(rule);
        report.find(at, "This rule has no Filter, so deletions are replicated.").edits(edits);
    }
}
