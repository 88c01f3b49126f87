//! What to change, with the policy to apply.

use firmhold_core::RoleArn;
use firmhold_iam::{TrustForm, TrustShape, permission_policy, trust_policy};
use serde_json::Value;

use crate::{Stores, Target};

/// The trust policy that the target's role should have.
pub(super) fn trust_document(stores: &Stores, target: &Target) -> Value {
    let platform_role_arn = stores.config().platform_role_arn.clone();
    let platform_account = platform_role_arn.parse::<RoleArn>().map(|role| role.account).unwrap_or_default();
    let shape = TrustShape {
        partition: target.partition.clone(),
        platform_account,
        platform_role_arn,
        external_ids: target.external_ids.clone(),
    };
    trust_policy(&shape, TrustForm::default())
}

/// How to give the role its trust policy.
pub(super) fn trust(stores: &Stores, target: &Target) -> String {
    format!(
        "In account {}, make this the trust policy of {} (iam:UpdateAssumeRolePolicy), instead of the one it has:\n{}",
        target.account,
        target.role_arn,
        pretty(&trust_document(stores, target))
    )
}

/// How to give the role the permissions that it lacks; `lacks` are actions.
pub(super) fn permissions(target: &Target, lacks: &[&str]) -> String {
    let mut text = format!("Allow {} to {}", target.role_arn, lacks.join(", "));
    if target.kms_key_arn().is_some() {
        text.push_str(" (where the role has these, the policy of the key may lack the role)");
    }
    text.push_str(". Its whole permission policy (iam:PutRolePolicy):\n");
    text.push_str(&pretty(&permission_policy(&target.shape())));
    text
}

/// The part of the backend's permission policy that is about its `number`-th replica.
pub(super) fn replica_permissions(primary: &Target, replica: &Target, number: usize) -> String {
    let mut policy = permission_policy(&primary.shape());
    let sid = format!("FirmholdReplica{number}");
    if let Some(statements) = policy.get_mut("Statement").and_then(Value::as_array_mut) {
        statements.retain(|statement| {
            statement.get("Sid").and_then(Value::as_str).is_some_and(|found| found.starts_with(&sid))
        });
    }
    format!("The permission policy of {} must hold:\n{}", replica.role_arn, pretty(&policy))
}

fn pretty(policy: &Value) -> String {
    serde_json::to_string_pretty(policy).unwrap_or_else(|_| policy.to_string())
}
