//! T13: a destination bucket that nothing creates.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::replication::{bucket_name, destinations};
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T13",
    severity: Severity::Error,
    title: "The destination of replication is never created, or not versioned",
    aws: "Both buckets must exist and have versioning enabled before PutBucketReplication is taken: S3 answers \
          InvalidRequest.",
    mend: "Create the destination bucket in the other region, with versioning and the same protection as the source.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for destination in destinations(scene) {
        let Some(name) = destination.as_text().map(bucket_name) else { continue };
        let made = scene
            .of(DocumentKind::NewBucket)
            .any(|subject| subject.root.as_ref().and_then(|root| root.text_of("Bucket")) == Some(name));
        let commanded = scene.of(DocumentKind::Command).any(|subject| {
            let text = &subject.document.text;
            text.contains(name) && (text.contains("versioning") || text.contains("create-bucket"))
        });
        if made || commanded {
            continue;
        }
        if scene.setting.complete {
            let message = format!("Nothing creates the bucket `{name}`, nor turns its versioning on.");
            report.find(&destination, message).refuses("InvalidRequest", ["s3:PutReplicationConfiguration"]);
        } else {
            let message = format!("Whether `{name}` exists and is versioned is not among these documents.");
            report.find(&destination, message).severity(Severity::Note);
        }
    }
}
