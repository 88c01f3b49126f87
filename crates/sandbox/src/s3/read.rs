//! GetObject, HeadObject, GetObjectAttributes.

use http::header;
use s3s::dto::{
    Checksum, ChecksumMode, ETag, GetObjectAttributesInput, GetObjectAttributesOutput,
    GetObjectAttributesParts, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ObjectAttributes, ObjectPart, Range, ServerSideEncryption, StorageClass, StreamingBlob,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::checksums::{Fields, put_checksums, type_of};
use super::condition::ReadConditions;
use super::kms::Sealed;
use super::restore::{self, refuse_archived};
use super::{S3Ops, error, name, time};
use crate::caller::Caller;
use crate::storage::StorageError;
use crate::storage::object::{NULL_VERSION, Pinned};
use crate::storage::record::{ObjectData, Segment, Versioning};

/// Parts in one answer of GetObjectAttributes.
const MAX_PARTS: i32 = 1000;

/// What a read names.
struct Target<'a> {
    bucket: &'a str,
    key: &'a str,
    version: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn sealed(&self) -> Sealed<'a> {
        Sealed { bucket: self.bucket, key: self.key }
    }
}

/// The bytes that a read means.
struct Slice {
    offset: u64,
    length: u64,
    content_range: Option<String>,
    parts: Option<i32>,
    checksum: Fields,
}

impl S3Ops {
    pub(super) async fn read_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let caller = super::caller(&request)?;
        let input = &request.input;
        let target = Target { bucket: &input.bucket, key: &input.key, version: input.version_id.as_deref() };
        let pinned = self.pin(&caller, &target)?;
        let conditions = ReadConditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        };
        conditions.check(&pinned.object.etag, pinned.version.last_modified)?;
        refuse_archived(&pinned.version, &pinned.object, self.storage.clock().now())?;
        self.unseal(&caller, &target.sealed(), &pinned.object.encryption)?;
        let slice = slice(&pinned.object, input.range.as_ref(), input.part_number)?;
        let mut output = self.describe(target.bucket, &pinned, &slice, input.checksum_mode.as_ref())?;
        let tags = pinned.object.description.tags.len();
        output.tag_count = i32::try_from(tags).ok().filter(|count| *count > 0);
        output.body = Some(StreamingBlob::wrap(self.storage.read(pinned, slice.offset, slice.length)));
        Ok(S3Response::new(output))
    }

    pub(super) async fn read_head(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let caller = super::caller(&request)?;
        let input = &request.input;
        let target = Target { bucket: &input.bucket, key: &input.key, version: input.version_id.as_deref() };
        let pinned = self.pin(&caller, &target)?;
        let conditions = ReadConditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        };
        conditions.check(&pinned.object.etag, pinned.version.last_modified)?;
        // Only the checksum of an object is kept under its key.
        if input.checksum_mode.is_some() {
            self.unseal(&caller, &target.sealed(), &pinned.object.encryption)?;
        }
        let slice = slice(&pinned.object, input.range.as_ref(), input.part_number)?;
        let partial = slice.content_range.is_some();
        let output = head_of(self.describe(target.bucket, &pinned, &slice, input.checksum_mode.as_ref())?);
        let mut response = S3Response::new(output);
        if partial {
            response.extensions.insert(super::StatusOverride(http::StatusCode::PARTIAL_CONTENT));
        }
        Ok(response)
    }

    pub(super) async fn read_attributes(
        &self,
        request: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        let caller = super::caller(&request)?;
        let input = &request.input;
        let target = Target { bucket: &input.bucket, key: &input.key, version: input.version_id.as_deref() };
        let Pinned { version, object, .. } = self.pin(&caller, &target)?;
        let wanted = |name: &str| input.object_attributes.iter().any(|attribute| attribute.as_str() == name);
        let mut output = GetObjectAttributesOutput {
            last_modified: Some(time::wire(version.last_modified)),
            version_id: self.answered_version(&input.bucket, &version.version_id)?,
            ..Default::default()
        };
        if wanted(ObjectAttributes::ETAG) {
            output.e_tag = Some(ETag::Strong(object.etag.clone()));
        }
        if wanted(ObjectAttributes::OBJECT_SIZE) {
            output.object_size = Some(signed(object.size));
        }
        if wanted(ObjectAttributes::STORAGE_CLASS) {
            let class = object.description.storage_class.clone();
            output.storage_class = Some(class.unwrap_or_else(|| "STANDARD".to_owned()).into());
        }
        if wanted(ObjectAttributes::CHECKSUM) && object.checksum.is_some() {
            self.unseal(&caller, &target.sealed(), &object.encryption)?;
            let mut checksum = Checksum::default();
            put_checksums!(checksum, Fields::stored(object.checksum.as_ref()));
            checksum.checksum_type = object.checksum.as_ref().map(|stored| type_of(stored.kind));
            output.checksum = Some(checksum);
        }
        if wanted(ObjectAttributes::OBJECT_PARTS) && object.multipart {
            output.object_parts = Some(parts_of(&object, input.part_number_marker, input.max_parts));
        }
        Ok(S3Response::new(output))
    }

    /// Finds what a read names, and says what AWS says when it is not there.
    fn pin(&self, caller: &Caller, target: &Target<'_>) -> S3Result<Pinned> {
        name::check_version(target.version)?;
        let found = self.storage.pin(target.bucket, target.key, target.version);
        found.map_err(|error| self.unfound(caller, target.bucket, target.key, error))
    }

    /// The answer to a read of what is not there: 403 for those who may not list that key.
    pub(super) fn unfound(&self, caller: &Caller, bucket: &str, key: &str, error: StorageError) -> S3Error {
        if !matches!(error, StorageError::NoSuchKey { .. } | StorageError::NoSuchVersion) {
            return error.into();
        }
        let told = self.gate.missing_key(caller, bucket, key);
        match told.code() {
            s3s::S3ErrorCode::NoSuchKey => error.into(),
            _ => told,
        }
    }

    fn describe(
        &self,
        bucket: &str,
        pinned: &Pinned,
        slice: &Slice,
        mode: Option<&ChecksumMode>,
    ) -> S3Result<GetObjectOutput> {
        let Pinned { version, object, .. } = pinned;
        let about = &object.description;
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            bucket_key_enabled: object.encryption.bucket_key,
            cache_control: about.cache_control.clone(),
            content_disposition: about.content_disposition.clone(),
            content_encoding: about.content_encoding.clone(),
            content_language: about.content_language.clone(),
            content_length: Some(signed(slice.length)),
            content_range: slice.content_range.clone(),
            content_type: Some(
                about.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()),
            ),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            expires: about.expires.clone(),
            last_modified: Some(time::wire(version.last_modified)),
            metadata: Some(about.metadata.clone().into_iter().collect()),
            object_lock_legal_hold_status: about.legal_hold.then(|| "ON".to_owned().into()),
            object_lock_mode: about.retention.as_ref().map(|retention| retention.mode.clone().into()),
            object_lock_retain_until_date: about
                .retention
                .as_ref()
                .map(|retention| time::wire(retention.until)),
            parts_count: slice.parts,
            replication_status: version.replication.as_ref().map(|r| r.status().to_owned().into()),
            restore: restore::header(version, self.storage.clock().now()),
            ssekms_key_id: object.encryption.kms_key_id.clone(),
            server_side_encryption: Some(ServerSideEncryption::from(object.encryption.algorithm.clone())),
            // STANDARD goes without saying.
            storage_class: about
                .storage_class
                .clone()
                .filter(|class| class != StorageClass::STANDARD)
                .map(StorageClass::from),
            version_id: self.answered_version(bucket, &version.version_id)?,
            website_redirect_location: about.website_redirect.clone(),
            ..Default::default()
        };
        if mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED) {
            put_checksums!(output, slice.checksum.clone());
            output.checksum_type = object.checksum.as_ref().map(|stored| type_of(stored.kind));
        }
        Ok(output)
    }

    /// The version id as an answer carries it.
    pub(super) fn answered_version(&self, bucket: &str, version: &str) -> S3Result<Option<String>> {
        let facts = self.storage.bucket(bucket)?;
        let shown = version != NULL_VERSION || facts.versioning != Versioning::Unversioned;
        Ok(shown.then(|| version.to_owned()))
    }
}

fn slice(object: &ObjectData, range: Option<&Range>, part: Option<i32>) -> S3Result<Slice> {
    match (range, part) {
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter"))
        }
        (Some(range), None) => ranged(object, range),
        (None, Some(part)) => one_part(object, part),
        (None, None) => Ok(Slice {
            offset: 0,
            length: object.size,
            content_range: None,
            parts: None,
            checksum: Fields::stored(object.checksum.as_ref()),
        }),
    }
}

fn ranged(object: &ObjectData, range: &Range) -> S3Result<Slice> {
    let bytes = range.check(object.size).map_err(|_| unsatisfiable(object.size))?;
    if bytes.is_empty() {
        return Err(unsatisfiable(object.size)); // A suffix of an empty object.
    }
    Ok(Slice {
        offset: bytes.start,
        length: bytes.end - bytes.start,
        content_range: Some(format!("bytes {}-{}/{}", bytes.start, bytes.end - 1, object.size)),
        parts: None,
        // A stored checksum says nothing about a part of the bytes.
        checksum: Fields::default(),
    })
}

fn unsatisfiable(size: u64) -> S3Error {
    let error = s3_error!(InvalidRange, "The requested range is not satisfiable");
    error::with_headers(error, &[(header::CONTENT_RANGE, &format!("bytes */{size}"))])
}

fn one_part(object: &ObjectData, number: i32) -> S3Result<Slice> {
    let count = if object.multipart { object.segments.len() } else { 1 };
    let position = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let Some(position) = position.filter(|position| *position < count) else {
        let error = s3_error!(InvalidRange, "The requested partnumber is not satisfiable");
        return Err(error);
    };
    let offset: u64 = object.segments.iter().take(position).map(|segment| segment.size).sum();
    let length = object.segments.get(position).map_or(0, |segment| segment.size);
    let own = object.segments.get(position).and_then(|segment| segment.checksum.as_deref());
    let checksum = match (&object.checksum, own) {
        (Some(stored), Some(value)) => Fields::of(stored.algorithm, value),
        (stored, _) if !object.multipart => Fields::stored(stored.as_ref()),
        _ => Fields::default(),
    };
    Ok(Slice {
        offset,
        length,
        content_range: (length > 0)
            .then(|| format!("bytes {offset}-{}/{}", offset + length - 1, object.size)),
        parts: object.multipart.then(|| i32::try_from(count).unwrap_or(i32::MAX)),
        checksum,
    })
}

fn parts_of(object: &ObjectData, marker: Option<i32>, limit: Option<i32>) -> GetObjectAttributesParts {
    let marker = marker.unwrap_or(0).max(0);
    let limit = limit.unwrap_or(MAX_PARTS).clamp(0, MAX_PARTS);
    let total = i32::try_from(object.segments.len()).unwrap_or(i32::MAX);
    let mut parts: Vec<ObjectPart> = Vec::new();
    // AWS lists the parts themselves only for an upload with a composite checksum.
    let listed: &[Segment] = match object.segments.iter().any(|segment| segment.checksum.is_some()) {
        true => &object.segments,
        false => &[],
    };
    for (number, segment) in (1_i32..).zip(listed) {
        if number <= marker || parts.len() >= usize::try_from(limit).unwrap_or(0) {
            continue;
        }
        let mut part =
            ObjectPart { part_number: Some(number), size: Some(signed(segment.size)), ..Default::default() };
        if let (Some(stored), Some(value)) = (&object.checksum, &segment.checksum) {
            put_checksums!(part, Fields::of(stored.algorithm, value));
        }
        parts.push(part);
    }
    let last = parts.last().and_then(|part| part.part_number).unwrap_or(marker);
    GetObjectAttributesParts {
        is_truncated: Some(!parts.is_empty() && last < total),
        max_parts: Some(limit),
        next_part_number_marker: Some(last),
        part_number_marker: Some(marker),
        total_parts_count: Some(total),
        parts: (!parts.is_empty()).then_some(parts),
    }
}

fn head_of(output: GetObjectOutput) -> HeadObjectOutput {
    HeadObjectOutput {
        accept_ranges: output.accept_ranges,
        bucket_key_enabled: output.bucket_key_enabled,
        cache_control: output.cache_control,
        checksum_crc32: output.checksum_crc32,
        checksum_crc32c: output.checksum_crc32c,
        checksum_crc64nvme: output.checksum_crc64nvme,
        checksum_sha1: output.checksum_sha1,
        checksum_sha256: output.checksum_sha256,
        checksum_type: output.checksum_type,
        content_disposition: output.content_disposition,
        content_encoding: output.content_encoding,
        content_language: output.content_language,
        content_length: output.content_length,
        content_range: output.content_range,
        content_type: output.content_type,
        e_tag: output.e_tag,
        expires: output.expires,
        last_modified: output.last_modified,
        metadata: output.metadata,
        object_lock_legal_hold_status: output.object_lock_legal_hold_status,
        object_lock_mode: output.object_lock_mode,
        object_lock_retain_until_date: output.object_lock_retain_until_date,
        parts_count: output.parts_count,
        replication_status: output.replication_status,
        restore: output.restore,
        ssekms_key_id: output.ssekms_key_id,
        server_side_encryption: output.server_side_encryption,
        storage_class: output.storage_class,
        version_id: output.version_id,
        website_redirect_location: output.website_redirect_location,
        ..Default::default()
    }
}

/// A length as s3s writes it. No object comes near the limit.
pub(super) fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
