//! What to change, with the policy to apply.

use firmhold_core::RoleArn;
use firmhold_iam::{TrustForm, TrustShape, permission_policy, trust_policy};
use serde_json::Value;

use crate::{Access, RoleAccess, Stores, Target};

/// For a store whose keys may not be as long as S3's.
pub(super) const SHORTER_KEYS: &str = "The store takes no keys of that length. Add the bucket as a backend with a shorter prefix (`firmhold backend add … --prefix f`), or use a bucket with a shorter name.";

/// The trust policy that the target's role should have.
pub(super) fn trust_document(stores: &Stores, target: &Target, role: &RoleAccess) -> Value {
    let platform_role_arn = stores.config().platform_role_arn.clone();
    let platform_account = platform_role_arn.parse::<RoleArn>().map(|role| role.account).unwrap_or_default();
    let shape = TrustShape {
        partition: target.partition.clone(),
        platform_account,
        platform_role_arn,
        external_ids: role.external_ids.clone(),
    };
    trust_policy(&shape, TrustForm::default())
}

/// How to give the role its trust policy.
pub(super) fn trust(stores: &Stores, target: &Target, role: &RoleAccess) -> String {
    format!(
        "In account {}, make this the trust policy of {} (iam:UpdateAssumeRolePolicy), instead of the one it has:\n{}",
        role.account,
        role.role_arn,
        pretty(&trust_document(stores, target, role))
    )
}

/// How to give the role, or the key pair, the permissions that it lacks; `lacks` are actions.
pub(super) fn permissions(target: &Target, lacks: &[&str]) -> String {
    let role = match &target.access {
        Access::Role(role) => role,
        Access::Keys(access) => {
            return format!(
                "At {}, allow the key pair {} to {} in bucket {}, below {}.",
                access.endpoint,
                access.keys.access_key_id,
                lacks.join(", "),
                target.bucket,
                target.prefix
            );
        }
    };
    let mut text = format!("Allow {} to {}", role.role_arn, lacks.join(", "));
    if target.kms_key_arn().is_some() {
        text.push_str(" (where the role has these, the policy of the key may lack the role)");
    }
    text.push_str(". Its whole permission policy (iam:PutRolePolicy):\n");
    text.push_str(&pretty(&permission_policy(&target.shape())));
    text
}

/// The part of the backend's permission policy that is about its `number`-th replica.
pub(super) fn replica_permissions(primary: &Target, replica: &Target, number: usize) -> String {
    let Access::Role(role) = &replica.access else {
        return permissions(replica, &["s3:ListBucket", "s3:GetObject"]);
    };
    let mut policy = permission_policy(&primary.shape());
    let sid = format!("FirmholdReplica{number}");
    if let Some(statements) = policy.get_mut("Statement").and_then(Value::as_array_mut) {
        statements.retain(|statement| {
            statement.get("Sid").and_then(Value::as_str).is_some_and(|found| found.starts_with(&sid))
        });
    }
    format!("The permission policy of {} must hold:\n{}", role.role_arn, pretty(&policy))
}

fn pretty(policy: &Value) -> String {
    serde_json::to_string_pretty(policy).unwrap_or_else(|_| policy.to_string())
}
