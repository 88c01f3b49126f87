//! The policy of a KMS key that encrypts firmware.

use serde_json::{Value, json};

use super::parts::{literal, one_or_many};
use super::{BackendShape, Generated};

/// The key policy of a key in the owner's own account.
///
/// The account keeps the key and lets its identity policies decide, as AWS's default policy does
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>): the backend's role and the
/// replication role have what they need in their own policies. A distribution has no policy of its own, so it is
/// named here (<https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html>).
///
/// ```
/// use firmhold_iam::{BackendShape, CdnShape, generate::key_policy};
///
/// let mut shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// shape.cdn = Some(CdnShape::default());
/// let document = key_policy(&shape);
/// assert_eq!(document["Statement"][1]["Principal"]["Service"], "cloudfront.amazonaws.com");
/// ```
pub fn key_policy(shape: &BackendShape) -> Value {
    let mut statements = vec![json!({
        "Sid": "FirmholdKeyAccount",
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:{}:iam::{}:root", shape.partition, shape.account) },
        "Action": "kms:*",
        "Resource": "*",
    })];
    if let Some(cdn) = &shape.cdn {
        let distribution = match &cdn.distribution_arn {
            Some(arn) => literal(arn),
            None => format!("arn:{}:cloudfront::{}:distribution/*", shape.partition, shape.account),
        };
        statements.push(json!({
            "Sid": "FirmholdKeyCdn",
            "Effect": "Allow",
            "Principal": { "Service": "cloudfront.amazonaws.com" },
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": { "ArnLike": { "aws:SourceArn": distribution } },
        }));
    }
    Generated::Key.document(statements)
}

/// The statement to hand to whoever owns a key in another account: it goes into the policy of that key, and lets the
/// backend's role use it by way of S3 and in no other way. The role's own policy has to allow the same
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html>).
///
/// It names the account and narrows it to the role, so that it survives the role's being made anew.
///
/// ```
/// use firmhold_iam::{BackendShape, generate::key_statement_for_owner};
///
/// let shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// let role = "arn:aws:iam::111122223333:role/FirmholdBackend";
/// let statement = key_statement_for_owner(&shape, role);
/// assert_eq!(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"], role);
/// ```
pub fn key_statement_for_owner(shape: &BackendShape, role_arn: &str) -> Value {
    json!({
        "Sid": "FirmholdKeyUse",
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:{}:iam::{}:root", shape.partition, shape.account) },
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": "*",
        "Condition": {
            "ArnEquals": { "aws:PrincipalArn": literal(role_arn) },
            "StringEquals": { "kms:ViaService": one_or_many(shape.via_service()) },
        },
    })
}
