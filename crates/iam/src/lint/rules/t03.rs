//! T03: an upload that leaves encryption to the bucket's default is denied.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};
use crate::lint::uploads::Uploads;

pub static RULE: Rule = Rule {
    id: "T03",
    severity: Severity::Error,
    title: "An upload that leaves encryption to the bucket's default is denied",
    aws: "Every bucket encrypts by default, and an upload that relies on it has no encryption header. The condition \
          key is then absent: an Allow that wants it does not apply, and a Deny with a negated operator does, with \
          IfExists too. The upload is denied although the object would have been encrypted.",
    mend: "Leave encryption to the bucket's default. To refuse another one, deny with `Null: false` on the key beside \
           `StringNotEquals`: that spares requests without the header.",
    pages: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
    ],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let Some(uploads) = Uploads::of(scene) else { return };
    let Some((statement, condition)) = uploads.plain_is_denied_by() else { return };
    let message =
        format!("{} denies an upload without encryption headers, for this condition.", statement.label());
    report
        .find(&condition.at, message)
        .refuses("AccessDenied", ["s3:PutObject"])
        .edits(uploads.without_encryption().into_iter().collect());
}
