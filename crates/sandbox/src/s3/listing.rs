//! ListObjectsV2, ListObjects, ListObjectVersions, ListMultipartUploads.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    ChecksumAlgorithm, CommonPrefix, DeleteMarkerEntry, ETag, EncodingType, Initiator,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, MultipartUpload, Object,
    ObjectVersion, Owner,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::checksums::{algorithm_of, type_of};
use super::read::signed;
use super::{S3Ops, name, time};
use crate::storage::listing::{ListedVersion, Page, Query};
use crate::storage::record::{BucketFacts, ObjectData, UploadRecord, VersionRecord};

/// Entries in one page.
const MAX_KEYS: i32 = 1000;

/// What `encoding-type=url` leaves as it is.
const URL_ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'*');

/// How keys are written in an answer.
struct Encoder(bool);

impl Encoder {
    fn of(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None | Some("") => Ok(Self(false)),
            Some("url") => Ok(Self(true)),
            Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        }
    }

    fn text(&self, text: &str) -> String {
        match self.0 {
            true => utf8_percent_encode(text, URL_ENCODED).to_string(),
            false => text.to_owned(),
        }
    }

    fn echoed(&self, text: Option<String>) -> Option<String> {
        text.map(|text| self.text(&text))
    }

    fn prefixes(&self, prefixes: &[String]) -> Option<Vec<CommonPrefix>> {
        let all = prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) });
        (!prefixes.is_empty()).then(|| all.collect())
    }
}

fn limit(named: Option<i32>) -> S3Result<i32> {
    match named.unwrap_or(MAX_KEYS) {
        ..0 => {
            Err(s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"))
        }
        named => Ok(named.min(MAX_KEYS)),
    }
}

fn query(prefix: Option<&String>, delimiter: Option<&String>, limit: i32) -> Query {
    Query {
        prefix: prefix.cloned().unwrap_or_default(),
        delimiter: delimiter.cloned().unwrap_or_default(),
        after: None,
        after_id: None,
        limit: usize::try_from(limit).unwrap_or(0),
    }
}

/// The bucket's owner as listings name it.
pub(super) fn owner(facts: &BucketFacts) -> Owner {
    Owner { id: Some(name::canonical_id(&facts.owner_account)), display_name: None }
}

impl S3Ops {
    pub(super) async fn page_of_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let encoder = Encoder::of(input.encoding_type.as_ref())?;
        let limit = limit(input.max_keys)?;
        let mut query = query(input.prefix.as_ref(), input.delimiter.as_ref(), limit);
        query.after = match &input.continuation_token {
            Some(token) => Some(open_token(token)?),
            None => input.start_after.clone().filter(|after| !after.is_empty()),
        };
        let with_owner = input.fetch_owner.unwrap_or(false);
        let (facts, page) = self.objects(&input.bucket, query).await?;
        let owner = with_owner.then(|| owner(&facts));
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: i32::try_from(page.entries.len() + page.prefixes.len()).ok(),
            contents: contents(&encoder, &page, owner.as_ref()),
            common_prefixes: encoder.prefixes(&page.prefixes),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(|(key, _)| token(key)),
            continuation_token: input.continuation_token,
            name: Some(input.bucket),
            prefix: Some(encoder.text(&input.prefix.unwrap_or_default())),
            delimiter: encoder.echoed(input.delimiter),
            start_after: encoder.echoed(input.start_after),
            max_keys: Some(limit),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) async fn page_of_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = request.input;
        let encoder = Encoder::of(input.encoding_type.as_ref())?;
        let limit = limit(input.max_keys)?;
        let mut query = query(input.prefix.as_ref(), input.delimiter.as_ref(), limit);
        query.after = input.marker.clone().filter(|marker| !marker.is_empty());
        let (facts, page) = self.objects(&input.bucket, query).await?;
        // Without a delimiter the caller goes on from the last key it got.
        let next = page.next.as_ref().filter(|_| input.delimiter.is_some());
        Ok(S3Response::new(ListObjectsOutput {
            contents: contents(&encoder, &page, Some(&owner(&facts))),
            common_prefixes: encoder.prefixes(&page.prefixes),
            is_truncated: Some(page.next.is_some()),
            next_marker: next.map(|(key, _)| encoder.text(key)),
            name: Some(input.bucket),
            prefix: Some(encoder.text(&input.prefix.unwrap_or_default())),
            delimiter: encoder.echoed(input.delimiter),
            marker: Some(encoder.text(&input.marker.unwrap_or_default())),
            max_keys: Some(limit),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) async fn page_of_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = request.input;
        let encoder = Encoder::of(input.encoding_type.as_ref())?;
        let limit = limit(input.max_keys)?;
        let mut query = query(input.prefix.as_ref(), input.delimiter.as_ref(), limit);
        query.after = input.key_marker.clone().filter(|marker| !marker.is_empty());
        query.after_id = input.version_id_marker.clone().filter(|marker| !marker.is_empty());
        if query.after_id.is_some() && query.after.is_none() {
            return Err(s3_error!(
                InvalidArgument,
                "A version-id marker cannot be specified without a key marker."
            ));
        }
        let facts = self.storage.bucket(&input.bucket)?;
        let bucket = input.bucket.clone();
        let page = self.storage.run(move |storage| storage.list_versions(&bucket, &query)).await?;
        let owner = owner(&facts);
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for (key, listed) in page.entries {
            match listed.version.object.clone() {
                Some(object) => versions.push(version(encoder.text(&key), listed, &object, &owner)),
                None => markers.push(marker(encoder.text(&key), listed, &owner)),
            }
        }
        let next = page.next;
        Ok(S3Response::new(ListObjectVersionsOutput {
            common_prefixes: encoder.prefixes(&page.prefixes),
            versions: Some(versions),
            delete_markers: Some(markers),
            is_truncated: Some(next.is_some()),
            next_key_marker: next.as_ref().map(|(key, _)| encoder.text(key)),
            next_version_id_marker: next.and_then(|(_, id)| id),
            name: Some(input.bucket),
            prefix: Some(encoder.text(&input.prefix.unwrap_or_default())),
            delimiter: encoder.echoed(input.delimiter),
            key_marker: Some(encoder.text(&input.key_marker.unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
            max_keys: Some(limit),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) async fn page_of_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        let encoder = Encoder::of(input.encoding_type.as_ref())?;
        let limit = limit(input.max_uploads)?;
        let mut query = query(input.prefix.as_ref(), input.delimiter.as_ref(), limit);
        query.after = input.key_marker.clone().filter(|marker| !marker.is_empty());
        query.after_id = input.upload_id_marker.clone().filter(|marker| !marker.is_empty());
        let facts = self.storage.bucket(&input.bucket)?;
        let bucket = input.bucket.clone();
        let page = self.storage.run(move |storage| storage.list_uploads(&bucket, &query)).await?;
        let owner = owner(&facts);
        let uploads: Vec<MultipartUpload> =
            page.entries.into_iter().map(|(key, open)| upload(encoder.text(&key), open, &owner)).collect();
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            common_prefixes: encoder.prefixes(&page.prefixes),
            uploads: Some(uploads),
            is_truncated: Some(page.next.is_some()),
            next_key_marker: page.next.as_ref().map(|(key, _)| encoder.text(key)),
            next_upload_id_marker: page.next.and_then(|(_, id)| id),
            prefix: encoder.echoed(input.prefix),
            delimiter: encoder.echoed(input.delimiter),
            key_marker: Some(encoder.text(&input.key_marker.unwrap_or_default())),
            upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
            max_uploads: Some(limit),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn objects(
        &self,
        bucket: &str,
        query: Query,
    ) -> S3Result<(std::sync::Arc<BucketFacts>, Page<(VersionRecord, ObjectData)>)> {
        let facts = self.storage.bucket(bucket)?;
        let bucket = bucket.to_owned();
        let page = self.storage.run(move |storage| storage.list_objects(&bucket, &query)).await?;
        Ok((facts, page))
    }
}

/// Continuation tokens are opaque to callers; inside is the last key.
fn token(key: &str) -> String {
    format!("1{}", URL_SAFE_NO_PAD.encode(key))
}

fn open_token(token: &str) -> S3Result<String> {
    let raw = token.strip_prefix('1').and_then(|token| URL_SAFE_NO_PAD.decode(token).ok());
    let key = raw.and_then(|raw| String::from_utf8(raw).ok());
    key.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

fn contents(
    encoder: &Encoder,
    page: &Page<(VersionRecord, ObjectData)>,
    owner: Option<&Owner>,
) -> Option<Vec<Object>> {
    let objects = page.entries.iter().map(|(key, (version, object))| Object {
        checksum_algorithm: checksum_algorithms(object),
        checksum_type: object.checksum.as_ref().map(|stored| type_of(stored.kind)),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        key: Some(encoder.text(key)),
        last_modified: Some(time::wire(version.last_modified)),
        owner: owner.cloned(),
        size: Some(signed(object.size)),
        storage_class: Some(storage_class(object).into()),
        ..Default::default()
    });
    (!page.entries.is_empty()).then(|| objects.collect())
}

fn checksum_algorithms(object: &ObjectData) -> Option<Vec<ChecksumAlgorithm>> {
    object.checksum.as_ref().map(|stored| vec![algorithm_of(stored.algorithm)])
}

fn storage_class(object: &ObjectData) -> String {
    object.description.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())
}

fn version(key: String, listed: ListedVersion, object: &ObjectData, owner: &Owner) -> ObjectVersion {
    ObjectVersion {
        checksum_algorithm: checksum_algorithms(object),
        checksum_type: object.checksum.as_ref().map(|stored| type_of(stored.kind)),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        is_latest: Some(listed.is_latest),
        key: Some(key),
        last_modified: Some(time::wire(listed.version.last_modified)),
        owner: Some(owner.clone()),
        size: Some(signed(object.size)),
        storage_class: Some(storage_class(object).into()),
        version_id: Some(listed.version.version_id),
        ..Default::default()
    }
}

fn marker(key: String, listed: ListedVersion, owner: &Owner) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        is_latest: Some(listed.is_latest),
        key: Some(key),
        last_modified: Some(time::wire(listed.version.last_modified)),
        owner: Some(owner.clone()),
        version_id: Some(listed.version.version_id),
    }
}

fn upload(key: String, open: UploadRecord, owner: &Owner) -> MultipartUpload {
    MultipartUpload {
        checksum_algorithm: open.checksum.map(|checksum| algorithm_of(checksum.algorithm)),
        checksum_type: open.checksum.map(|checksum| type_of(checksum.kind)),
        initiated: Some(time::wire(open.initiated)),
        initiator: Some(Initiator { id: Some(open.initiator.clone()), display_name: Some(open.initiator) }),
        key: Some(key),
        owner: Some(owner.clone()),
        storage_class: Some(open.description.storage_class.unwrap_or_else(|| "STANDARD".to_owned()).into()),
        upload_id: Some(open.upload_id),
    }
}
