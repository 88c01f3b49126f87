//! Which IAM actions an S3 operation needs
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>).

use std::borrow::Cow;

/// What an operation needs leave for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Needs {
    /// These actions on the bucket (an operation on a bucket) or on the object (one on an object).
    Actions(Vec<Cow<'static, str>>),
    /// The operation asks itself, for each key, once it has read the body.
    PerKey,
}

/// The actions of `operation`. `versioned`: it names a version; `has`: whether the request has a header.
pub(crate) fn needs(operation: &str, versioned: bool, has: impl Fn(&str) -> bool) -> Needs {
    let version = |plain: &'static str, versioned_action: &'static str| {
        Cow::Borrowed(if versioned { versioned_action } else { plain })
    };
    let first: Cow<'static, str> = match operation {
        "DeleteObjects" => return Needs::PerKey,
        // The tags, which are condition keys, are in the body.
        "PutObjectTagging" => return Needs::PerKey,
        "GetObject" | "HeadObject" => version("s3:GetObject", "s3:GetObjectVersion"),
        "GetObjectAttributes" => {
            let object = version("s3:GetObject", "s3:GetObjectVersion");
            let attributes = version("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes");
            return Needs::Actions(vec![object, attributes]);
        }
        "PutObject"
        | "PostObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload" => return Needs::Actions(write_actions(operation, has)),
        "DeleteObject" => version("s3:DeleteObject", "s3:DeleteObjectVersion"),
        "GetObjectTagging" => version("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
        "DeleteObjectTagging" => version("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
        "GetObjectAcl" => version("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
        "PutObjectAcl" => version("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
        "ListParts" => Cow::Borrowed("s3:ListMultipartUploadParts"),
        "ListMultipartUploads" => Cow::Borrowed("s3:ListBucketMultipartUploads"),
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => Cow::Borrowed("s3:ListBucket"),
        "ListObjectVersions" => Cow::Borrowed("s3:ListBucketVersions"),
        "ListBuckets" => Cow::Borrowed("s3:ListAllMyBuckets"),
        "ListBucketMetricsConfigurations" => Cow::Borrowed("s3:GetMetricsConfiguration"),
        "ListBucketIntelligentTieringConfigurations" => {
            Cow::Borrowed("s3:GetIntelligentTieringConfiguration")
        }
        "CreateBucket" => return Needs::Actions(create_actions(has)),
        other => configuration_action(other),
    };
    Needs::Actions(vec![first])
}

fn create_actions(has: impl Fn(&str) -> bool) -> Vec<Cow<'static, str>> {
    let mut actions = vec![Cow::Borrowed("s3:CreateBucket")];
    if has("x-amz-object-ownership") {
        actions.push(Cow::Borrowed("s3:PutBucketOwnershipControls"));
    }
    if has("x-amz-bucket-object-lock-enabled") {
        actions.push(Cow::Borrowed("s3:PutBucketObjectLockConfiguration"));
        actions.push(Cow::Borrowed("s3:PutBucketVersioning"));
    }
    actions
}

fn write_actions(operation: &str, has: impl Fn(&str) -> bool) -> Vec<Cow<'static, str>> {
    let mut actions = vec![Cow::Borrowed("s3:PutObject")];
    if matches!(operation, "UploadPart" | "UploadPartCopy" | "CompleteMultipartUpload") {
        return actions;
    }
    let further = [
        ("x-amz-tagging", "s3:PutObjectTagging"),
        ("x-amz-acl", "s3:PutObjectAcl"),
        ("x-amz-grant-full-control", "s3:PutObjectAcl"),
        ("x-amz-grant-read", "s3:PutObjectAcl"),
        ("x-amz-object-lock-mode", "s3:PutObjectRetention"),
        ("x-amz-object-lock-legal-hold", "s3:PutObjectLegalHold"),
    ];
    for (header, action) in further {
        if has(header) && !actions.iter().any(|known| known == action) {
            actions.push(Cow::Borrowed(action));
        }
    }
    actions
}

/// Operations on a bucket's configuration: AWS calls several of their actions by another name, and a deletion by that
/// of the change. The rest is called as the operation is.
fn configuration_action(operation: &str) -> Cow<'static, str> {
    const RENAMED: [(&str, &str); 15] = [
        ("BucketEncryption", "EncryptionConfiguration"),
        ("BucketLifecycleConfiguration", "LifecycleConfiguration"),
        // Only the deletion is called so.
        ("BucketLifecycle", "LifecycleConfiguration"),
        ("PublicAccessBlock", "BucketPublicAccessBlock"),
        ("BucketReplication", "ReplicationConfiguration"),
        ("BucketOwnershipControls", "BucketOwnershipControls"),
        ("BucketTagging", "BucketTagging"),
        ("BucketCors", "BucketCORS"),
        ("BucketNotificationConfiguration", "BucketNotification"),
        ("BucketAccelerateConfiguration", "AccelerateConfiguration"),
        ("BucketMetricsConfiguration", "MetricsConfiguration"),
        ("BucketInventoryConfiguration", "InventoryConfiguration"),
        ("BucketAnalyticsConfiguration", "AnalyticsConfiguration"),
        ("BucketIntelligentTieringConfiguration", "IntelligentTieringConfiguration"),
        ("ObjectLockConfiguration", "BucketObjectLockConfiguration"),
    ];
    for (verb, action_verb) in [("Get", "Get"), ("Put", "Put"), ("Delete", "Put")] {
        let renamed = operation
            .strip_prefix(verb)
            .and_then(|noun| RENAMED.iter().find(|(operation_noun, _)| *operation_noun == noun));
        if let Some((_, noun)) = renamed {
            return Cow::Owned(format!("s3:{action_verb}{noun}"));
        }
    }
    Cow::Owned(format!("s3:{operation}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(operation: &str, versioned: bool, headers: &[&str]) -> String {
        match needs(operation, versioned, |name| headers.contains(&name)) {
            Needs::Actions(actions) => actions.join(" "),
            Needs::PerKey => "per key".to_owned(),
        }
    }

    #[test]
    fn operations_and_their_actions() {
        assert_eq!(actions("GetObject", false, &[]), "s3:GetObject");
        assert_eq!(actions("HeadObject", true, &[]), "s3:GetObjectVersion");
        assert_eq!(actions("DeleteObject", true, &[]), "s3:DeleteObjectVersion");
        assert_eq!(actions("PutObject", false, &["x-amz-tagging"]), "s3:PutObject s3:PutObjectTagging");
        assert_eq!(actions("UploadPart", false, &["x-amz-tagging"]), "s3:PutObject");
        assert_eq!(actions("AbortMultipartUpload", false, &[]), "s3:AbortMultipartUpload");
        assert_eq!(actions("ListParts", false, &[]), "s3:ListMultipartUploadParts");
        assert_eq!(actions("HeadBucket", false, &[]), "s3:ListBucket");
        assert_eq!(actions("GetBucketEncryption", false, &[]), "s3:GetEncryptionConfiguration");
        assert_eq!(actions("DeletePublicAccessBlock", false, &[]), "s3:PutBucketPublicAccessBlock");
        assert_eq!(actions("DeleteBucketPolicy", false, &[]), "s3:DeleteBucketPolicy");
        assert_eq!(actions("GetBucketVersioning", false, &[]), "s3:GetBucketVersioning");
        assert_eq!(actions("RestoreObject", false, &[]), "s3:RestoreObject");
        assert_eq!(actions("DeleteObjects", false, &[]), "per key");
        assert_eq!(actions("CreateBucket", false, &[]), "s3:CreateBucket");
        let owned = actions("CreateBucket", false, &["x-amz-object-ownership"]);
        assert_eq!(owned, "s3:CreateBucket s3:PutBucketOwnershipControls");
        assert_eq!(actions("ListBucketMetricsConfigurations", false, &[]), "s3:GetMetricsConfiguration");
        assert_eq!(actions("DeleteBucketLifecycle", false, &[]), "s3:PutLifecycleConfiguration");
        assert_eq!(actions("DeleteBucketReplication", false, &[]), "s3:PutReplicationConfiguration");
        assert_eq!(actions("GetObjectLockConfiguration", false, &[]), "s3:GetBucketObjectLockConfiguration");
    }
}
