//! T40: a policy pinned to one key.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T40",
    severity: Severity::Warning,
    title: "A policy is pinned to one key, or keys are rotated by hand",
    aws: "KMS rotates a key's material every year under the same ARN, if told to. Rotating by hand means a new key with \
          a new ARN: a policy that names the old one denies every upload from then on, and disabling the old key \
          makes all firmware under it unreadable.",
    mend: "Turn automatic rotation on, and never disable a key that firmware was encrypted under. Where the policy \
           must name the key, let it name all keys in use.",
    pages: &["https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html"],
    check,
};

const KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let about_uploads =
        scene.own.statements.iter().filter(|statement| statement.covers("s3:PutObject").is_some());
    for statement in about_uploads {
        for condition in statement.conditions_on(KEY).filter(|condition| condition.operator_name != "Null") {
            let keys = condition.values.iter().filter_map(|value| value.as_text());
            let pinned = keys.clone().count() == 1
                && keys.clone().all(|key| !key.contains('*') && !key.contains("${aws"));
            if pinned {
                let severity = if scene.own.ours { Severity::Note } else { Severity::Warning };
                let message =
                    format!("{} knows one key: with another ARN every upload is denied.", statement.label());
                report.find(&condition.at, message).severity(severity);
            }
        }
    }
    if scene.own.is(DocumentKind::Prose) {
        for (number, line) in scene.own.lines() {
            let lower = line.to_ascii_lowercase();
            let rotates = lower.contains("rotat") && lower.contains("key");
            if rotates && !lower.contains("automatic") && !lower.contains("access key") {
                report.find_line(
                    number,
                    1,
                    "Rotating keys by hand changes their ARN; KMS can do it under the same one.",
                );
            }
        }
    }
}
