//! The role by which S3 copies a bucket's firmware into its replicas.

use serde_json::{Value, json};

use super::parts::{bucket_arn, literal, objects_arn, one_or_many};
use super::{BackendShape, Generated};

/// The permission policy of the replication role
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>): what lies below
/// the prefix, into the replicas, and nothing back.
///
/// `s3:ReplicateDelete` is not among it: a rule of the second version does not copy delete markers unless told to,
/// and ours are not told to, so that a deletion never reaches the copy (T14).
///
/// ```
/// use firmhold_iam::{BackendShape, ReplicaShape, generate::replication_permissions};
///
/// let mut shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// shape.replicas.push(ReplicaShape {
///     bucket: "acme-fw-copy".to_owned(),
///     region: "eu-west-1".to_owned(),
///     kms_key_arn: None,
/// });
/// let document = replication_permissions(&shape);
/// assert_eq!(document["Statement"][2]["Resource"], "arn:aws:s3:::acme-fw-copy/firmhold/*");
/// ```
pub fn replication_permissions(shape: &BackendShape) -> Value {
    let copies = shape
        .replicas
        .iter()
        .map(|replica| objects_arn(&shape.partition, &replica.bucket, &shape.prefix))
        .collect();
    let mut statements = vec![
        json!({
            "Sid": "FirmholdReplicationSource",
            "Effect": "Allow",
            "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            "Resource": bucket_arn(&shape.partition, &shape.bucket),
        }),
        json!({
            "Sid": "FirmholdReplicationRead",
            "Effect": "Allow",
            "Action": [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            "Resource": shape.objects_arn(),
        }),
        json!({
            "Sid": "FirmholdReplicationWrite",
            "Effect": "Allow",
            "Action": ["s3:ReplicateObject", "s3:ReplicateTags"],
            "Resource": one_or_many(copies),
        }),
    ];
    if let Some(key) = &shape.kms_key_arn {
        statements.push(key_use("FirmholdReplicationDecrypt", "kms:Decrypt", key, shape.via_service()));
    }
    for (index, replica) in shape.replicas.iter().enumerate() {
        if let Some(key) = &replica.kms_key_arn {
            let sid = format!("FirmholdReplicationEncrypt{}", index + 1);
            statements.push(key_use(&sid, "kms:Encrypt", key, shape.replica_via_service(replica)));
        }
    }
    Generated::Replication.document(statements)
}

/// By way of S3 in the key's region only.
fn key_use(sid: &str, action: &str, key: &str, via: Vec<String>) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Action": action,
        "Resource": literal(key),
        "Condition": { "StringEquals": { "kms:ViaService": one_or_many(via) } },
    })
}

/// The trust policy of the replication role: S3 itself, and nobody else
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>). Whoever can name
/// the role in a bucket's replication needs `iam:PassRole` for it, and what it can do is bound to these buckets.
///
/// ```
/// use firmhold_iam::generate::replication_trust;
///
/// let document = replication_trust();
/// assert_eq!(document["Statement"][0]["Principal"]["Service"], "s3.amazonaws.com");
/// ```
pub fn replication_trust() -> Value {
    Generated::ReplicationTrust.document(vec![json!({
        "Sid": "FirmholdReplicationAssume",
        "Effect": "Allow",
        "Principal": { "Service": "s3.amazonaws.com" },
        "Action": "sts:AssumeRole",
    })])
}
