//! Buckets on the wire: made, found, listed, deleted.

use s3s::dto::{
    Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput, ObjectLockConfiguration, ObjectLockEnabled, Owner,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::write::has_grants;
use super::{S3Ops, error, name, time};
use crate::region;
use crate::storage::StorageError;
use crate::storage::record::Versioning;

/// Buckets in one answer of ListBuckets.
const MAX_BUCKETS: i32 = 10_000;

impl S3Ops {
    pub(super) async fn make_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let caller = super::caller(&request)?;
        let account = caller.account.clone().ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))?;
        let input = request.input;
        name::check_bucket_name(&input.bucket)?;
        let configuration = input.create_bucket_configuration.as_ref();
        let constraint = configuration.and_then(|c| c.location_constraint.as_ref());
        let region = new_region(&caller.region, constraint.map(BucketLocationConstraint::as_str))?;
        let locks = input.object_lock_enabled_for_bucket == Some(true);
        let ownership = input.object_ownership.map(|ownership| ownership.as_str().to_owned());
        let acl = input.acl.as_ref().map_or("private", |acl| acl.as_str());
        if acl != "private" || has_grants(&request.headers) {
            return Err(error::custom(
                http::StatusCode::BAD_REQUEST,
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            ));
        }
        let location = match region == region::GLOBAL_REGION {
            true => format!("/{}", input.bucket),
            false => format!("http://{}.s3.amazonaws.com/", input.bucket),
        };
        let bucket = input.bucket;
        let made = self
            .storage
            .run(move |storage| {
                storage.create_bucket_as(&bucket, &account, &region, |facts| {
                    if let Some(ownership) = ownership {
                        facts.ownership = Some(ownership);
                    }
                    if locks {
                        facts.versioning = Versioning::Enabled;
                        facts.object_lock = Some(ObjectLockConfiguration {
                            object_lock_enabled: Some(ObjectLockEnabled::from_static(
                                ObjectLockEnabled::ENABLED,
                            )),
                            rule: None,
                        });
                    }
                })
            })
            .await;
        match made {
            // In us-east-1, and only there, making one's own bucket again succeeds.
            Err(StorageError::BucketAlreadyOwnedByYou) if caller.region == region::GLOBAL_REGION => {}
            other => other?,
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
    }

    pub(super) async fn remove_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let bucket = request.input.bucket;
        self.storage.run(move |storage| storage.delete_bucket(&bucket)).await?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    pub(super) async fn find_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(facts.region.clone()),
            ..Default::default()
        }))
    }

    pub(super) async fn locate_bucket(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        // us-east-1 is the location that has no name.
        let named = Some(facts.region.clone()).filter(|region| region != region::GLOBAL_REGION);
        Ok(S3Response::new(GetBucketLocationOutput {
            location_constraint: named.map(BucketLocationConstraint::from),
        }))
    }

    pub(super) async fn page_of_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let caller = super::caller(&request)?;
        let account = caller.account.ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))?;
        let input = request.input;
        let limit = input.max_buckets.unwrap_or(MAX_BUCKETS).clamp(1, MAX_BUCKETS);
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.unwrap_or_default();
        let all = self.storage.buckets_of(&account);
        let mut rest = all.iter().filter(|facts| {
            facts.name.starts_with(&prefix)
                && facts.name > after
                && input.bucket_region.as_ref().is_none_or(|region| *region == facts.region)
        });
        let page: Vec<Bucket> = rest
            .by_ref()
            .take(usize::try_from(limit).unwrap_or(0))
            .map(|facts| Bucket {
                bucket_region: Some(facts.region.clone()),
                creation_date: Some(time::wire(facts.created)),
                name: Some(facts.name.clone()),
            })
            .collect();
        let more = rest.next().is_some();
        Ok(S3Response::new(ListBucketsOutput {
            continuation_token: page.last().filter(|_| more).and_then(|bucket| bucket.name.clone()),
            buckets: Some(page),
            owner: Some(Owner { id: Some(name::canonical_id(&account)), display_name: None }),
            prefix: input.prefix,
        }))
    }
}

/// Where a new bucket goes: a regional endpoint makes buckets in its own region only and wants that said; the
/// endpoint of us-east-1 makes them anywhere and must not be told its own name.
fn new_region(endpoint: &str, constraint: Option<&str>) -> S3Result<String> {
    let constraint = constraint.filter(|constraint| !constraint.is_empty());
    match constraint {
        None if endpoint == region::GLOBAL_REGION => Ok(endpoint.to_owned()),
        None => Err(s3_error!(
            IllegalLocationConstraintException,
            "The unspecified location constraint is incompatible for the region specific endpoint this \
             request was sent to."
        )),
        Some(named) if named == region::GLOBAL_REGION || !region::exists(named) => {
            Err(s3_error!(InvalidLocationConstraint, "The specified location-constraint is not valid"))
        }
        Some(named) if endpoint == region::GLOBAL_REGION || named == endpoint => Ok(named.to_owned()),
        Some(named) => Err(s3_error!(
            IllegalLocationConstraintException,
            "The {named} location constraint is incompatible for the region specific endpoint this request \
             was sent to."
        )),
    }
}
