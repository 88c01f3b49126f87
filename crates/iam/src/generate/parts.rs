//! What the generated documents have in common.

use serde_json::{Value, json};

use super::{BackendShape, ReplicaShape};

/// A document of these statements.
pub fn document(statements: Vec<Value>) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Text as a resource, `StringLike` or `Arn…` value that means just this text: a wildcard in a name that came from
/// a configuration file must not widen a policy.
pub fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '*' | '?' | '$' => out.extend(['$', '{', c, '}']),
            c => out.push(c),
        }
    }
    out
}

/// `[one]` as `one`, as people write it.
pub fn one_or_many(mut values: Vec<String>) -> Value {
    match values.len() {
        1 => json!(values.remove(0)),
        _ => json!(values),
    }
}

/// A bucket's ARN.
pub fn bucket_arn(partition: &str, bucket: &str) -> String {
    format!("arn:{partition}:s3:::{}", literal(bucket))
}

/// The ARN of any bucket.
pub fn any_bucket_arn(partition: &str) -> String {
    format!("arn:{partition}:s3:::*")
}

/// The ARN of all objects below a prefix.
pub fn objects_arn(partition: &str, bucket: &str, prefix: &str) -> String {
    format!("{}/{}*", bucket_arn(partition, bucket), literal(prefix))
}

/// A condition that holds for listings below a prefix (T43).
pub fn listed_below(prefixes: &[&str]) -> Value {
    let patterns = prefixes.iter().map(|prefix| format!("{}*", literal(prefix))).collect();
    json!({ "StringLike": { "s3:prefix": one_or_many(patterns) } })
}

/// The names that KMS may know a region's S3 by
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>).
/// For China AWS does not say whether they end in `.cn`, so both are named: the value is KMS's own, and no caller
/// can choose it.
pub fn s3_via_service(partition: &str, region: &str) -> Vec<String> {
    let name = format!("s3.{region}.amazonaws.com");
    match partition {
        "aws-cn" => vec![format!("{name}.cn"), name],
        _ => vec![name],
    }
}

impl BackendShape {
    pub(super) fn bucket_arn(&self) -> String {
        bucket_arn(&self.partition, &self.bucket)
    }

    /// All objects of ours.
    pub(super) fn objects_arn(&self) -> String {
        objects_arn(&self.partition, &self.bucket, &self.prefix)
    }

    /// The objects of the checks, which may always be deleted (T26).
    pub(super) fn probes_arn(&self) -> String {
        objects_arn(&self.partition, &self.bucket, &format!("{}.probe/", self.prefix))
    }

    /// What may be deleted.
    pub(super) fn deletable_arn(&self) -> String {
        if self.allow_delete { self.objects_arn() } else { self.probes_arn() }
    }

    pub(super) fn via_service(&self) -> Vec<String> {
        s3_via_service(&self.partition, &self.region)
    }

    pub(super) fn replica_via_service(&self, replica: &ReplicaShape) -> Vec<String> {
        s3_via_service(&self.partition, &replica.region)
    }
}
