//! The requests that our code sends, and the ones next to them that must not go.

use firmhold_iam::{BackendShape, CdnShape, ReplicaShape, SessionScope};
use serde_json::{Value, json};

pub const PARTITIONS: [(&str, &str); 3] =
    [("aws", "us-west-2"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")];

pub fn plain(partition: &str, region: &str) -> BackendShape {
    BackendShape {
        partition: partition.to_owned(),
        account: "111122223333".to_owned(),
        bucket: "acme-fw".to_owned(),
        region: region.to_owned(),
        prefix: "firmhold/".to_owned(),
        import_prefix: None,
        kms_key_arn: None,
        allow_delete: false,
        replicas: Vec::new(),
        cdn: None,
        config_reads: false,
    }
}

/// Everything that a shape can have.
pub fn full(partition: &str, region: &str) -> BackendShape {
    let key = |id: &str| format!("arn:{partition}:kms:{region}:111122223333:key/{id}");
    BackendShape {
        import_prefix: Some("old/$releases/".to_owned()),
        kms_key_arn: Some(key("primary")),
        replicas: vec![ReplicaShape {
            bucket: "acme-fw-copy".to_owned(),
            region: region.to_owned(),
            kms_key_arn: Some(key("replica")),
        }],
        cdn: Some(CdnShape::default()),
        config_reads: true,
        ..plain(partition, region)
    }
}

pub fn shapes() -> Vec<BackendShape> {
    let per_partition = |(partition, region): (&str, &str)| {
        let deleting = BackendShape { allow_delete: true, ..full(partition, region) };
        [plain(partition, region), full(partition, region), deleting]
    };
    PARTITIONS.into_iter().flat_map(per_partition).collect()
}

/// A request of the catalogue.
#[derive(Debug)]
pub struct Ask {
    pub action: &'static str,
    pub resource: String,
    pub keys: Value,
    /// The least session that it is sent with.
    pub scope: SessionScope,
}

pub fn ask(action: &'static str, resource: String, keys: Value, scope: SessionScope) -> Ask {
    Ask { action, resource, keys, scope }
}

pub fn bucket_arn(shape: &BackendShape, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", shape.partition)
}

pub fn object(shape: &BackendShape, key: &str) -> String {
    format!("{}/{key}", bucket_arn(shape, &shape.bucket))
}

pub const FIRMWARE: &str = "firmhold/binaries/sha256/ab/abcd/1";
pub const PROBE: &str = "firmhold/.probe/x";

/// What our code sends: uploads, links, the hash job, manifests, and the checks V6, V7, V9 to V11 and V13.
pub fn ours(shape: &BackendShape) -> Vec<Ask> {
    use SessionScope::{Admin, Read, Write};
    let bucket = || bucket_arn(shape, &shape.bucket);
    let below = |prefix: &str| json!({ "s3:prefix": prefix });
    let tags = json!({ "s3:RequestObjectTagKeys": ["firmhold-org", "firmhold-product", "firmhold"] });
    let none = || json!({});
    let mut all = vec![
        ask("s3:GetBucketLocation", bucket(), none(), Read),
        ask("s3:ListBucket", bucket(), below("firmhold/"), Read),
        ask("s3:ListBucket", bucket(), below(FIRMWARE), Read),
        ask("s3:ListBucketVersions", bucket(), below("firmhold/.probe/"), Read),
        ask("s3:ListBucketMultipartUploads", bucket(), none(), Write),
        ask("s3:PutObject", object(shape, FIRMWARE), none(), Write),
        ask("s3:PutObject", object(shape, PROBE), none(), Write),
        ask("s3:PutObjectTagging", object(shape, FIRMWARE), tags.clone(), Write),
        ask("s3:PutObjectVersionTagging", object(shape, FIRMWARE), tags, Write),
        ask("s3:GetObject", object(shape, FIRMWARE), none(), Read),
        ask("s3:GetObjectVersion", object(shape, FIRMWARE), none(), Read),
        ask("s3:GetObjectTagging", object(shape, FIRMWARE), none(), Write),
        ask("s3:GetObjectVersionTagging", object(shape, FIRMWARE), none(), Write),
        ask("s3:RestoreObject", object(shape, FIRMWARE), none(), Write),
        ask("s3:ListMultipartUploadParts", object(shape, FIRMWARE), none(), Write),
        ask("s3:AbortMultipartUpload", object(shape, FIRMWARE), none(), Write),
        ask("s3:DeleteObject", object(shape, PROBE), none(), Admin),
        ask("s3:DeleteObjectVersion", object(shape, PROBE), none(), Admin),
    ];
    if shape.allow_delete {
        all.push(ask("s3:DeleteObject", object(shape, FIRMWARE), none(), Admin));
        all.push(ask("s3:DeleteObjectVersion", object(shape, FIRMWARE), none(), Admin));
    }
    if shape.import_prefix.is_some() {
        all.push(ask("s3:ListBucket", bucket(), below("old/$releases/2026/"), Write));
        all.push(ask("s3:GetObject", object(shape, "old/$releases/a.bin"), none(), Write));
        all.push(ask("s3:GetObjectVersion", object(shape, "old/$releases/a.bin"), none(), Write));
    }
    if let Some(key) = &shape.kms_key_arn {
        all.push(ask("kms:GenerateDataKey", key.clone(), json!({ "kms:ViaService": via(shape) }), Write));
        all.push(ask("kms:Decrypt", key.clone(), json!({ "kms:ViaService": via(shape) }), Read));
    }
    for replica in &shape.replicas {
        let copy = bucket_arn(shape, &replica.bucket);
        all.push(ask("s3:GetBucketLocation", copy.clone(), none(), Read));
        all.push(ask("s3:ListBucket", copy.clone(), below("firmhold/"), Read));
        all.push(ask("s3:GetObject", format!("{copy}/{FIRMWARE}"), none(), Read));
        all.push(ask("s3:GetObjectVersion", format!("{copy}/{FIRMWARE}"), none(), Read));
        if let Some(key) = &replica.kms_key_arn {
            all.push(ask("kms:Decrypt", key.clone(), json!({ "kms:ViaService": via(shape) }), Read));
        }
    }
    if shape.config_reads {
        let reads = [
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetReplicationConfiguration",
        ];
        all.extend(reads.map(|action| ask(action, bucket(), none(), Admin)));
    }
    all
}

pub fn via(shape: &BackendShape) -> String {
    let suffix = if shape.partition == "aws-cn" { ".cn" } else { "" };
    format!("s3.{}.amazonaws.com{suffix}", shape.region)
}

/// What lies next to it, and must not go.
pub fn neighbours(shape: &BackendShape) -> Vec<Ask> {
    let bucket = bucket_arn(shape, &shape.bucket);
    let other = |key: &str| format!("{}{key}", bucket_arn(shape, "acme-fw-other"));
    let tags = |keys: Value| json!({ "s3:RequestObjectTagKeys": keys });
    let below = |prefix: &str| json!({ "s3:prefix": prefix });
    let none = || json!({});
    let mut all = vec![
        ("s3:ListBucket", bucket.clone(), none()),
        ("s3:ListBucket", bucket.clone(), below("")),
        ("s3:ListBucket", bucket.clone(), below("firmhold")),
        ("s3:ListBucket", bucket.clone(), below("other/")),
        ("s3:ListBucketVersions", bucket.clone(), below("other/")),
        ("s3:ListBucket", other(""), below("firmhold/")),
        ("s3:GetObject", object(shape, "other/a.bin"), none()),
        ("s3:GetObject", object(shape, "firmhold"), none()),
        ("s3:GetObject", object(shape, "Firmhold/a"), none()),
        ("s3:PutObject", object(shape, "other/a.bin"), none()),
        ("s3:GetObject", other("/firmhold/a"), none()),
        ("s3:PutObject", other("/firmhold/a"), none()),
        ("s3:DeleteObject", object(shape, "other/a.bin"), none()),
        ("s3:DeleteObjectTagging", object(shape, FIRMWARE), none()),
        ("s3:PutObjectTagging", object(shape, FIRMWARE), tags(json!(["firmhold", "owner"]))),
        ("s3:PutObjectTagging", object(shape, FIRMWARE), tags(json!(["firmholdx"]))),
        ("s3:PutObjectTagging", object(shape, FIRMWARE), tags(json!([]))),
        ("s3:PutObjectTagging", object(shape, FIRMWARE), none()),
        ("s3:PutObjectTagging", object(shape, "other/a.bin"), tags(json!(["firmhold"]))),
        ("s3:PutObjectAcl", object(shape, FIRMWARE), none()),
        ("s3:PutObjectRetention", object(shape, FIRMWARE), none()),
        ("s3:BypassGovernanceRetention", object(shape, FIRMWARE), none()),
        ("s3:PutBucketPolicy", bucket.clone(), none()),
        ("s3:DeleteBucketPolicy", bucket.clone(), none()),
        ("s3:PutLifecycleConfiguration", bucket.clone(), none()),
        ("s3:PutBucketVersioning", bucket.clone(), none()),
        ("s3:PutEncryptionConfiguration", bucket.clone(), none()),
        ("s3:DeleteBucket", bucket.clone(), none()),
        ("s3:GetBucketPolicy", bucket.clone(), none()),
        ("s3:ListAllMyBuckets", "*".to_owned(), none()),
        ("iam:PutRolePolicy", format!("arn:{}:iam::111122223333:role/R", shape.partition), none()),
        ("sts:AssumeRole", format!("arn:{}:iam::111122223333:role/Other", shape.partition), none()),
    ];
    if !shape.allow_delete {
        all.push(("s3:DeleteObject", object(shape, FIRMWARE), none()));
        all.push(("s3:DeleteObjectVersion", object(shape, FIRMWARE), none()));
    }
    if shape.import_prefix.is_some() {
        all.push(("s3:PutObject", object(shape, "old/$releases/a.bin"), none()));
        all.push(("s3:DeleteObject", object(shape, "old/$releases/a.bin"), none()));
        all.push(("s3:GetObject", object(shape, "old/"), none()));
    }
    let key = |id: &str| format!("arn:{}:kms:{}:111122223333:key/{id}", shape.partition, shape.region);
    all.push(("kms:Decrypt", key("primary"), none()));
    all.push(("kms:Decrypt", key("primary"), json!({ "kms:ViaService": "ec2.us-west-2.amazonaws.com" })));
    all.push(("kms:Decrypt", key("other"), json!({ "kms:ViaService": via(shape) })));
    all.push(("kms:GenerateDataKey", key("replica"), json!({ "kms:ViaService": via(shape) })));
    for replica in &shape.replicas {
        let copy = bucket_arn(shape, &replica.bucket);
        all.push(("s3:PutObject", format!("{copy}/{FIRMWARE}"), none()));
        all.push(("s3:DeleteObject", format!("{copy}/{PROBE}"), none()));
        all.push(("s3:GetObject", format!("{copy}/other/a"), none()));
        all.push(("s3:ListBucket", copy, json!({})));
    }
    let scope = SessionScope::Admin;
    all.into_iter().map(|(action, resource, keys)| Ask { action, resource, keys, scope }).collect()
}
