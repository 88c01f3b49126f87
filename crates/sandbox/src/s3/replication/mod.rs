//! The replication configuration on the wire. What its rules do is in [`crate::replication`].

mod validate;

use s3s::dto::{
    DeleteBucketReplicationInput, DeleteBucketReplicationOutput, GetBucketReplicationInput,
    GetBucketReplicationOutput, PutBucketReplicationInput, PutBucketReplicationOutput, ReplicationRule,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::S3Ops;
use crate::storage::record::{BucketFacts, Versioning};
use crate::storage::replication::destination;

impl S3Ops {
    pub(super) async fn read_replication(
        &self,
        request: S3Request<GetBucketReplicationInput>,
    ) -> S3Result<S3Response<GetBucketReplicationOutput>> {
        let replication = self.storage.bucket(&request.input.bucket)?.replication.clone();
        let replication = replication.ok_or_else(|| {
            s3_error!(ReplicationConfigurationNotFoundError, "The replication configuration was not found")
        })?;
        Ok(S3Response::new(GetBucketReplicationOutput { replication_configuration: Some(replication) }))
    }

    pub(super) async fn write_replication(
        &self,
        request: S3Request<PutBucketReplicationInput>,
    ) -> S3Result<S3Response<PutBucketReplicationOutput>> {
        let caller = super::caller(&request)?;
        let PutBucketReplicationInput { bucket, mut replication_configuration, .. } = request.input;
        let facts = self.storage.bucket(&bucket)?;
        validate::validate(&mut replication_configuration)?;
        // Whoever hands a role to a service has to be allowed to.
        self.gate.allow_pass_role(&caller, &replication_configuration.role, "s3.amazonaws.com")?;
        if facts.versioning != Versioning::Enabled {
            return Err(s3_error!(
                InvalidRequest,
                "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
            ));
        }
        for rule in &replication_configuration.rules {
            self.check_destination(&facts, rule)?;
        }
        self.configure(bucket, move |facts| facts.replication = Some(replication_configuration)).await?;
        Ok(S3Response::new(PutBucketReplicationOutput::default()))
    }

    pub(super) async fn remove_replication(
        &self,
        request: S3Request<DeleteBucketReplicationInput>,
    ) -> S3Result<S3Response<DeleteBucketReplicationOutput>> {
        self.configure(request.input.bucket, |facts| facts.replication = None).await?;
        Ok(S3Response::new(DeleteBucketReplicationOutput::default()))
    }

    /// Both ends have to be versioned (T13).
    fn check_destination(&self, facts: &BucketFacts, rule: &ReplicationRule) -> S3Result<()> {
        let name = destination(rule);
        if name == facts.name {
            return Err(s3_error!(
                InvalidRequest,
                "Destination bucket cannot be the same as the source bucket."
            ));
        }
        let Some(target) = self.storage.bucket_facts(name) else {
            return Err(s3_error!(InvalidRequest, "Destination bucket must exist."));
        };
        if target.versioning != Versioning::Enabled {
            return Err(s3_error!(InvalidRequest, "Destination bucket must have versioning enabled."));
        }
        let named = rule.destination.account.as_ref();
        match named.is_none_or(|account| *account == target.owner_account) {
            true => Ok(()),
            false => Err(s3_error!(
                InvalidRequest,
                "The destination bucket is not owned by the account specified."
            )),
        }
    }
}
