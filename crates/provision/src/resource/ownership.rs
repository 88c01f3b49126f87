//! The bucket's object ownership: ACLs do not count.

use async_trait::async_trait;
use aws_sdk_s3::types::{ObjectOwnership, OwnershipControls, OwnershipControlsRule};
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Switch, Verb};
use crate::inventory::{Found, Inventory, bucket_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::Spec;

const ENFORCED: &str = "BucketOwnerEnforced";

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    // A bucket that we make is made so.
    if inventory.bucket.found == Found::Nothing {
        return;
    }
    let Some(found) = draft.see(&inventory.bucket.ownership, &spec.bucket_arn()) else { return };
    if found.is_some_and(|ownership| ownership == ENFORCED) {
        draft.keep(Kind::Ownership, spec.bucket_arn(), "ACLs are off");
        return;
    }
    let was = found.map_or("not set", String::as_str);
    let says = format!("turn ACLs off (object ownership is {was})");
    draft.add(
        Change::new(Verb::Change, Kind::Ownership, spec.bucket_arn(), says, Enforce)
            .because("with ACLs, whoever uploads could keep the owner out")
            .needing(&["s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls"])
            .accepted_by(Switch::Ownership, inventory.bucket.is_shared()),
    );
}

#[derive(Debug)]
struct Enforce;

#[async_trait]
impl Operation for Enforce {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let rule =
            OwnershipControlsRule::builder().object_ownership(ObjectOwnership::BucketOwnerEnforced).build();
        let rule = rule.map_err(Problem::internal)?;
        let controls = OwnershipControls::builder().rules(rule).build().map_err(Problem::internal)?;
        let call = at.owner.clients.s3.put_bucket_ownership_controls().bucket(&at.spec.bucket.name);
        let answer = call.expected_bucket_owner(&at.spec.account).ownership_controls(controls).send().await;
        answer.map_err(|error| problem("s3:PutBucketOwnershipControls", &arn, error))?;
        read_back("the bucket's object ownership", || async {
            let found = bucket_reads::ownership(at.owner, at.spec).await?;
            Ok(found.seen(&arn)?.as_deref() == Some(ENFORCED))
        })
        .await
    }
}
