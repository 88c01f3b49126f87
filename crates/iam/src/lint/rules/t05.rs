//! T05: SSE-KMS without permission to use the key.

use serde_json::json;

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::append;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T05",
    severity: Severity::Error,
    title: "The bucket uses SSE-KMS, and the role may not use the key",
    aws: "With SSE-KMS an upload needs kms:GenerateDataKey, a download kms:Decrypt, and a multipart upload both. \
          Without them S3 answers AccessDenied although every S3 action is allowed.",
    mend: "Allow kms:GenerateDataKey and kms:Decrypt on the key, by way of S3 only (kms:ViaService), and let the \
           key's policy leave it to its account.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.is_backend_role() || !scene.uses_kms() {
        return;
    }
    let uploads = scene.own.uploads();
    let Some(statement) = uploads.first() else { return };
    let Some((role, missing)) = scene.lacking(&["kms:GenerateDataKey", "kms:Decrypt"]) else { return };
    let key = json!({
        "Sid": "FirmwareKey",
        "Effect": "Allow",
        "Action": missing.clone(),
        "Resource": "arn:aws:kms:REGION:ACCOUNT_ID:key/KEY_ID",
        "Condition": { "StringEquals": { "kms:ViaService": "s3.REGION.amazonaws.com" } },
    });
    let list = scene.own.root.as_ref().and_then(|root| root.get("Statement"));
    let message = format!(
        "{} lets objects be written, and nothing allows {}{}.",
        statement.label(),
        role.called(),
        missing.join(" and ")
    );
    report
        .find(&statement.at, message)
        .refuses("AccessDenied", missing.iter().copied())
        .edits(list.iter().map(|list| append(list, std::slice::from_ref(&key))).collect());
}
