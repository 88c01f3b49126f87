//! The bucket policy: it refuses what nobody should do, and grants nothing to the platform.

use serde_json::{Value, json};

use super::parts::literal;
use super::{BackendShape, CdnShape, Generated};

/// The bucket policy.
///
/// The role lives in the bucket's own account, so its permission policy is grant enough (api.md 12.4). Merge by
/// `Sid` into what the bucket already has: S3 replaces the whole document.
///
/// ```
/// use firmhold_iam::{BackendShape, bucket_policy};
///
/// let shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// let document = bucket_policy(&shape);
/// let sids: Vec<&str> =
///     document["Statement"].as_array().into_iter().flatten().filter_map(|it| it["Sid"].as_str()).collect();
/// assert_eq!(sids, ["FirmholdDenyPlainHttp", "FirmholdDenyOldTls"]);
/// ```
pub fn bucket_policy(shape: &BackendShape) -> Value {
    let bucket = shape.bucket_arn();
    let everything = json!([bucket, format!("{bucket}/*")]);
    let mut statements = vec![
        json!({
            "Sid": "FirmholdDenyPlainHttp",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": everything,
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }),
        json!({
            "Sid": "FirmholdDenyOldTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": everything,
            "Condition": { "NumericLessThan": { "s3:TlsVersion": "1.2" } },
        }),
    ];
    if let Some(key) = &shape.kms_key_arn {
        statements.extend(encryption(shape, key));
    }
    if let Some(cdn) = &shape.cdn {
        statements.push(cdn_read(shape, cdn));
    }
    Generated::Bucket.document(statements)
}

/// Refuses a request that asks for another encryption than the bucket's default. One that asks for none gets
/// the default: hence `Null`, without which the negated operators would refuse that one too (T03).
///
/// A request for `aws:kms` that names no key gets the account's own `aws/s3`, not the bucket's: whoever may read that
/// one, which has no policy of ours, could read the object
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html>).
fn encryption(shape: &BackendShape, key: &str) -> [Value; 4] {
    let deny = |sid: &str, condition: Value| {
        json!({
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": shape.objects_arn(),
            "Condition": condition,
        })
    };
    [
        deny(
            "FirmholdDenyOtherKey",
            json!({
                "Null": { "s3:x-amz-server-side-encryption-aws-kms-key-id": "false" },
                "ArnNotEquals": { "s3:x-amz-server-side-encryption-aws-kms-key-id": literal(key) },
            }),
        ),
        deny(
            "FirmholdDenyUnnamedKey",
            json!({
                "StringEquals": { "s3:x-amz-server-side-encryption": "aws:kms" },
                "Null": { "s3:x-amz-server-side-encryption-aws-kms-key-id": "true" },
            }),
        ),
        deny(
            "FirmholdDenyOtherEncryption",
            json!({
                "Null": { "s3:x-amz-server-side-encryption": "false" },
                "StringNotEquals": { "s3:x-amz-server-side-encryption": "aws:kms" },
            }),
        ),
        deny(
            "FirmholdDenyCustomerKey",
            json!({ "Null": { "s3:x-amz-server-side-encryption-customer-algorithm": "false" } }),
        ),
    ]
}

/// A statement to put beside those of [`bucket_policy`] where nobody of another account has any business below the
/// prefix: it refuses them whatever else the bucket's policy allows, unsigned requests included. AWS services acting
/// for the account are spared (`aws:PrincipalIsAWSService`).
///
/// It is no part of the bucket policy by itself: an owner may have shared the bucket on purpose.
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_data-perimeters.html>)
///
/// ```
/// use firmhold_iam::{BackendShape, generate::deny_foreign_principals};
///
/// let shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// let statement = deny_foreign_principals(&shape);
/// assert_eq!(statement["Resource"], "arn:aws:s3:::acme-fw/firmhold/*");
/// ```
pub fn deny_foreign_principals(shape: &BackendShape) -> Value {
    json!({
        "Sid": "FirmholdDenyForeign",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": shape.objects_arn(),
        "Condition": {
            "StringNotEquals": { "aws:PrincipalAccount": shape.account },
            "BoolIfExists": { "aws:PrincipalIsAWSService": "false" },
        },
    })
}

/// Origin access control: the service reads, on behalf of this distribution only (T33).
fn cdn_read(shape: &BackendShape, cdn: &CdnShape) -> Value {
    let distribution = match &cdn.distribution_arn {
        Some(arn) => literal(arn),
        None => format!("arn:{}:cloudfront::{}:distribution/*", shape.partition, shape.account),
    };
    json!({
        "Sid": "FirmholdCdnRead",
        "Effect": "Allow",
        "Principal": { "Service": "cloudfront.amazonaws.com" },
        "Action": "s3:GetObject",
        "Resource": shape.objects_arn(),
        "Condition": { "ArnLike": { "aws:SourceArn": distribution } },
    })
}
