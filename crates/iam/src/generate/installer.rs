//! The policy of whoever sets the owner's account up.

use serde_json::{Value, json};

use super::parts::literal;
use super::{BackendShape, Generated};

/// What `account apply` calls: make and configure this one bucket, make this one role and give it its policies
/// (T42). It reads before it writes, and deletes nothing.
///
/// `role_name` is without a path. `sts:GetCallerIdentity` needs no permission.
///
/// ```
/// use firmhold_iam::{BackendShape, generate::installer_policy};
///
/// let shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
/// let document = installer_policy(&shape, "FirmholdBackend");
/// assert_eq!(document["Statement"][1]["Resource"], "arn:aws:iam::111122223333:role/FirmholdBackend");
/// ```
pub fn installer_policy(shape: &BackendShape, role_name: &str) -> Value {
    Generated::Installer.document(vec![
        json!({
            "Sid": "FirmholdInstallBucket",
            "Effect": "Allow",
            "Action": [
                "s3:CreateBucket",
                "s3:ListBucket",
                "s3:GetBucketPublicAccessBlock",
                "s3:PutBucketPublicAccessBlock",
                "s3:GetBucketOwnershipControls",
                "s3:PutBucketOwnershipControls",
                "s3:GetEncryptionConfiguration",
                "s3:PutEncryptionConfiguration",
                "s3:GetBucketVersioning",
                "s3:PutBucketVersioning",
                "s3:GetBucketPolicy",
                "s3:PutBucketPolicy",
            ],
            "Resource": shape.bucket_arn(),
        }),
        json!({
            "Sid": "FirmholdInstallRole",
            "Effect": "Allow",
            "Action": [
                "iam:GetRole",
                "iam:CreateRole",
                // CreateRole with tags asks for it.
                "iam:TagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:GetRolePolicy",
                "iam:PutRolePolicy",
            ],
            "Resource": format!("arn:{}:iam::{}:role/{}", shape.partition, shape.account, literal(role_name)),
        }),
    ])
}
