//! PutObject and CopyObject.

use http::HeaderMap;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETag, MetadataDirective, PutObjectInput,
    PutObjectOutput, ServerSideEncryption, TaggingDirective,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::body::Promise;
use super::checksums::{self, Fields, put_checksums, type_of};
use super::condition::{self, ReadConditions};
use super::describe::{check_acl, description, encryption};
use super::kms::Sealed;
use super::object_lock;
use super::restore::refuse_archived;
use super::{S3Ops, name, time};
use crate::authorize::object_arn;
use crate::caller::Caller;
use crate::storage::checksum::Algorithm;
use crate::storage::object::{Pinned, Written};
use crate::storage::record::{Description, Encryption, ObjectData};
use crate::storage::{ReceivedBlob, Storage};

/// CopyObject takes at most this much (5 GiB); more needs UploadPartCopy.
const MAX_COPY: u64 = 5 * 1024 * 1024 * 1024;

impl S3Ops {
    pub(super) async fn write_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let body = request.input.body.take();
        let caller = super::caller(&request)?;
        let input = &request.input;
        let facts = self.storage.bucket(&input.bucket)?;
        check_acl(&facts, input.acl.as_ref(), has_grants(&request.headers))?;
        let condition = condition::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let description = description!(input, self.storage.clock().now())?;
        object_lock::check_asked(&facts, description.is_locked())?;
        let sealed = Sealed { bucket: &input.bucket, key: &input.key };
        let encryption = self.seal(&caller, &sealed, encryption!(input, &facts)?)?;
        let promise = Promise::read(&request.headers)?;
        let blob = promise
            .receive(&self.storage, body, request.trailing_headers.as_ref(), Algorithm::Crc64Nvme)
            .await?;
        let object = single(&blob, description, encryption)?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let written = self
            .storage
            .run(move |storage| storage.put_object(&bucket, &key, blob, object, condition.as_ref()))
            .await?;
        Ok(S3Response::new(put_output(&written)))
    }

    pub(super) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let caller = super::caller(&request)?;
        let input = &request.input;
        let facts = self.storage.bucket(&input.bucket)?;
        check_acl(&facts, input.acl.as_ref(), has_grants(&request.headers))?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match.as_ref(),
            if_none_match: input.copy_source_if_none_match.as_ref(),
            if_modified_since: input.copy_source_if_modified_since.as_ref(),
            if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        };
        let owner = input.expected_source_bucket_owner.as_deref();
        let source = self.copy_source(&caller, &input.copy_source, owner, &conditions)?;
        let length = source.object.size;
        if length > MAX_COPY {
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is larger than the maximum allowable size for a copy source: \
                 5368709120"
            ));
        }
        self.refuse_self_copy(input, &source)?;
        let source_version = source.version.version_id.clone();
        let description = self.copied_description(&caller, input, &source)?;
        object_lock::check_asked(&facts, description.is_locked())?;
        let sealed = Sealed { bucket: &input.bucket, key: &input.key };
        let encryption = self.seal(&caller, &sealed, encryption!(input, &facts)?)?;
        let algorithm = match &input.checksum_algorithm {
            Some(name) => checksums::algorithm(name)?,
            None => source.object.checksum.as_ref().map_or(Algorithm::Crc64Nvme, |c| c.algorithm),
        };
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let written = self
            .storage
            .run(move |storage: &Storage| {
                let blob = storage.copy_bytes(source, 0, length, algorithm)?;
                let object = single(&blob, description, encryption)?;
                storage.put_object(&bucket, &key, blob, object, None)
            })
            .await?;
        let CopySource::Bucket { bucket: source_bucket, .. } = &input.copy_source else {
            return Err(only_buckets());
        };
        let source_version = self.answered_version(source_bucket, &source_version)?;
        Ok(S3Response::new(copy_output(&written, source_version)))
    }

    /// The object that a copy reads, when the caller may read it.
    pub(super) fn copy_source(
        &self,
        caller: &Caller,
        source: &CopySource,
        expected_owner: Option<&str>,
        conditions: &ReadConditions<'_>,
    ) -> S3Result<Pinned> {
        let CopySource::Bucket { bucket, key, version_id } = source else { return Err(only_buckets()) };
        let version = version_id.as_deref();
        name::check_version(version)?;
        let facts = self.storage.bucket(bucket)?;
        if expected_owner.is_some_and(|owner| owner != facts.owner_account) {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        name::check_key(key)?;
        let action = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        self.allow_of_source(caller, action, bucket, key, version)?;
        let found = self.storage.pin(bucket, key, version);
        let pinned = found.map_err(|error| self.unfound(caller, bucket, key, error))?;
        // For a copy every failed condition is 412: there is no cache that 304 could mean.
        conditions
            .check(&pinned.object.etag, pinned.version.last_modified)
            .map_err(|_| condition::precondition_failed())?;
        refuse_archived(&pinned.version, &pinned.object, self.storage.clock().now())?;
        self.unseal(caller, &Sealed { bucket, key }, &pinned.object.encryption)?;
        Ok(pinned)
    }

    /// Decides on reading something of a copy's source, by the condition keys that a plain read of it has.
    fn allow_of_source(
        &self,
        caller: &Caller,
        action: &str,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> S3Result<()> {
        let existing = self.existing_tags(bucket, key, version);
        let mut extra: Vec<_> = existing.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        if let Some(version) = version {
            extra.push(("s3:VersionId", version.into()));
        }
        self.gate.allow(caller, action, &object_arn(bucket, key), bucket, &extra)
    }

    fn refuse_self_copy(&self, input: &CopyObjectInput, source: &Pinned) -> S3Result<()> {
        let CopySource::Bucket { bucket, key, version_id: None } = &input.copy_source else { return Ok(()) };
        let same = **bucket == *input.bucket && **key == *input.key;
        let changes = replaces_metadata(input)
            || input.server_side_encryption.is_some()
            || input.storage_class.is_some()
            || input.website_redirect_location != source.object.description.website_redirect;
        match same && !changes {
            true => Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without \
                 changing the object's metadata, storage class, website redirect location or encryption \
                 attributes."
            )),
            false => Ok(()),
        }
    }

    /// What the copy is described with: the source's words or the request's, tags decided apart.
    fn copied_description(
        &self,
        caller: &Caller,
        input: &CopyObjectInput,
        source: &Pinned,
    ) -> S3Result<Description> {
        let of_source = &source.object.description;
        let replace_tags =
            input.tagging_directive.as_ref().is_some_and(|d| d.as_str() == TaggingDirective::REPLACE);
        let named = description!(input, self.storage.clock().now())?;
        let tags = if replace_tags { named.tags.clone() } else { of_source.tags.clone() };
        if !replace_tags && !tags.is_empty() {
            let CopySource::Bucket { bucket, key, version_id } = &input.copy_source else {
                return Err(only_buckets());
            };
            let version = version_id.as_deref();
            let action = if version.is_some() { "s3:GetObjectVersionTagging" } else { "s3:GetObjectTagging" };
            self.allow_of_source(caller, action, bucket, key, version)?;
            let arn = object_arn(&input.bucket, &input.key);
            self.gate.allow(caller, "s3:PutObjectTagging", &arn, &input.bucket, &[])?;
        }
        let storage_class = named.storage_class.clone();
        let website_redirect = named.website_redirect.clone();
        let (retention, legal_hold) = (named.retention.clone(), named.legal_hold);
        let words = if replaces_metadata(input) { named } else { of_source.clone() };
        Ok(Description { tags, storage_class, website_redirect, retention, legal_hold, ..words })
    }
}

fn replaces_metadata(input: &CopyObjectInput) -> bool {
    input.metadata_directive.as_ref().is_some_and(|d| d.as_str() == MetadataDirective::REPLACE)
}

fn only_buckets() -> s3s::S3Error {
    s3_error!(NotImplemented, "The sandbox copies from buckets only.")
}

/// Whether a grant header is there: they stand beside `x-amz-acl`.
pub(super) fn has_grants(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"))
}

fn single(
    blob: &ReceivedBlob,
    description: Description,
    encryption: Encryption,
) -> Result<ObjectData, crate::storage::StorageError> {
    Ok(ObjectData {
        size: blob.size,
        etag: blob.etag(&encryption)?,
        segments: vec![blob.segment()],
        multipart: false,
        checksum: Some(blob.hashes.checksum.clone()),
        description,
        encryption,
    })
}

fn put_output(written: &Written) -> PutObjectOutput {
    let mut output = PutObjectOutput { version_id: written.answered_version(), ..Default::default() };
    if let Some(object) = &written.version.object {
        output.e_tag = Some(ETag::Strong(object.etag.clone()));
        put_checksums!(output, Fields::stored(object.checksum.as_ref()));
        output.checksum_type = object.checksum.as_ref().map(|stored| type_of(stored.kind));
        output.server_side_encryption = Some(ServerSideEncryption::from(object.encryption.algorithm.clone()));
        output.ssekms_key_id = object.encryption.kms_key_id.clone();
        output.bucket_key_enabled = object.encryption.bucket_key;
    }
    output
}

fn copy_output(written: &Written, source_version: Option<String>) -> CopyObjectOutput {
    let mut output = CopyObjectOutput {
        copy_source_version_id: source_version,
        version_id: written.answered_version(),
        ..Default::default()
    };
    if let Some(object) = &written.version.object {
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(time::wire(written.version.last_modified)),
            checksum_type: object.checksum.as_ref().map(|stored| type_of(stored.kind)),
            ..Default::default()
        };
        put_checksums!(result, Fields::stored(object.checksum.as_ref()));
        output.copy_object_result = Some(result);
        output.server_side_encryption = Some(ServerSideEncryption::from(object.encryption.algorithm.clone()));
        output.ssekms_key_id = object.encryption.kms_key_id.clone();
        output.bucket_key_enabled = object.encryption.bucket_key;
    }
    output
}
