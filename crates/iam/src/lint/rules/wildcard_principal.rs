//! Everybody as principal.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::limits::limits_who;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "wildcard-principal",
    severity: Severity::Error,
    title: "Everybody is allowed",
    aws: "Principal `*` in an Allow is everybody on the internet, signed or not. Where Block Public Access is on, S3 \
          refuses such a bucket policy; where it is off, the world has the objects. In a trust policy every \
          AWS account gets in. A condition limits that only by what the caller cannot choose: its account or \
          organization, not the name of its role, and not by ForAllValues or IfExists, which hold where there is \
          nothing to compare.",
    mend: "Name the principals. For a CDN, name the service cloudfront.amazonaws.com with the distribution as \
           aws:SourceArn; for devices, use presigned links.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"],
    check,
};

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
        let Some((_, at)) = everybody.filter(|_| !limits_who(statement)) else { continue };

        report.find(at, format!("{} allows everybody, and no condition limits who.", statement.label()));
    }
}
