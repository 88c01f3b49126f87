//! Everybody as principal.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};
use crate::lint::view::{ConditionView, StatementView};

pub static RULE: Rule = Rule {
    id: "wildcard-principal",
    severity: Severity::Error,
    title: "Everybody is allowed",
    aws: "Principal `*` in an Allow is everybody on the internet, signed or not. Where Block Public Access is on, S3 \
          refuses such a bucket policy; where it is off, the world has the objects. In a trust policy every \
          AWS account gets in.",
    mend: "Name the principals. For a CDN, name the service cloudfront.amazonaws.com with the distribution as \
           aws:SourceArn; for devices, use presigned links.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"],
    check,
};

/// Keys whose values S3 takes for a limit on who asks: with fixed values of them a policy is not public. Of
/// `kms:` the two that name the caller.
const LIMITS: [&str; 16] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointarn",
    "s3:dataaccesspointaccount",
    "kms:calleraccount",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
];

fn limits(condition: &ConditionView<'_>) -> bool {
    let key = condition.key.to_ascii_lowercase();
    let name = condition.operator_name;
    let positive = !name.contains("Not") && name != "Null" && !name.ends_with("IfExists");
    let fixed = condition
        .values
        .iter()
        .all(|value| !matches!(value.as_text(), None | Some("*" | "0.0.0.0/0" | "::/0")));
    LIMITS.contains(&key.as_str()) && positive && fixed
}

fn is_limited(statement: &StatementView<'_>) -> bool {
    statement.conditions.iter().any(limits)
}

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !matches!(scene.own.kind(), DocumentKind::Bucket | DocumentKind::Trust | DocumentKind::Key) {
        return;
    }
    for statement in scene.own.statements.iter().filter(|statement| statement.allows()) {
        // A federated identity is told apart by the claims that conditions compare.
        let everybody = statement
            .principals
            .iter()
            .find(|(kind, at)| matches!(*kind, "*" | "AWS") && at.as_text() == Some("*"));
        let Some((_, at)) = everybody.filter(|_| !is_limited(statement)) else { continue };

        report.find(at, format!("{} allows everybody, and no condition limits who.", statement.label()));
    }
}
