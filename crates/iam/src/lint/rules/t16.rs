//! T16: a replica that the backend's role cannot read.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::replication::destinations;
use crate::lint::subject::{Report, Scene};
use crate::lint::view::{matches, s3_resource};

pub static RULE: Rule = Rule {
    id: "T16",
    severity: Severity::Error,
    title: "The backend's role cannot read the replica",
    aws: "A policy that names one bucket grants nothing in its copy. When the region of the first is gone every read \
          from the second is denied, and that is when it is found out.",
    mend: "Allow s3:GetObject, s3:GetObjectVersion and s3:ListBucket on the replica, and test reads from it.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"],
    check,
};

/// No role reads more; it bounds what a long document can take.
const MAX_BUCKETS: usize = 1_000;

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let destinations = destinations(scene);
    if destinations.is_empty() {
        return;
    }
    let mut policies = Vec::new();
    for role in scene.beside.uploaders() {
        // One of which not all is known may read it.
        let Some(own) = role.policies().filter(|_| role.is_known()) else { return };
        // Of policies that nothing ties together, one that lets nothing be written may be another role's.
        policies.extend(own.into_iter().filter(|own| role.is_named() || !own.uploads().is_empty()));
    }
    if policies.is_empty() {
        return;
    }
    let reading = policies
        .into_iter()
        .flat_map(|subject| &subject.statements)
        .filter(|statement| statement.allows() && statement.covers("s3:GetObject").is_some());
    let arns = reading.flat_map(|statement| &statement.resources).filter_map(|at| at.as_text());
    // The names of buckets whose objects may be read, each once.
    let mut read: Vec<&str> = arns
        .filter_map(|arn| match s3_resource(arn) {
            Some((pattern, Some(_))) => Some(pattern),
            _ => (arn == "*").then_some("*"),
        })
        .collect();
    read.sort_unstable();
    read.dedup();
    for destination in destinations {
        let Some((bucket, _)) = destination.as_text().and_then(s3_resource) else { continue };
        let reads = read.iter().take(MAX_BUCKETS).any(|pattern| matches(pattern, bucket));
        if !reads {
            report.find(&destination, format!("No permission policy here lets the role read `{bucket}`."));
        }
    }
}
