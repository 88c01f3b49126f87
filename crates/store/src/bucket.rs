//! A bucket as everything above the store sees it.

use std::fmt;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use bytes::Bytes;
use firmhold_core::{Digest, ObjectKey, Problem, Timestamp};
use futures::stream::BoxStream;

use crate::copy::{CopyObject, CopySource};

/// What can be done in a bucket. Keys are whole keys, with the backend's prefix.
///
/// Errors, of every method: [`ContentMissing`](firmhold_core::problem::Code::ContentMissing) if the object, version or
/// upload is not there; `StoreDenied` if the account refuses, with AWS's code; `StoreFailed` if trying again may help;
/// `AssumeDenied` and `StsFailed` if there is no session to be had.
#[async_trait]
pub trait Bucket: Send + Sync + fmt::Debug {
    /// What the store says of an object. Asks for its checksum too.
    async fn head(&self, key: &ObjectKey, version: Option<&str>) -> Result<ObjectInfo, Problem>;

    /// Reads an object, or one range of it, as a stream.
    async fn get(
        &self,
        key: &ObjectKey,
        version: Option<&str>,
        range: Option<ByteRange>,
    ) -> Result<ObjectBody, Problem>;

    /// Writes a small object. The store refuses bytes that are not `sha256`'s (`DigestMismatch`).
    async fn put(&self, put: PutObject) -> Result<Stored, Problem>;

    /// Deletes a version, or, without one, puts a delete marker on top of a versioned object. An object that is not
    /// there is no error.
    async fn delete(&self, key: &ObjectKey, version: Option<&str>) -> Result<(), Problem>;

    /// One page of the objects below `prefix`, in the order of their keys, beginning after the key `after`; at most
    /// `limit`, which the store caps at 1,000.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listing, Problem>;

    /// All versions and delete markers below `prefix`.
    async fn list_versions(&self, prefix: &str) -> Result<Vec<VersionEntry>, Problem>;

    /// Replaces all tags of an object version.
    async fn put_tags(&self, key: &ObjectKey, version: Option<&str>, tags: &[Tag]) -> Result<(), Problem>;

    /// The tags of an object version.
    async fn get_tags(&self, key: &ObjectKey, version: Option<&str>) -> Result<Vec<Tag>, Problem>;

    /// Opens a multipart upload whose parts are checked by SHA-256, and returns its id.
    async fn create_upload(&self, key: &ObjectKey, tags: &[Tag]) -> Result<String, Problem>;

    /// Sends one part. The store refuses bytes that are not `sha256`'s (`DigestMismatch`).
    async fn upload_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        body: Bytes,
        sha256: Digest,
    ) -> Result<(), Problem>;

    /// All parts that the store has, by number.
    async fn list_parts(&self, key: &ObjectKey, upload_id: &str) -> Result<Vec<StoredPart>, Problem>;

    /// Joins the parts. Answers again as before if the answer to an earlier call got lost.
    async fn complete_upload(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> Result<Stored, Problem>;

    /// Drops an upload with its parts. An upload that is not there is no error.
    async fn abort_upload(&self, key: &ObjectKey, upload_id: &str) -> Result<(), Problem>;

    /// All uploads below `prefix` that are open.
    async fn list_uploads(&self, prefix: &str) -> Result<Vec<UploadEntry>, Problem>;

    /// Copies a version of an object of this bucket to another key, encrypted as configured. `PreconditionFailed` if the
    /// source has another entity tag by now. Never repeated by itself: after a failure the copy may have been made.
    async fn copy(&self, copy: &CopyObject) -> Result<Stored, Problem>;

    /// Copies a range of such a version into a part of an open upload.
    async fn copy_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        source: &CopySource,
        range: ByteRange,
    ) -> Result<CopiedPart, Problem>;

    /// Asks for an archived object to be readable for `days`.
    async fn restore(&self, key: &ObjectKey, version: Option<&str>, days: u32) -> Result<(), Problem>;

    /// The bucket's region, if the store says it. A store says it even where it refuses everything else.
    async fn region(&self) -> Result<Option<String>, Problem>;
}

/// A tag: key and value.
pub type Tag = (String, String);

/// Bytes `start` to `end`, both included, as in `Range: bytes=START-END`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// The last byte; past the object's end it means the end.
    pub end: u64,
}

impl ByteRange {
    /// From `start` to `end`, both included.
    pub const fn new(start: u64, end: u64) -> Self {
        Self { start, end }
    }

    /// From `start` to the end of the object, whatever it is.
    pub const fn from(start: u64) -> Self {
        Self { start, end: u64::MAX }
    }

    /// As the value of a `Range` header.
    pub fn header(self) -> String {
        match self.end {
            u64::MAX => format!("bytes={}-", self.start),
            end => format!("bytes={}-{end}", self.start),
        }
    }
}

impl From<RangeInclusive<u64>> for ByteRange {
    fn from(range: RangeInclusive<u64>) -> Self {
        Self { start: *range.start(), end: *range.end() }
    }
}

/// What the store says of an object version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectInfo {
    /// Bytes of the whole object, whatever range was read.
    pub size: u64,
    /// Its entity tag, with quotes, as the store writes it.
    pub etag: Option<String>,
    /// Its version, in a bucket that has them.
    pub version_id: Option<String>,
    /// SHA-256 of the whole object. Absent for what came in parts (whose checksum is one of checksums), for stores
    /// that keep none, and in the answer to a read.
    pub sha256: Option<Digest>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Absent means `STANDARD`.
    pub storage_class: Option<String>,
    /// `AES256` or `aws:kms`, as answered.
    pub encryption: Option<String>,
    /// ARN of the key, with `aws:kms`.
    pub kms_key_arn: Option<String>,
    /// When it was written.
    pub last_modified: Option<Timestamp>,
    /// State of a restore, as answered: `ongoing-request="true"` and so on.
    pub restore: Option<String>,
}

/// An object being read.
pub struct ObjectBody {
    /// Of the object.
    pub info: ObjectInfo,
    /// Bytes that the stream yields.
    pub content_length: u64,
    /// The bytes, as they come in; a cut line is an error at its end.
    pub stream: BoxStream<'static, Result<Bytes, Problem>>,
}

impl ObjectBody {
    /// Reads all of it into memory; for small objects.
    ///
    /// # Errors
    /// What the stream yields; `StoreFailed` for more than `limit` bytes.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, Problem> {
        use firmhold_core::problem::Code;
        use futures::StreamExt as _;
        let mut all = Vec::new();
        while let Some(chunk) = self.stream.next().await {
            all.extend_from_slice(&chunk?);
            if all.len() as u64 > limit {
                return Err(Problem::new(Code::StoreFailed, format!("the object has over {limit} bytes")));
            }
        }
        Ok(all.into())
    }
}

impl fmt::Debug for ObjectBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectBody")
            .field("info", &self.info)
            .field("content_length", &self.content_length)
            .finish_non_exhaustive()
    }
}

/// A small object to write.
#[derive(Debug, Clone)]
pub struct PutObject {
    /// Where.
    pub key: ObjectKey,
    /// The whole content.
    pub body: Bytes,
    /// What the store shall check it by.
    pub sha256: Digest,
    /// Tags that it gets at once.
    pub tags: Vec<Tag>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Refuse (`PreconditionFailed`) if the key has an object. Some stores ignore it (design D3).
    pub if_none_match: bool,
}

impl PutObject {
    /// Of `body` at `key`, with its digest, no tags, and over whatever is there.
    pub fn new(key: ObjectKey, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let sha256 = Digest::of(&body);
        Self { key, body, sha256, tags: Vec::new(), content_type: None, if_none_match: false }
    }
}

/// What the store answered to a write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The version that was made, in a bucket that has them.
    pub version_id: Option<String>,
    /// Its entity tag.
    pub etag: Option<String>,
    /// `AES256` or `aws:kms`, as answered.
    pub encryption: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// In the order of their keys.
    pub objects: Vec<ListedObject>,
    /// Hand it back as `after` for the next page; absent at the end.
    pub next: Option<String>,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Where it lies.
    pub key: ObjectKey,
    /// Bytes.
    pub size: u64,
    /// Its entity tag.
    pub etag: Option<String>,
    /// When it was written.
    pub last_modified: Option<Timestamp>,
    /// Its storage class.
    pub storage_class: Option<String>,
}

/// A version or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionEntry {
    /// Of which object.
    pub key: ObjectKey,
    /// `null` for what was written while the bucket had no versions.
    pub version_id: String,
    /// Whether it is what a read without a version finds.
    pub is_latest: bool,
    /// Whether it is a delete marker.
    pub is_delete_marker: bool,
    /// Bytes; 0 for a delete marker.
    pub size: u64,
    /// When it was written.
    pub last_modified: Option<Timestamp>,
}

/// A part of an open upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// 1 to 10,000.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// Its SHA-256, if the store keeps it.
    pub sha256: Option<Digest>,
    /// Its entity tag, without quotes; empty if the store lists none.
    pub etag: String,
}

/// A part that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedPart {
    /// Its SHA-256, if the store says it.
    pub sha256: Option<Digest>,
    /// Its entity tag, without quotes.
    pub etag: String,
}

/// An open upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadEntry {
    /// Of which object.
    pub key: ObjectKey,
    /// Its id.
    pub upload_id: String,
    /// When it was opened.
    pub initiated: Option<Timestamp>,
}
