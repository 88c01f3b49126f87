//! T02: no upload that S3 takes is allowed.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};
use crate::lint::uploads::Uploads;

pub static RULE: Rule = Rule {
    id: "T02",
    severity: Severity::Error,
    title: "Nothing can ever be uploaded",
    aws: "S3 answers 400 InvalidArgument to a PutObject that asks for AES256 and names a KMS key. A policy that wants \
          both lets through that request only, and denies every other: nothing can be uploaded.",
    mend: "Decide for one encryption: set it as the bucket's default, and ask for nothing in the policy; or allow \
           aws:kms together with the key.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let Some(uploads) = Uploads::of(scene) else { return };
    if uploads.any_allowed() {
        return;
    }
    if let Some(statement) = uploads.statement() {
        let message = format!(
            "No upload that S3 takes gets through {}: not one without encryption headers, nor with AES256, nor with \
             aws:kms, with or without a key.",
            statement.label()
        );
        // What the policy lets through S3 refuses; what keeps the others out is T03's.
        report
            .find(&statement.at, message)
            .refuses("InvalidArgument", ["s3:PutObject"])
            .edits(uploads.without_encryption().into_iter().collect());
    }
}
