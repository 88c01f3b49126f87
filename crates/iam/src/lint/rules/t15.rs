//! T15: what replication leaves out.

use serde_json::json;

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::add_members;
use crate::lint::replication::enabled;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T15",
    severity: Severity::Warning,
    title: "Replication leaves out what is there already, and what SSE-KMS encrypts",
    aws: "A rule copies what is written after it. Objects that are there already need S3 Batch Replication once. \
          Objects under SSE-KMS are copied only with SourceSelectionCriteria and a key for the copy; what lifecycle \
          rules do is not copied at all.",
    mend: "Run Batch Replication once, and for SSE-KMS add SourceSelectionCriteria.SseKmsEncryptedObjects and \
           Destination.EncryptionConfiguration.",
    pages: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-what-is-isnot-replicated.html",
    ],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let kms = scene.uses_kms();
    for rule in enabled(scene) {
        let selects = rule.get("SourceSelectionCriteria").is_some();
        if kms && !selects {
            let criteria = json!({ "SseKmsEncryptedObjects": { "Status": "Enabled" } });
            let mut edits = vec![add_members(&rule, &[("SourceSelectionCriteria", criteria)])];
            if let Some(destination) = rule.get("Destination") {
                let key = json!({ "ReplicaKmsKeyID": "arn:aws:kms:REGION:ACCOUNT_ID:key/KEY_ID" });
                if destination.get("EncryptionConfiguration").is_none()
                    && rule.members().last().is_some_and(|(name, _)| name != "Destination")
                {
                    edits.push(add_members(&destination, &[("EncryptionConfiguration", key)]));
                }
            }
            let message =
                "Objects under SSE-KMS are not copied by this rule, nor is what is in the bucket already.";
            report.find(&rule, message).edits(edits);
        } else if !scene.setting.batch_replication {
            let severity = if scene.setting.complete { Severity::Warning } else { Severity::Note };
            let message = "What is in the bucket already is not copied by this rule.";
            report
                .find(&rule, message)
                .severity(severity)
                .words("Run S3 Batch Replication once for the objects that are there already.");
        }
    }
}
