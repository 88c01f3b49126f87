//! The bucket's public-access block: all four switches on.

use async_trait::async_trait;
use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Switch, Verb};
use crate::inventory::{Found, Inventory, bucket_reads};
use crate::plan::Draft;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::Spec;

const NAMES: [&str; 4] =
    ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
const ALL_ON: [bool; 4] = [true; 4];

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.bucket.public_access_block, &spec.bucket_arn()) else { return };
    let found = found.copied().unwrap_or_default();
    if found == ALL_ON {
        draft.keep(Kind::PublicAccess, spec.bucket_arn(), "all of it is blocked");
        return;
    }
    let off: Vec<&str> = NAMES.iter().zip(found).filter(|(_, on)| !on).map(|(name, _)| *name).collect();
    let says = if inventory.bucket.found == Found::Nothing {
        "block all of it".to_owned()
    } else {
        format!("block all of it (off: {})", off.join(", "))
    };
    draft.add(
        Change::new(Verb::Change, Kind::PublicAccess, spec.bucket_arn(), says, Block)
            .because("devices get links; nobody reads firmware without one")
            .needing(&["s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"])
            .accepted_by(Switch::PublicAccess, inventory.bucket.is_shared()),
    );
}

#[derive(Debug)]
struct Block;

#[async_trait]
impl Operation for Block {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let all_on = || async {
            let found = bucket_reads::public_access_block(at.owner, at.spec).await?;
            Ok(found.seen(&arn)? == Some(ALL_ON))
        };
        if all_on().await? {
            return Ok(());
        }
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let call = at.owner.clients.s3.put_public_access_block().bucket(&at.spec.bucket.name);
        let call = call.expected_bucket_owner(&at.spec.account).public_access_block_configuration(block);
        call.send().await.map_err(|error| problem("s3:PutBucketPublicAccessBlock", &arn, error))?;
        read_back("the public-access block", all_on).await
    }
}
