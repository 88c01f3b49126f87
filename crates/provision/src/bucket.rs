//! Step 1: the bucket.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership};
use firmhold_core::{Code, Problem};

use crate::access::Clients;
use crate::refusal::{problem, status_of};
use crate::step::{Step, StepReport};
use crate::{Spec, bucket_settings};

/// The region whose buckets are made without naming it: S3 refuses it as a location constraint.
const REGION_WITHOUT_NAME: &str = "us-east-1";

/// Makes the bucket if it is missing and sets it up.
pub(crate) async fn apply(clients: &Clients, spec: &Spec) -> Result<StepReport, Problem> {
    let created = match find(clients, spec).await? {
        Found::Ours => false,
        Found::Nothing => {
            create(clients, spec).await?;
            true
        }
    };
    let mut changes = bucket_settings::apply(clients, spec, created).await?;
    if created {
        changes.insert(0, format!("made {} in {}", spec.bucket, spec.region));
    }
    let as_it_is = "versioned, ACLs off, all public access blocked, encrypted";
    Ok(StepReport::of(Step::Bucket, created, &changes, as_it_is))
}

enum Found {
    Ours,
    Nothing,
}

/// Asks with the expected owner, so that a bucket of somebody else's is not taken for ours (T36).
async fn find(clients: &Clients, spec: &Spec) -> Result<Found, Problem> {
    let head = clients.s3.head_bucket().bucket(&spec.bucket).expected_bucket_owner(&spec.account);
    match head.send().await {
        Ok(found) => match found.bucket_region() {
            Some(region) if region != spec.region => Err(elsewhere(spec, region)),
            _ => Ok(Found::Ours),
        },
        Err(error) => match status_of(&error) {
            Some(404) => Ok(Found::Nothing),
            Some(301 | 400) => {
                let region =
                    error.raw_response().and_then(|answer| answer.headers().get("x-amz-bucket-region"));
                match region {
                    Some(region) if region != spec.region => Err(elsewhere(spec, region)),
                    _ => Err(problem("s3:ListBucket", &spec.bucket, error)),
                }
            }
            Some(403) => Err(foreign(spec).caused_by(error)),
            _ => Err(problem("s3:ListBucket", &spec.bucket, error)),
        },
    }
}

async fn create(clients: &Clients, spec: &Spec) -> Result<(), Problem> {
    let mut request = clients
        .s3
        .create_bucket()
        .bucket(&spec.bucket)
        .object_ownership(ObjectOwnership::BucketOwnerEnforced);
    if spec.region != REGION_WITHOUT_NAME {
        let region = BucketLocationConstraint::from(spec.region.as_str());
        let configuration = CreateBucketConfiguration::builder().location_constraint(region).build();
        request = request.create_bucket_configuration(configuration);
    }
    match request.send().await {
        Ok(_) => {}
        Err(error) => match error.as_service_error() {
            // Another run of ours was quicker.
            Some(service) if service.is_bucket_already_owned_by_you() => {}
            Some(service) if service.is_bucket_already_exists() => return Err(foreign(spec).caused_by(error)),
            _ => return Err(problem("s3:CreateBucket", &spec.bucket, error)),
        },
    }
    match find(clients, spec).await? {
        Found::Ours => Ok(()),
        Found::Nothing => Err(crate::refusal::not_as_written("the bucket")),
    }
}

fn foreign(spec: &Spec) -> Problem {
    Problem::new(
        Code::StoreDenied,
        format!("the bucket {} belongs to another account, or {} may not see it", spec.bucket, spec.account),
    )
    .with_hint("Bucket names are shared by all accounts. Choose another name, or use credentials of its owner that allow `s3:ListBucket`.")
}

fn elsewhere(spec: &Spec, region: &str) -> Problem {
    Problem::new(
        Code::Usage,
        format!("the bucket {} exists in {region}, not in {}", spec.bucket, spec.region),
    )
    .with_hint("A bucket cannot move. Name its region, or choose another bucket.")
}
