//! T06: uploads in parts without permission to list and to abort them.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::{append, set, split};
use crate::lint::subject::{Report, Scene};
use crate::lint::view::s3_resource;

pub static RULE: Rule = Rule {
    id: "T06",
    severity: Severity::Error,
    title: "The role may upload, and neither list nor abort the parts of an upload",
    aws: "A large file goes up in parts. To resume one asks for the parts that are there \
          (s3:ListMultipartUploadParts); to give up one aborts (s3:AbortMultipartUpload); what was left behind is \
          found by s3:ListBucketMultipartUploads. Without them an upload cannot be resumed, and its parts are \
          billed until somebody removes them.",
    mend: "Allow the three actions.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html"],
    check,
};

const OF_BUCKET: &str = "s3:ListBucketMultipartUploads";
const NEEDED: [&str; 3] = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", OF_BUCKET];

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.is_backend_role() {
        return;
    }
    let uploads = scene.own.uploads();
    let Some((statement, action)) = uploads.first().and_then(|own| Some((*own, own.action.as_ref()?))) else {
        return;
    };
    let Some((role, missing)) = scene.lacking(&NEEDED) else { return };
    let of_bucket = missing.contains(&OF_BUCKET).then_some(OF_BUCKET);
    let of_objects: Vec<&str> = missing.iter().copied().filter(|action| *action != OF_BUCKET).collect();
    let bucket = statement.resources.iter().find_map(|at| at.as_text()).and_then(|arn| {
        s3_resource(arn)?;
        Some(arn.split('/').next().unwrap_or(arn).to_owned())
    });
    let listing = of_bucket
        .zip(bucket)
        .map(|(name, bucket)| json!({ "Effect": "Allow", "Action": name, "Resource": bucket }));
    let names: Vec<Value> = of_objects.iter().map(|name| Value::from(*name)).collect();
    let list = scene.own.root.as_ref().and_then(|root| root.get("Statement")).filter(|list| list.is_list());
    let mut edits = Vec::new();
    match (list, listing) {
        (Some(list), listing) => {
            edits.extend((!names.is_empty()).then(|| append(action, &names)));
            edits.extend(listing.map(|listing| append(&list, &[listing])));
        }
        // One statement without a list around it: both edits are one.
        (None, listing) => {
            let mut with = statement.at.to_json();
            let own = statement.actions.iter().map(|at| at.to_json());
            set(&mut with, &["Action"], own.chain(names).collect());
            let both: Vec<Value> = std::iter::once(with).chain(listing).collect();
            edits.push(split(&statement.at, &both));
        }
    }
    let message = format!("Nothing allows {}{}.", role.called(), missing.join(", "));
    report.find(action, message).refuses("AccessDenied", missing).edits(edits);
}
