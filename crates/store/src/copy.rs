//! Copies inside a bucket: the store moves the bytes, and nothing passes through us.

use std::collections::BTreeMap;

use firmhold_core::{ObjectKey, Problem, problem::Code};
use futures::stream::{self, StreamExt as _};

use crate::bucket::{Bucket, ByteRange, CopiedPart, Stored, StoredPart, Tag};
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
    let mut parts = Parts::listed(&plan, bucket.list_parts(key, upload_id).await?);
    let missing: Vec<PlannedPart> = plan.parts().filter(|part| !parts.has(*part)).collect();
    let copies = missing.into_iter().map(|part| async move {
        let range = ByteRange::new(part.offset, part.offset + part.size - 1);
        let copied = bucket.copy_part(key, upload_id, part.number, source, range).await?;
        Ok::<_, Problem>((part, copied))
    });
    let mut copies = stream::iter(copies).buffer_unordered(at_once.max(1));
    while let Some(copied) = copies.next().await {
        let (part, copied) = copied?;
        parts.copied(part, copied);
        failpoint::IMPORT_PART_COPIED.reach();
    }
    bucket.complete_upload(key, upload_id, &parts.whole(&plan, source.size)?).await
}

/// The parts that an upload has, by number: what the store lists of them, and what it said of those that were copied
/// now, which counts more.
struct Parts(BTreeMap<u32, StoredPart>);

impl Parts {
    /// What of a list can be used: of the right size, and with the entity tag that completing needs.
    fn listed(plan: &PartPlan, there: Vec<StoredPart>) -> Self {
        let usable = there.into_iter().filter(|stored| {
            !stored.etag.is_empty() && plan.part(stored.number).is_some_and(|part| part.size == stored.size)
        });
        Self(usable.map(|stored| (stored.number, stored)).collect())
    }

    fn has(&self, part: PlannedPart) -> bool {
        self.0.contains_key(&part.number)
    }

    fn copied(&mut self, part: PlannedPart, copied: CopiedPart) {
        let CopiedPart { sha256, etag } = copied;
        let PlannedPart { number, size, .. } = part;
        self.0.insert(number, StoredPart { number, size, sha256, etag });
    }

    /// INVARIANT: an upload is completed only with every part from the first to the last, in order, that together make
    /// up the source. A store may join whatever it is given.
    fn whole(self, plan: &PartPlan, size: u64) -> Result<Vec<StoredPart>, Problem> {
        let parts: Vec<StoredPart> = self.0.into_values().collect();
        let numbers = parts.iter().map(|part| part.number);
        let sum: u64 = parts.iter().map(|part| part.size).sum();
        if numbers.eq(1..=plan.count()) && sum == size {
            return Ok(parts);
        }
        Err(Problem::internal(format!("{} parts with {sum} of {size} bytes were copied", parts.len())))
    }
}
