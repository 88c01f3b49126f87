//! S3's operations on [`Storage`](crate::storage::Storage), as s3s calls them.
//!
//! Whether a request may be made at all has been decided before it comes here; what an operation touches
//! beside its own resource (a copy's source, each key of DeleteObjects) is decided here, by the same gate.

mod absent;
mod acceleration;
mod body;
mod bucket;
mod checksums;
mod condition;
mod config;
mod delete;
mod describe;
mod error;
mod kms;
mod lifecycle;
mod listing;
mod logging;
mod metrics;
mod multipart;
mod name;
mod notification;
mod object_lock;
mod policy;
mod public;
mod read;
mod replication;
mod restore;
mod tagging;
mod tags;
mod tiering;
mod time;
mod write;

use std::sync::Arc;

use http::StatusCode;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, dto, s3_error};

pub(crate) use self::name::{canonical_id, check_key};
pub use self::public::is_public;
pub(crate) use self::time::read as read_time;
use crate::authorize::Gate;
use crate::caller::Caller;
use crate::kms::Kms;
use crate::storage::Storage;

/// S3 itself.
pub struct S3Ops {
    storage: Storage,
    gate: Arc<Gate>,
    kms: Kms,
}

impl S3Ops {
    /// Operations on `storage`, with `gate` for the decisions inside them and `kms` for the keys.
    pub(crate) fn new(storage: Storage, gate: Arc<Gate>, kms: Kms) -> Self {
        Self { storage, gate, kms }
    }
}

/// In a response's extensions: the status to answer with. s3s 0.14 has none for HeadObject's 206.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusOverride(pub StatusCode);

/// The caller that the front found.
fn caller<T>(request: &S3Request<T>) -> S3Result<Caller> {
    let caller = request.extensions.get::<Caller>().cloned();
    caller.ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))
}

fn malformed_xml() -> S3Error {
    s3_error!(
        MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
}

/// `async fn OPERATION` of the trait is the method of [`S3Ops`] beside it.
macro_rules! operations {
    ($($operation:ident($input:ident) -> $output:ident = $method:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for S3Ops {
            $(async fn $operation(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                self.$method(request).await
            })*
        }
    };
}

operations! {
    put_object(PutObjectInput) -> PutObjectOutput = write_object;
    copy_object(CopyObjectInput) -> CopyObjectOutput = copy;
    get_object(GetObjectInput) -> GetObjectOutput = read_object;
    head_object(HeadObjectInput) -> HeadObjectOutput = read_head;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput = read_attributes;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = delete;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = delete_many;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput = read_tags;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput = write_tags;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput = remove_tags;
    restore_object(RestoreObjectInput) -> RestoreObjectOutput = restore;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = open_upload;
    upload_part(UploadPartInput) -> UploadPartOutput = add_part;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput = add_part_copy;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = complete;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = abort;
    list_parts(ListPartsInput) -> ListPartsOutput = page_of_parts;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = page_of_uploads;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = page_of_objects_v2;
    list_objects(ListObjectsInput) -> ListObjectsOutput = page_of_objects;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput = page_of_versions;
    create_bucket(CreateBucketInput) -> CreateBucketOutput = make_bucket;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = remove_bucket;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = find_bucket;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = locate_bucket;
    list_buckets(ListBucketsInput) -> ListBucketsOutput = page_of_buckets;
    put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput = write_policy;
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput = read_policy;
    get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput = read_policy_status;
    delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput = remove_policy;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = read_versioning;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput = write_versioning;
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput = read_encryption;
    put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput = write_encryption;
    delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput = reset_encryption;
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput = read_public_access_block;
    put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput = write_public_access_block;
    delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput = remove_public_access_block;
    get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput = read_ownership;
    put_bucket_ownership_controls(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput = write_ownership;
    delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput = remove_ownership;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput = read_lifecycle;
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput = write_lifecycle;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput = remove_lifecycle;
    get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput = read_bucket_tags;
    put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput = write_bucket_tags;
    delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput = remove_bucket_tags;
    get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput = read_replication;
    put_bucket_replication(PutBucketReplicationInput) -> PutBucketReplicationOutput = write_replication;
    delete_bucket_replication(DeleteBucketReplicationInput) -> DeleteBucketReplicationOutput = remove_replication;
    get_bucket_metrics_configuration(GetBucketMetricsConfigurationInput) -> GetBucketMetricsConfigurationOutput = read_metrics;
    put_bucket_metrics_configuration(PutBucketMetricsConfigurationInput) -> PutBucketMetricsConfigurationOutput = write_metrics;
    delete_bucket_metrics_configuration(DeleteBucketMetricsConfigurationInput) -> DeleteBucketMetricsConfigurationOutput = remove_metrics;
    list_bucket_metrics_configurations(ListBucketMetricsConfigurationsInput) -> ListBucketMetricsConfigurationsOutput = list_metrics;
    get_bucket_intelligent_tiering_configuration(GetBucketIntelligentTieringConfigurationInput) -> GetBucketIntelligentTieringConfigurationOutput = read_tiering;
    put_bucket_intelligent_tiering_configuration(PutBucketIntelligentTieringConfigurationInput) -> PutBucketIntelligentTieringConfigurationOutput = write_tiering;
    delete_bucket_intelligent_tiering_configuration(DeleteBucketIntelligentTieringConfigurationInput) -> DeleteBucketIntelligentTieringConfigurationOutput = remove_tiering;
    list_bucket_intelligent_tiering_configurations(ListBucketIntelligentTieringConfigurationsInput) -> ListBucketIntelligentTieringConfigurationsOutput = list_tiering;
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput = no_cors;
    get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput = no_website;
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput = read_object_lock;
    put_object_lock_configuration(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput = write_object_lock;
    get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput = read_retention;
    put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput = write_retention;
    get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput = read_legal_hold;
    put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput = write_legal_hold;
    get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput = read_logging;
    put_bucket_logging(PutBucketLoggingInput) -> PutBucketLoggingOutput = write_logging;
    get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput = read_notification;
    put_bucket_notification_configuration(PutBucketNotificationConfigurationInput) -> PutBucketNotificationConfigurationOutput = write_notification;
    get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput = read_acceleration;
    put_bucket_accelerate_configuration(PutBucketAccelerateConfigurationInput) -> PutBucketAccelerateConfigurationOutput = write_acceleration;
    get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput = owner_pays;
    get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput = owners_bucket_acl;
    get_object_acl(GetObjectAclInput) -> GetObjectAclOutput = owners_object_acl;
}
