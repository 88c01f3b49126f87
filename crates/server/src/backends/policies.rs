//! The policies of a backend, rendered for its present values (API contract 12.4).

use firmhold_core::RoleArn;
use firmhold_core::backend::Encryption;
use firmhold_iam::{
    BackendShape, ReplicaShape, TrustForm, TrustShape, bucket_policy, permission_policy, trust_policy,
};
use serde_json::Value;

use super::BackendRow;

/// To be attached to the role as its trust policy.
pub fn trust(platform: &RoleArn, external_ids: Vec<String>) -> Value {
    let shape = TrustShape {
        partition: platform.partition.clone(),
        platform_account: platform.account.clone(),
        platform_role_arn: platform.to_string(),
        external_ids,
    };
    trust_policy(&shape, TrustForm::default())
}

/// To be attached to the role as its inline policy.
pub fn permission(row: &BackendRow) -> Value {
    permission_policy(&shape(row))
}

/// To be merged into the bucket policy.
pub fn bucket(row: &BackendRow) -> Value {
    bucket_policy(&shape(row))
}

/// The policies depend on the role's account only where a CDN is set, so they are there before there is a role.
fn shape(row: &BackendRow) -> BackendShape {
    BackendShape {
        partition: row.partition.clone(),
        account: row.role_arn.as_ref().map(|role| role.account.clone()).unwrap_or_default(),
        bucket: row.bucket.clone(),
        region: row.region.clone(),
        prefix: row.prefix.as_str().to_owned(),
        import_prefix: row.import_prefix.clone(),
        kms_key_arn: match &row.encryption {
            Encryption::SseKms { kms_key_arn } => Some(kms_key_arn.clone()),
            Encryption::SseS3 | Encryption::None => None,
        },
        allow_delete: row.allow_delete,
        replicas: row
            .replicas
            .iter()
            .map(|replica| ReplicaShape {
                bucket: replica.bucket.clone(),
                region: replica.region.clone(),
                kms_key_arn: replica.kms_key_arn.clone(),
            })
            .collect(),
        cdn: None,
        config_reads: true,
    }
}
