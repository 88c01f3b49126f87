//! Object Lock with a default retention: nobody deletes a version before its time, whatever their permissions. It
//! cannot be turned off again.

use async_trait::async_trait;
use aws_sdk_s3::types::{
    DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
};
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Switch, Verb};
use crate::inventory::{Inventory, settings_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::{ObjectLock, ObjectLockMode, Spec};

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.settings.object_lock, &spec.bucket_arn()) else { return };
    let there = found.and_then(Option::as_ref);
    let Some(wanted) = &spec.bucket.object_lock else {
        if let Some(there) = there {
            let says = format!("{there} by default, though the spec does not ask for it");
            draft.leave(Kind::ObjectLock, spec.bucket_arn(), says);
        }
        return;
    };
    if there == Some(wanted) {
        draft.keep(Kind::ObjectLock, spec.bucket_arn(), format!("{wanted} by default"));
        return;
    }
    let was = match (found, there) {
        (None, _) => "is off".to_owned(),
        (Some(_), None) => "is on without a default".to_owned(),
        (Some(_), Some(there)) => format!("is {there}"),
    };
    let says = format!("keep every new version {wanted} ({was})");
    draft.add(
        Change::new(Verb::Change, Kind::ObjectLock, spec.bucket_arn(), says, Lock { wanted: wanted.clone() })
            .because("not even the account's owner deletes firmware early. It cannot be turned off; probes of the checks stay as long too, a few KiB each")
            .needing(&["s3:GetBucketObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"])
            .accepted_by(Switch::ObjectLock, inventory.bucket.is_shared()),
    );
}

#[derive(Debug)]
struct Lock {
    wanted: ObjectLock,
}

#[async_trait]
impl Operation for Lock {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let mode = match self.wanted.mode {
            ObjectLockMode::Governance => ObjectLockRetentionMode::Governance,
            ObjectLockMode::Compliance => ObjectLockRetentionMode::Compliance,
        };
        let retention = DefaultRetention::builder().mode(mode).days(self.wanted.days).build();
        let lock = ObjectLockConfiguration::builder()
            .object_lock_enabled(ObjectLockEnabled::Enabled)
            .rule(ObjectLockRule::builder().default_retention(retention).build())
            .build();
        let call = at.owner.clients.s3.put_object_lock_configuration().bucket(&at.spec.bucket.name);
        let answer =
            call.expected_bucket_owner(&at.spec.account).object_lock_configuration(lock).send().await;
        answer.map_err(|error| problem("s3:PutBucketObjectLockConfiguration", &arn, error))?;
        read_back("the bucket's Object Lock", || async {
            let found = settings_reads::object_lock(at.owner, at.spec).await?;
            Ok(found.seen(&arn)?.flatten().as_ref() == Some(&self.wanted))
        })
        .await
    }
}
