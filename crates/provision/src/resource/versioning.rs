//! The bucket's versioning: on.

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Switch, Verb};
use crate::inventory::{Inventory, bucket_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::Spec;

const ENABLED: &str = "Enabled";

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.bucket.versioning, &spec.bucket_arn()) else { return };
    if found.is_some_and(|status| status == ENABLED) {
        draft.keep(Kind::Versioning, spec.bucket_arn(), "is on");
        return;
    }
    let says = format!("turn it on (is {})", if found.is_some() { "suspended" } else { "off" });
    draft.add(
        Change::new(Verb::Change, Kind::Versioning, spec.bucket_arn(), says, TurnOn)
            .because("overwriting or deleting an object keeps what was there before as a version")
            .needing(&["s3:GetBucketVersioning", "s3:PutBucketVersioning"])
            .accepted_by(Switch::Versioning, inventory.bucket.is_shared()),
    );
}

#[derive(Debug)]
struct TurnOn;

#[async_trait]
impl Operation for TurnOn {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let call = at.owner.clients.s3.put_bucket_versioning().bucket(&at.spec.bucket.name);
        let answer = call.expected_bucket_owner(&at.spec.account).versioning_configuration(on).send().await;
        answer.map_err(|error| problem("s3:PutBucketVersioning", &arn, error))?;
        read_back("the bucket's versioning", || async {
            let found = bucket_reads::versioning(at.owner, at.spec).await?;
            Ok(found.seen(&arn)?.as_deref() == Some(ENABLED))
        })
        .await
    }
}
