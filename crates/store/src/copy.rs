//! Copies inside a bucket: the store moves the bytes, and nothing passes through us.

use firmhold_core::{ObjectKey, Problem, problem::Code};
use futures::stream::{self, StreamExt as _};

use crate::bucket::{Bucket, ByteRange, Stored, StoredPart, Tag};
use crate::failpoint;
use crate::plan::{PartPlan, PlannedPart};

/// The largest object that one request copies: 5 GiB, an S3 limit. More goes in parts.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub const MAX_COPY: u64 = firmhold_core::binary_part::MAX_SIZE;

/// What a copy reads: this version of an object of the same bucket, and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// Its key.
    pub key: ObjectKey,
    /// Its version, in a bucket that has them. Absent and `null` name what may be overwritten: then `etag` has to hold.
    pub version_id: Option<String>,
    /// Its entity tag; the copy fails (`PreconditionFailed`) if the object has another by then.
    pub etag: Option<String>,
    /// Bytes of it.
    pub size: u64,
}

impl CopySource {
    /// The entity tag, where a version alone does not pin the bytes.
    pub(crate) fn condition(&self) -> Option<&str> {
        let is_pinned = self.version_id.as_deref().is_some_and(|version| version != "null");
        self.etag.as_deref().filter(|_| !is_pinned)
    }
}

/// A copy in one request. It takes the bytes and nothing else: neither tags nor metadata of the source.
#[derive(Debug, Clone)]
pub struct CopyObject {
    /// Of what; at most [`MAX_COPY`] bytes.
    pub source: CopySource,
    /// Where to.
    pub key: ObjectKey,
    /// Tags that the copy gets at once.
    pub tags: Vec<Tag>,
}

/// Copies an object in parts into an open upload, and joins them. Parts that the store has are not copied again, so
/// that a copy that was cut off goes on where it was. `part_size` is in bytes, and must be the same each time.
///
/// # Errors
/// `PreconditionFailed` if the source is no longer what it was; what the store answers.
pub async fn copy_in_parts(
    bucket: &dyn Bucket,
    key: &ObjectKey,
    upload_id: &str,
    source: &CopySource,
    part_size: u64,
    at_once: usize,
) -> Result<Stored, Problem> {
    let plan = PartPlan::in_parts_of(source.size, part_size)
        .ok_or_else(|| Problem::new(Code::StoreDenied, "the object is larger than any copy can be"))?;
    let there = bucket.list_parts(key, upload_id).await?;
    let missing: Vec<PlannedPart> = plan.parts().filter(|part| !has(&there, *part)).collect();
    let copies = missing.into_iter().map(|part| {
        let range = ByteRange::new(part.offset, part.offset + part.size - 1);
        bucket.copy_part(key, upload_id, part.number, source, range)
    });
    let mut copies = stream::iter(copies).buffer_unordered(at_once.max(1));
    while let Some(copied) = copies.next().await {
        copied?;
        failpoint::IMPORT_PART_COPIED.reach();
    }
    let parts = bucket.list_parts(key, upload_id).await?;
    let chosen: Vec<StoredPart> = parts.into_iter().filter(|part| part.number <= plan.count()).collect();
    bucket.complete_upload(key, upload_id, &chosen).await
}

fn has(there: &[StoredPart], part: PlannedPart) -> bool {
    there.iter().any(|stored| stored.number == part.number && stored.size == part.size)
}
