//! The permission policy of a backend's role: what our requests need, and not one action more.

use serde_json::{Value, json};

use super::parts::{bucket_arn, listed_below, literal, objects_arn, one_or_many};
use super::{BackendShape, Generated, ReplicaShape};

/// The permission policy of a backend's role.
///
/// Every statement stands for one sort of request, so that an owner can see what would stop without it. No
/// condition stands beside an action that does not have its key (T01): `ListBucketMultipartUploads` knows no
/// `s3:prefix`, so that one lists the whole bucket's open uploads.
///
/// What the prefix condition costs: S3 answers 404 for a key that is not there only to who may list the bucket, and
/// asks that without an `s3:prefix`. With this policy the answer is 403, and so it is for `HeadBucket`; whether a
/// key is missing is told by a listing below the prefix
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>, "Permissions").
///
/// ```
/// use firmhold_iam::{BackendShape, Policy, PolicyKind, permission_policy};
///
/// let shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// let document = permission_policy(&shape);
/// assert_eq!(document["Id"], "FirmholdRoleV1");
/// assert!(Policy::parse("role", &document.to_string(), PolicyKind::Identity).is_ok());
/// ```
pub fn permission_policy(shape: &BackendShape) -> Value {
    let mut statements = vec![
        json!({
            "Sid": "FirmholdList",
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
            "Resource": shape.bucket_arn(),
            "Condition": listed_below(&[&shape.prefix]),
        }),
        json!({
            "Sid": "FirmholdBucket",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
            "Resource": shape.bucket_arn(),
        }),
        json!({
            "Sid": "FirmholdObjects",
            "Effect": "Allow",
            "Action": [
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:GetObjectTagging",
                "s3:GetObjectVersionTagging",
                "s3:PutObject",
                "s3:RestoreObject",
                "s3:ListMultipartUploadParts",
                "s3:AbortMultipartUpload",
            ],
            "Resource": shape.objects_arn(),
        }),
        json!({
            "Sid": "FirmholdTags",
            "Effect": "Allow",
            "Action": ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
            "Resource": shape.objects_arn(),
            "Condition": our_tags_only(),
        }),
        json!({
            "Sid": "FirmholdDelete",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": shape.deletable_arn(),
        }),
    ];
    if let Some(prefix) = &shape.import_prefix {
        statements.extend(imports(shape, prefix));
    }
    if let Some(key) = &shape.kms_key_arn {
        statements.push(json!({
            "Sid": "FirmholdKey",
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": literal(key),
            "Condition": { "StringEquals": { "kms:ViaService": one_or_many(shape.via_service()) } },
        }));
    }
    for (index, replica) in shape.replicas.iter().enumerate() {
        statements.extend(replica_reads(shape, replica, index + 1));
    }
    if shape.config_reads {
        statements.push(json!({
            "Sid": "FirmholdConfigurationReads",
            "Effect": "Allow",
            "Action": [
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketVersioning",
                "s3:GetEncryptionConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetReplicationConfiguration",
            ],
            "Resource": shape.bucket_arn(),
        }));
    }
    Generated::Role.document(statements)
}

/// Tags of ours only, and at least one: `ForAllValues` alone would hold where the request names none.
fn our_tags_only() -> Value {
    json!({
        "ForAllValues:StringLike": { "s3:RequestObjectTagKeys": ["firmhold", "firmhold-*"] },
        "Null": { "s3:RequestObjectTagKeys": "false" },
    })
}

fn imports(shape: &BackendShape, prefix: &str) -> [Value; 2] {
    [
        json!({
            "Sid": "FirmholdImportList",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": shape.bucket_arn(),
            "Condition": listed_below(&[prefix]),
        }),
        json!({
            "Sid": "FirmholdImportRead",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": objects_arn(&shape.partition, &shape.bucket, prefix),
        }),
    ]
}

fn replica_reads(shape: &BackendShape, replica: &ReplicaShape, number: usize) -> Vec<Value> {
    let bucket = bucket_arn(&shape.partition, &replica.bucket);
    let mut statements = vec![
        json!({
            "Sid": format!("FirmholdReplica{number}List"),
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": listed_below(&[&shape.prefix]),
        }),
        json!({
            "Sid": format!("FirmholdReplica{number}Location"),
            "Effect": "Allow",
            "Action": "s3:GetBucketLocation",
            "Resource": bucket,
        }),
        json!({
            "Sid": format!("FirmholdReplica{number}Read"),
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": objects_arn(&shape.partition, &replica.bucket, &shape.prefix),
        }),
    ];
    if let Some(key) = &replica.kms_key_arn {
        statements.push(json!({
            "Sid": format!("FirmholdReplica{number}Key"),
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": literal(key),
            "Condition": { "StringEquals": { "kms:ViaService": one_or_many(shape.replica_via_service(replica)) } },
        }));
    }
    statements
}
