//! Multipart uploads on the wire.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CopyPartResult, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, Initiator, ListPartsInput, ListPartsOutput, Part,
    ServerSideEncryption, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::body::Promise;
use super::checksums::{self, Fields, algorithm_of, checksums_in, put_checksums, type_of};
use super::condition::{self, ReadConditions};
use super::describe::{check_acl, description, encryption};
use super::kms::Sealed;
use super::read::signed;
use super::write::has_grants;
use super::{S3Ops, listing, object_lock, time};
use crate::storage::checksum::{Algorithm, UploadChecksum};
use crate::storage::multipart::{Completion, NamedPart, NewUpload};
use crate::storage::object::Written;
use crate::storage::record::{PartRecord, UploadRecord};

const PART_NUMBERS: std::ops::RangeInclusive<i32> = 1..=10_000;
/// Parts in one answer of ListParts.
const MAX_PARTS: i32 = 1000;

impl S3Ops {
    pub(super) async fn open_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let caller = super::caller(&request)?;
        let input = &request.input;
        let facts = self.storage.bucket(&input.bucket)?;
        check_acl(&facts, input.acl.as_ref(), has_grants(&request.headers))?;
        let kind = input.checksum_type.as_ref().map(checksums::kind).transpose()?;
        let checksum = match &input.checksum_algorithm {
            Some(name) => Some(UploadChecksum::new(checksums::algorithm(name)?, kind)?),
            None if kind.is_some() => {
                return Err(s3_error!(
                    InvalidRequest,
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
                ));
            }
            None => None,
        };
        let description = description!(input, self.storage.clock().now())?;
        object_lock::check_asked(&facts, description.is_locked())?;
        let sealed = Sealed { bucket: &input.bucket, key: &input.key };
        let new = NewUpload {
            initiator: caller.name(),
            checksum,
            description,
            encryption: self.seal(&caller, &sealed, encryption!(input, &facts)?)?,
        };
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let upload = self.storage.run(move |storage| storage.create_upload(&bucket, &key, new)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            bucket_key_enabled: upload.encryption.bucket_key,
            checksum_algorithm: upload.checksum.map(|checksum| algorithm_of(checksum.algorithm)),
            checksum_type: upload.checksum.map(|checksum| type_of(checksum.kind)),
            key: Some(input.key.clone()),
            server_side_encryption: Some(ServerSideEncryption::from(upload.encryption.algorithm)),
            ssekms_key_id: upload.encryption.kms_key_id,
            upload_id: Some(upload.upload_id),
            ..Default::default()
        }))
    }

    pub(super) async fn add_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let body = request.input.body.take();
        let caller = super::caller(&request)?;
        let input = &request.input;
        let number = part_number(input.part_number)?;
        let upload = self.storage.upload(&input.bucket, &input.key, &input.upload_id)?;
        self.unseal(&caller, &Sealed { bucket: &input.bucket, key: &input.key }, &upload.encryption)?;
        let promise = Promise::read(&request.headers)?;
        let algorithm = part_algorithm(&upload, promise.algorithm())?;
        let trailers = request.trailing_headers.as_ref();
        let blob = promise.receive(&self.storage, body, trailers, algorithm).await?;
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id.clone());
        let part =
            self.storage.run(move |storage| storage.put_part((&bucket, &key, &id), number, blob)).await?;
        let mut output = UploadPartOutput {
            bucket_key_enabled: upload.encryption.bucket_key,
            e_tag: Some(ETag::Strong(part.etag)),
            server_side_encryption: Some(ServerSideEncryption::from(upload.encryption.algorithm)),
            ssekms_key_id: upload.encryption.kms_key_id,
            ..Default::default()
        };
        put_checksums!(output, Fields::stored(part.checksum.as_ref()));
        Ok(S3Response::new(output))
    }

    pub(super) async fn add_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let caller = super::caller(&request)?;
        let input = &request.input;
        let number = part_number(input.part_number)?;
        let upload = self.storage.upload(&input.bucket, &input.key, &input.upload_id)?;
        self.unseal(&caller, &Sealed { bucket: &input.bucket, key: &input.key }, &upload.encryption)?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match.as_ref(),
            if_none_match: input.copy_source_if_none_match.as_ref(),
            if_modified_since: input.copy_source_if_modified_since.as_ref(),
            if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        };
        let owner = input.expected_source_bucket_owner.as_deref();
        let source = self.copy_source(&caller, &input.copy_source, owner, &conditions)?;
        let (offset, length) = copied_range(input.copy_source_range.as_deref(), source.object.size)?;
        let algorithm = upload.checksum.map_or(Algorithm::Crc64Nvme, |checksum| checksum.algorithm);
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id.clone());
        let part = self
            .storage
            .run(move |storage| {
                let blob = storage.copy_bytes(source, offset, length, algorithm)?;
                storage.put_part((&bucket, &key, &id), number, blob)
            })
            .await?;
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag)),
            last_modified: Some(time::wire(part.last_modified)),
            ..Default::default()
        };
        if upload.checksum.is_some() {
            put_checksums!(result, Fields::stored(part.checksum.as_ref()));
        }
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            server_side_encryption: Some(ServerSideEncryption::from(upload.encryption.algorithm)),
            ..Default::default()
        }))
    }

    pub(super) async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let upload = self.storage.upload(&input.bucket, &input.key, &input.upload_id)?;
        self.unseal(&caller, &Sealed { bucket: &input.bucket, key: &input.key }, &upload.encryption)?;
        let parts = input.multipart_upload.as_ref().and_then(|named| named.parts.as_ref());
        let parts = parts.filter(|parts| !parts.is_empty()).ok_or_else(super::malformed_xml)?;
        let completion = Completion {
            parts: parts.iter().map(|part| named_part(&upload, part)).collect::<S3Result<_>>()?,
            checksum: checksums_in!(input).given(),
            checksum_kind: input.checksum_type.as_ref().map(checksums::kind).transpose()?,
            size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
            condition: condition::of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        };
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id);
        let written = self
            .storage
            .run(move |storage| storage.complete_upload((&bucket, &key, &id), &completion))
            .await?;
        let host = request.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let location = format!("http://{}/{}/{}", host.unwrap_or("localhost"), input.bucket, input.key);
        Ok(S3Response::new(completed(&written, input.bucket, input.key, location)))
    }

    pub(super) async fn abort(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
        self.storage.run(move |storage| storage.abort_upload(&bucket, &key, &upload_id)).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) async fn page_of_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        let facts = self.storage.bucket(&input.bucket)?;
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id.clone());
        let (upload, parts) = self.storage.run(move |storage| storage.parts(&bucket, &key, &id)).await?;
        let limit = input.max_parts.unwrap_or(MAX_PARTS).clamp(0, MAX_PARTS);
        let marker = input.part_number_marker.unwrap_or(0).max(0);
        let mut rest = parts.iter().filter(|part| i64::from(part.number) > i64::from(marker));
        let page: Vec<Part> = rest
            .by_ref()
            .take(usize::try_from(limit).unwrap_or(0))
            .map(|part| listed_part(&upload, part))
            .collect();
        let truncated = limit > 0 && rest.next().is_some();
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            checksum_algorithm: upload.checksum.map(|checksum| algorithm_of(checksum.algorithm)),
            checksum_type: upload.checksum.map(|checksum| type_of(checksum.kind)),
            initiator: Some(Initiator {
                id: Some(upload.initiator.clone()),
                display_name: Some(upload.initiator),
            }),
            is_truncated: Some(truncated),
            key: Some(input.key),
            max_parts: Some(limit),
            next_part_number_marker: Some(page.last().and_then(|part| part.part_number).unwrap_or(marker)),
            owner: Some(listing::owner(&facts)),
            part_number_marker: Some(marker),
            parts: Some(page),
            storage_class: Some(
                upload.description.storage_class.unwrap_or_else(|| "STANDARD".to_owned()).into(),
            ),
            upload_id: Some(input.upload_id),
            ..Default::default()
        }))
    }
}

fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number).ok().filter(|_| PART_NUMBERS.contains(&number)).ok_or_else(|| {
        s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")
    })
}

/// The algorithm that a part is checked and stored with. An upload with an algorithm wants it on every part
/// (a SHA must come with the part, a CRC is computed when it does not), one without wants none.
fn part_algorithm(upload: &UploadRecord, given: Option<Algorithm>) -> S3Result<Algorithm> {
    let wanted = upload.checksum.map(|checksum| checksum.algorithm);
    let lower = |algorithm: Option<Algorithm>| {
        algorithm.map_or_else(|| "null".to_owned(), |a| a.name().to_ascii_lowercase())
    };
    let must_come = matches!(wanted, Some(Algorithm::Sha1 | Algorithm::Sha256));
    match given == wanted || (given.is_none() && !must_come) {
        true => Ok(wanted.unwrap_or(Algorithm::Crc64Nvme)),
        false => Err(s3_error!(
            InvalidRequest,
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            lower(wanted),
            lower(given)
        )),
    }
}

/// `x-amz-copy-source-range`: `bytes=FIRST-LAST`, both there.
fn copied_range(range: Option<&str>, size: u64) -> S3Result<(u64, u64)> {
    let Some(range) = range else { return Ok((0, size)) };
    let bounds = range.strip_prefix("bytes=").and_then(|bounds| bounds.split_once('-'));
    let parsed =
        bounds.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let (first, last) = parsed.filter(|(first, last)| first <= last).ok_or_else(|| {
        s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are \
             the zero-based offsets of the first and last bytes to copy"
        )
    })?;
    match last < size {
        true => Ok((first, last - first + 1)),
        false => {
            Err(s3_error!(InvalidArgument, "Range specified is not valid for source object of size: {size}"))
        }
    }
}

fn named_part(upload: &UploadRecord, part: &CompletedPart) -> S3Result<NamedPart> {
    let number = part.part_number.ok_or_else(super::malformed_xml)?;
    let etag = part.e_tag.as_ref().ok_or_else(super::malformed_xml)?;
    let given = checksums_in!(part).given();
    let wanted = upload.checksum.map(|checksum| checksum.algorithm);
    Ok(NamedPart {
        number: part_number(number)?,
        etag: etag.value().to_owned(),
        checksum: given.filter(|(algorithm, _)| Some(*algorithm) == wanted).map(|(_, value)| value),
    })
}

fn listed_part(upload: &UploadRecord, part: &PartRecord) -> Part {
    let mut listed = Part {
        e_tag: Some(ETag::Strong(part.etag.clone())),
        last_modified: Some(time::wire(part.last_modified)),
        part_number: i32::try_from(part.number).ok(),
        size: Some(signed(part.size)),
        ..Default::default()
    };
    if upload.checksum.is_some() {
        put_checksums!(listed, Fields::stored(part.checksum.as_ref()));
    }
    listed
}

fn completed(
    written: &Written,
    bucket: String,
    key: String,
    location: String,
) -> CompleteMultipartUploadOutput {
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(bucket),
        key: Some(key),
        location: Some(location),
        version_id: written.answered_version(),
        ..Default::default()
    };
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
