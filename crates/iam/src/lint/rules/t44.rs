//! T44: a wildcard at the end of a bucket's name.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};
use crate::lint::view::s3_resource;

pub static RULE: Rule = Rule {
    id: "T44",
    severity: Severity::Note,
    title: "A wildcard in the bucket's name matches other buckets",
    aws: "`arn:aws:s3:::acme-fw*` is meant for the bucket and its objects in one line. It is also acme-fw-backup, \
          acme-fw2 and whatever anybody calls a bucket tomorrow.",
    mend: "Name the bucket, and its objects by `BUCKET/*`, as two resources.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in scene.own.statements.iter().filter(|statement| statement.allows()) {
        for at in &statement.resources {
            let bucket = at.as_text().and_then(s3_resource).map(|(bucket, _)| bucket);
            let Some(bucket) = bucket.filter(|bucket| !bucket.starts_with('*') && bucket.ends_with('*'))
            else {
                continue;
            };
            report.find(at, format!("`{bucket}` is every bucket whose name begins so."));
        }
    }
}
