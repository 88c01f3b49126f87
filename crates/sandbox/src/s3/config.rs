//! A bucket's configuration: versioning, encryption, public access, ownership, tags.

use s3s::dto::{
    BucketVersioningStatus, DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput,
    DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput, DeleteBucketTaggingInput,
    DeleteBucketTaggingOutput, DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput,
    GetBucketEncryptionInput, GetBucketEncryptionOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    GetBucketVersioningInput, GetBucketVersioningOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, MFADelete, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, PutBucketEncryptionInput, PutBucketEncryptionOutput,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput, PutBucketTaggingInput,
    PutBucketTaggingOutput, PutBucketVersioningInput, PutBucketVersioningOutput, PutPublicAccessBlockInput,
    PutPublicAccessBlockOutput, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{S3Ops, describe, error, tags};
use crate::storage::record::{BucketFacts, Encryption, PublicAccessBlock, Versioning};

const OWNERSHIP: [&str; 3] = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];

impl S3Ops {
    /// Changes a bucket's configuration, durably.
    pub(super) async fn configure(
        &self,
        bucket: String,
        change: impl FnOnce(&mut BucketFacts) + Send + 'static,
    ) -> S3Result<()> {
        Ok(self.storage.run(move |storage| storage.update_bucket(&bucket, change)).await?)
    }

    pub(super) async fn read_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        let status = match self.storage.bucket(&request.input.bucket)?.versioning {
            Versioning::Unversioned => None,
            Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
            Versioning::Suspended => {
                Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED))
            }
        };
        Ok(S3Response::new(GetBucketVersioningOutput { status, ..Default::default() }))
    }

    pub(super) async fn write_versioning(
        &self,
        request: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        let input = request.input;
        let configuration = input.versioning_configuration;
        if configuration.mfa_delete.is_some_and(|mfa| mfa.as_str() == MFADelete::ENABLED) {
            return Err(s3_error!(NotImplemented, "The sandbox has no MFA delete."));
        }
        let versioning = match configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => {
                return Err(s3_error!(
                    IllegalVersioningConfigurationException,
                    "The Versioning element must be specified"
                ));
            }
        };
        let facts = self.storage.bucket(&input.bucket)?;
        if versioning == Versioning::Suspended {
            refuse_suspension(&facts)?;
        }
        self.configure(input.bucket, move |facts| facts.versioning = versioning).await?;
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }

    pub(super) async fn read_encryption(
        &self,
        request: S3Request<GetBucketEncryptionInput>,
    ) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        let default = &facts.default_encryption;
        let rule = ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                kms_master_key_id: default.kms_key_id.clone(),
                sse_algorithm: ServerSideEncryption::from(default.algorithm.clone()),
            }),
            bucket_key_enabled: Some(default.bucket_key.unwrap_or(false)),
        };
        Ok(S3Response::new(GetBucketEncryptionOutput {
            server_side_encryption_configuration: Some(ServerSideEncryptionConfiguration {
                rules: vec![rule],
            }),
        }))
    }

    pub(super) async fn write_encryption(
        &self,
        request: S3Request<PutBucketEncryptionInput>,
    ) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
        let input = request.input;
        let [rule] = input.server_side_encryption_configuration.rules.as_slice() else {
            return Err(super::malformed_xml());
        };
        let default = rule.apply_server_side_encryption_by_default.as_ref();
        let default = default.ok_or_else(super::malformed_xml)?;
        let (algorithm, key) = (default.sse_algorithm.as_str(), default.kms_master_key_id.as_deref());
        // As on AWS, nobody looks whether there is such a key before it is used.
        let encryption = describe::named_encryption(algorithm, key, rule.bucket_key_enabled)?;
        self.configure(input.bucket, move |facts| facts.default_encryption = encryption).await?;
        Ok(S3Response::new(PutBucketEncryptionOutput::default()))
    }

    /// Back to SSE-S3: since January 2023 no bucket is without.
    pub(super) async fn reset_encryption(
        &self,
        request: S3Request<DeleteBucketEncryptionInput>,
    ) -> S3Result<S3Response<DeleteBucketEncryptionOutput>> {
        self.configure(request.input.bucket, |facts| facts.default_encryption = Encryption::sse_s3()).await?;
        Ok(S3Response::new(DeleteBucketEncryptionOutput::default()))
    }

    pub(super) async fn read_public_access_block(
        &self,
        request: S3Request<GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
        let block = self.storage.bucket(&request.input.bucket)?.public_access_block;
        let block = block.ok_or_else(|| {
            error::custom(
                http::StatusCode::NOT_FOUND,
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
            )
        })?;
        Ok(S3Response::new(GetPublicAccessBlockOutput {
            public_access_block_configuration: Some(PublicAccessBlockConfiguration {
                block_public_acls: Some(block.block_public_acls),
                block_public_policy: Some(block.block_public_policy),
                ignore_public_acls: Some(block.ignore_public_acls),
                restrict_public_buckets: Some(block.restrict_public_buckets),
            }),
        }))
    }

    pub(super) async fn write_public_access_block(
        &self,
        request: S3Request<PutPublicAccessBlockInput>,
    ) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
        let input = request.input;
        let named = input.public_access_block_configuration;
        let block = PublicAccessBlock {
            block_public_acls: named.block_public_acls.unwrap_or(false),
            ignore_public_acls: named.ignore_public_acls.unwrap_or(false),
            block_public_policy: named.block_public_policy.unwrap_or(false),
            restrict_public_buckets: named.restrict_public_buckets.unwrap_or(false),
        };
        self.configure(input.bucket, move |facts| facts.public_access_block = Some(block)).await?;
        Ok(S3Response::new(PutPublicAccessBlockOutput::default()))
    }

    pub(super) async fn remove_public_access_block(
        &self,
        request: S3Request<DeletePublicAccessBlockInput>,
    ) -> S3Result<S3Response<DeletePublicAccessBlockOutput>> {
        self.configure(request.input.bucket, |facts| facts.public_access_block = None).await?;
        Ok(S3Response::new(DeletePublicAccessBlockOutput::default()))
    }

    pub(super) async fn read_ownership(
        &self,
        request: S3Request<GetBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
        let ownership = self.storage.bucket(&request.input.bucket)?.ownership.clone();
        let ownership = ownership.ok_or_else(|| {
            s3_error!(OwnershipControlsNotFoundError, "The bucket ownership controls were not found")
        })?;
        let rule = OwnershipControlsRule { object_ownership: ObjectOwnership::from(ownership) };
        Ok(S3Response::new(GetBucketOwnershipControlsOutput {
            ownership_controls: Some(OwnershipControls { rules: vec![rule] }),
        }))
    }

    pub(super) async fn write_ownership(
        &self,
        request: S3Request<PutBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<PutBucketOwnershipControlsOutput>> {
        let input = request.input;
        let [rule] = input.ownership_controls.rules.as_slice() else { return Err(super::malformed_xml()) };
        let ownership = rule.object_ownership.as_str().to_owned();
        if !OWNERSHIP.contains(&ownership.as_str()) {
            return Err(super::malformed_xml());
        }
        self.configure(input.bucket, move |facts| facts.ownership = Some(ownership)).await?;
        Ok(S3Response::new(PutBucketOwnershipControlsOutput::default()))
    }

    pub(super) async fn remove_ownership(
        &self,
        request: S3Request<DeleteBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<DeleteBucketOwnershipControlsOutput>> {
        self.configure(request.input.bucket, |facts| facts.ownership = None).await?;
        Ok(S3Response::new(DeleteBucketOwnershipControlsOutput::default()))
    }

    pub(super) async fn read_bucket_tags(
        &self,
        request: S3Request<GetBucketTaggingInput>,
    ) -> S3Result<S3Response<GetBucketTaggingOutput>> {
        let facts = self.storage.bucket(&request.input.bucket)?;
        if facts.tags.is_empty() {
            return Err(s3_error!(NoSuchTagSet, "The TagSet does not exist"));
        }
        Ok(S3Response::new(GetBucketTaggingOutput { tag_set: tags::to_xml(&facts.tags) }))
    }

    pub(super) async fn write_bucket_tags(
        &self,
        request: S3Request<PutBucketTaggingInput>,
    ) -> S3Result<S3Response<PutBucketTaggingOutput>> {
        let input = request.input;
        let tags = tags::from_xml(input.tagging.tag_set, tags::BUCKET_LIMIT)?;
        self.configure(input.bucket, move |facts| facts.tags = tags).await?;
        Ok(S3Response::new(PutBucketTaggingOutput::default()))
    }

    pub(super) async fn remove_bucket_tags(
        &self,
        request: S3Request<DeleteBucketTaggingInput>,
    ) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
        self.configure(request.input.bucket, |facts| facts.tags.clear()).await?;
        Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
    }
}

/// Replication and Object Lock rest on versions.
fn refuse_suspension(facts: &BucketFacts) -> S3Result<()> {
    if facts.object_lock.is_some() {
        return Err(s3_error!(
            InvalidBucketState,
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        ));
    }
    if facts.replication.is_some() {
        return Err(s3_error!(
            InvalidBucketState,
            "A replication configuration is present on this bucket, so the versioning state cannot be changed."
        ));
    }
    Ok(())
}
