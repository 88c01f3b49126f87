//! The bucket itself.

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership};
use firmhold_core::{Code, Problem};

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Fact, Found, Inventory, bucket_reads};
use crate::plan::Draft;
use crate::refusal::{denied, moved, problem};
use crate::settle::read_back;
use crate::spec::Spec;

/// The region whose buckets are made without naming it: S3 refuses it as a location constraint.
const REGION_WITHOUT_NAME: &str = "us-east-1";

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    match &inventory.bucket.found {
        Found::Foreign => Err(foreign(spec)),
        Found::Elsewhere(region) => Err(elsewhere(spec, region)),
        Found::Ours => {
            draft.keep(Kind::Bucket, spec.bucket_arn(), format!("is there, in {}", spec.bucket.region));
            Ok(())
        }
        Found::Nothing => {
            let says = format!("make {} in {}", spec.bucket.name, spec.bucket.region);
            draft.add(
                Change::new(Verb::Create, Kind::Bucket, spec.bucket_arn(), says, CreateBucket)
                    .because("firmware is kept in a bucket that you own")
                    .needing(&["s3:CreateBucket", "s3:PutBucketOwnershipControls", "s3:ListBucket"]),
            );
            Ok(())
        }
    }
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let facts = &inventory.bucket;
    if facts.found != Found::Ours {
        return;
    }
    let why = match &facts.holds {
        _ if !facts.made_by_us => "it was there before us; its settings stay as they are".to_owned(),
        Fact::Known(holds) if holds.ours || holds.foreign => {
            "it holds objects or versions; a bucket that holds anything is never removed".to_owned()
        }
        Fact::Denied(action) => format!("{action} is denied, so nobody knows whether it is empty"),
        Fact::Known(_) | Fact::Absent => {
            draft.add(
                Change::new(
                    Verb::Remove,
                    Kind::Bucket,
                    spec.bucket_arn(),
                    "remove the empty bucket",
                    RemoveBucket,
                )
                .because("we made it, and it holds nothing")
                .needing(&["s3:DeleteBucket", "s3:ListBucketVersions"]),
            );
            return;
        }
    };
    draft.leave(Kind::Bucket, spec.bucket_arn(), why);
}

#[derive(Debug)]
struct CreateBucket;

#[async_trait]
impl Operation for CreateBucket {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let bucket = &at.spec.bucket;
        let enforced = ObjectOwnership::BucketOwnerEnforced;
        let mut request = at.owner.clients.s3.create_bucket().bucket(&bucket.name).object_ownership(enforced);
        if bucket.region != REGION_WITHOUT_NAME {
            let region = BucketLocationConstraint::from(bucket.region.as_str());
            let configuration = CreateBucketConfiguration::builder().location_constraint(region).build();
            request = request.create_bucket_configuration(configuration);
        }
        if let Err(error) = request.send().await {
            match error.as_service_error() {
                // Another run of ours was quicker.
                Some(service) if service.is_bucket_already_owned_by_you() => {}
                Some(service) if service.is_bucket_already_exists() => {
                    return Err(foreign(at.spec).caused_by(error));
                }
                _ => return Err(problem("s3:CreateBucket", &at.spec.bucket_arn(), error)),
            }
        }
        read_back("the bucket", || async {
            match bucket_reads::find(at.owner, at.spec).await? {
                Found::Ours => Ok(true),
                Found::Nothing | Found::Elsewhere(_) => Ok(false),
                // It was made this moment, so it is not a stranger's.
                Found::Foreign => Err(denied("s3:ListBucket", &at.spec.bucket_arn())),
            }
        })
        .await
    }
}

#[derive(Debug)]
struct RemoveBucket;

#[async_trait]
impl Operation for RemoveBucket {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        // S3 refuses a bucket that holds anything, versions included. Asking once more costs little.
        let arn = at.spec.bucket_arn();
        let holds = bucket_reads::holdings(at.owner, at.spec).await?.seen(&arn)?.unwrap_or_default();
        if holds.ours || holds.foreign {
            return Err(moved("what the bucket holds"));
        }
        let call = at.owner.clients.s3.delete_bucket().bucket(&at.spec.bucket.name);
        let answer = call.expected_bucket_owner(&at.spec.account).send().await;
        answer.map_err(|error| problem("s3:DeleteBucket", &arn, error))?;
        Ok(())
    }
}

fn foreign(spec: &Spec) -> Problem {
    Problem::new(
        Code::StoreDenied,
        format!("the bucket {} belongs to another account, or {} may not see it", spec.bucket.name, spec.account),
    )
    .with_hint("Bucket names are shared by all accounts. Choose another name, or use credentials of its owner that allow `s3:ListBucket`.")
}

fn elsewhere(spec: &Spec, region: &str) -> Problem {
    Problem::new(
        Code::Usage,
        format!("the bucket {} exists in {region}, not in {}", spec.bucket.name, spec.bucket.region),
    )
    .with_hint("A bucket cannot move. Name its region, or choose another bucket.")
}
