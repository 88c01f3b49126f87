//! What a backend needs in the owner's account, a file for each kind of thing. Each says what is wanted, compares it
//! with what is there (pure), and carries out its own changes.

mod acceleration;
mod access_logs;
mod bucket;
mod bucket_policy;
mod bucket_tags;
mod elsewhere;
mod encryption;
mod key;
mod lifecycle;
mod object_lock;
mod ownership;
mod public_access;
mod replication;
mod request_metrics;
mod role;
mod role_policy;
mod versioning;

use firmhold_core::Problem;

use crate::inventory::{
    BUCKET_LOOKS, Inventory, KEY_LOOKS, LIFECYCLE_LOOKS, REPLICATION_LOOKS, ROLE_LOOKS, SETTINGS_LOOKS,
};
use crate::plan::Draft;
use crate::spec::{Encryption, Key, Spec};

/// Everything that `spec` wants and the account has not, in the order in which it is done. Public access comes first of
/// the bucket's settings, so that no moment is less safe than the one before.
pub(crate) fn wanted(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    key::diff(spec, inventory, draft)?;
    bucket::diff(spec, inventory, draft)?;
    bucket_tags::diff(spec, inventory, draft);
    public_access::diff(spec, inventory, draft);
    ownership::diff(spec, inventory, draft);
    encryption::diff(spec, inventory, draft);
    versioning::diff(spec, inventory, draft);
    object_lock::diff(spec, inventory, draft);
    acceleration::diff(spec, inventory, draft);
    bucket_policy::diff(spec, inventory, draft)?;
    lifecycle::diff(spec, inventory, draft)?;
    access_logs::diff(spec, inventory, draft)?;
    request_metrics::diff(spec, inventory, draft);
    role::diff(spec, inventory, draft)?;
    role_policy::diff(spec, inventory, draft);
    replication::diff(spec, inventory, draft)?;
    if draft.concerns_others() {
        // Whether there are any: a guess is not applied.
        draft.see(&inventory.bucket.holds, &spec.bucket_arn());
    }
    Ok(())
}

/// Everything of ours that is there, in the order in which it goes: first what lets somebody in.
pub(crate) fn removals(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    role_policy::remove(spec, inventory, draft);
    role::remove(spec, inventory, draft);
    replication::remove(spec, inventory, draft)?;
    request_metrics::remove(spec, inventory, draft);
    access_logs::remove(spec, inventory, draft)?;
    lifecycle::remove(spec, inventory, draft)?;
    bucket_policy::remove(spec, inventory, draft)?;
    bucket_tags::remove(spec, inventory, draft);
    bucket::remove(spec, inventory, draft);
    key::remove(spec, inventory, draft);
    Ok(())
}

/// Actions by target.
pub(crate) type Grants = Vec<(String, &'static [&'static str])>;

/// What looking at everything needs.
pub(crate) fn looks(spec: &Spec) -> Grants {
    let bucket = [BUCKET_LOOKS, LIFECYCLE_LOOKS, SETTINGS_LOOKS, REPLICATION_LOOKS];
    let mut grants: Grants = bucket.into_iter().map(|actions| (spec.bucket_arn(), actions)).collect();
    grants.push((spec.role_arn(), ROLE_LOOKS));
    if let Some(replication) = &spec.replication {
        grants.push((spec.of_replica(replication).bucket_arn(), BUCKET_LOOKS));
        grants.push((spec.of_replication_role().role_arn(), ROLE_LOOKS));
    }
    if let Some(logs) = &spec.access_logs {
        grants.push((spec.of_bucket(&logs.bucket, &spec.bucket.region).bucket_arn(), BUCKET_LOOKS));
    }
    match &spec.encryption {
        Encryption::SseKms { key: Key::Given { arn }, .. } if spec.owns(arn) => {
            grants.push((arn.clone(), &["kms:DescribeKey"]));
        }
        Encryption::SseKms { key: Key::Made { .. }, .. } => {
            grants.extend([(any_key(spec), KEY_LOOKS), ("*".to_owned(), &["kms:ListKeys"][..])]);
        }
        Encryption::SseKms { .. } | Encryption::SseS3 => {}
    }
    grants
}

/// A key that is made has no name before: its actions cannot be bound to it.
fn any_key(spec: &Spec) -> String {
    spec.alias_arn("key/*")
}

/// What a plan does not name: changes of what is there already, and leave to hand a role to S3.
pub(crate) fn mends(spec: &Spec) -> Grants {
    let role: &[&str] = &["iam:UpdateAssumeRolePolicy", "iam:UpdateRole"];
    let bucket: &[&str] = &["s3:PutEncryptionConfiguration"];
    let mut grants = vec![(spec.role_arn(), role), (spec.bucket_arn(), bucket)];
    if matches!(&spec.encryption, Encryption::SseKms { key: Key::Made { .. }, .. }) {
        grants.push(("*".to_owned(), &["kms:CreateKey", "kms:TagResource"]));
        grants.push((any_key(spec), &["kms:CreateAlias", "kms:EnableKeyRotation"]));
    }
    if spec.replication.is_some() {
        let arn = spec.of_replication_role().role_arn();
        grants.extend([(arn.clone(), role), (arn, &["iam:PassRole"])]);
    }
    grants
}

/// What removing everything of ours needs.
pub(crate) fn undoes(spec: &Spec) -> Grants {
    let bucket: &[&str] = &["s3:DeleteBucket", "s3:DeleteBucketPolicy"];
    let role: &[&str] = &["iam:DeleteRole", "iam:DeleteRolePolicy"];
    let mut grants = vec![(spec.bucket_arn(), bucket), (spec.role_arn(), role)];
    if let Some(replication) = &spec.replication {
        grants.push((spec.of_replica(replication).bucket_arn(), bucket));
        grants.push((spec.of_replication_role().role_arn(), role));
    }
    grants
}
