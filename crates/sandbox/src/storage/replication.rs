//! Copies to other buckets: which a write asks for, the queue of those to make, and how one is made.
//!
//! The queue is written in the transaction that writes the version, so no crash loses a copy
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html>).

use std::sync::atomic::Ordering;
use std::time::Duration;

use firmhold_core::Timestamp;
use redb::{ReadableDatabase, WriteTransaction};
use s3s::dto::{
    DeleteMarkerReplicationStatus, ReplicationRule, ReplicationRuleStatus, SseKmsEncryptedObjectsStatus, Tag,
};
use serde::{Deserialize, Serialize};

use super::blob::{Draft, ReceivedBlob};
use super::checksum::Algorithm;
use super::object::{put_record, update_record};
use super::record::{
    BucketFacts, CopyStatus, CopyTo, Encryption, ObjectData, Replication, Segment, VersionRecord,
};
use super::{Result, Storage, StorageError, index};

/// One copy to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyTask {
    /// The source bucket.
    pub bucket: String,
    /// The key, there and in the destination.
    pub key: String,
    /// The version, there and in the destination.
    pub version_id: String,
    /// The id of the rule that asks for it.
    pub rule: String,
    /// The destination bucket.
    pub destination: String,
    /// When the version was written: how far the destination lags behind is counted from here.
    pub since: Timestamp,
    /// Bytes; 0 for a delete marker.
    pub size: u64,
}

/// A task in its place in the queue.
#[derive(Debug, Clone)]
pub struct QueuedCopy {
    row: Vec<u8>,
    /// When it is due.
    pub due: Timestamp,
    /// What is to be done.
    pub task: CopyTask,
}

/// How a copy is written.
#[derive(Debug, Clone, Default)]
pub struct CopyForm {
    /// Instead of the source's class.
    pub storage_class: Option<String>,
    /// Instead of the source's encryption.
    pub encryption: Option<Encryption>,
    /// Whether the source's tags may be read and written.
    pub with_tags: bool,
}

/// Which prefix and tags a rule asks for.
pub fn scope(rule: &ReplicationRule) -> (&str, Vec<&Tag>) {
    let Some(filter) = &rule.filter else { return (rule.prefix.as_deref().unwrap_or_default(), Vec::new()) };
    let and = filter.and.as_ref();
    let prefix = filter.prefix.as_deref().or_else(|| and?.prefix.as_deref()).unwrap_or_default();
    let tags = and.and_then(|and| and.tags.as_ref()).into_iter().flatten();
    (prefix, filter.tag.iter().chain(tags).collect())
}

/// The bucket that a rule copies to.
pub fn destination(rule: &ReplicationRule) -> &str {
    let bucket = rule.destination.bucket.as_str();
    bucket.rsplit_once(":::").map_or(bucket, |(_, name)| name)
}

/// The copies that the bucket's rules ask for of a new version; `object` is `None` for a delete marker. Of several
/// rules for one destination the one with the highest priority counts.
pub(super) fn copies_of(facts: &BucketFacts, key: &str, object: Option<&ObjectData>) -> Vec<CopyTo> {
    let rules =
        facts.replication.as_ref().map(|replication| replication.rules.as_slice()).unwrap_or_default();
    let mut chosen: Vec<&ReplicationRule> = Vec::new();
    for rule in rules.iter().filter(|rule| speaks_of(rule, key, object)) {
        match chosen.iter_mut().find(|other| destination(other) == destination(rule)) {
            Some(other) if other.priority < rule.priority => *other = rule,
            Some(_) => {}
            None => chosen.push(rule),
        }
    }
    let copies = chosen.into_iter().map(|rule| CopyTo {
        rule: rule.id.clone().unwrap_or_default(),
        bucket: destination(rule).to_owned(),
        status: CopyStatus::Pending,
    });
    copies.collect()
}

fn speaks_of(rule: &ReplicationRule, key: &str, object: Option<&ObjectData>) -> bool {
    let (prefix, tags) = scope(rule);
    if rule.status.as_str() != ReplicationRuleStatus::ENABLED || !key.starts_with(prefix) {
        return false;
    }
    let Some(object) = object else { return takes_markers(rule) };
    let tagged = |tag: &&Tag| {
        let (key, value) = (tag.key.as_deref().unwrap_or_default(), tag.value.as_deref().unwrap_or_default());
        object.description.tags.iter().any(|(name, own)| name == key && own == value)
    };
    tags.iter().all(tagged) && (!object.encryption.is_kms() || takes_kms(rule))
}

/// A rule of the first version copies a user's delete markers; one of the second does as it says (T14).
fn takes_markers(rule: &ReplicationRule) -> bool {
    if rule.filter.is_none() {
        return true;
    }
    let status = rule.delete_marker_replication.as_ref().and_then(|markers| markers.status.as_ref());
    status.is_some_and(|status| status.as_str() == DeleteMarkerReplicationStatus::ENABLED)
}

/// What a KMS key encrypts is copied only when the rule says so (T15).
fn takes_kms(rule: &ReplicationRule) -> bool {
    let criteria = rule.source_selection_criteria.as_ref();
    let kms = criteria.and_then(|criteria| criteria.sse_kms_encrypted_objects.as_ref());
    kms.is_some_and(|kms| kms.status.as_str() == SseKmsEncryptedObjectsStatus::ENABLED)
}

/// Puts copies into the queue.
pub(super) fn queue(
    transaction: &WriteTransaction,
    bucket: &str,
    key: &str,
    version: &VersionRecord,
    copies: &[CopyTo],
    due: Timestamp,
) -> Result<()> {
    for copy in copies {
        let task = CopyTask {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: version.version_id.clone(),
            rule: copy.rule.clone(),
            destination: copy.bucket.clone(),
            since: version.last_modified,
            size: version.object.as_ref().map_or(0, |object| object.size),
        };
        let row = index::due_row(due.as_millis(), index::next_sequence(transaction)?);
        let mut table = transaction.open_table(index::REPLICATIONS)?;
        table.insert(row.as_slice(), index::encode(&task)?.as_slice())?;
    }
    Ok(())
}

/// A change of tags goes the way that the version went.
pub(super) fn again(version: &mut VersionRecord) {
    if let Some(Replication::Source(copies)) = &mut version.replication {
        for copy in copies {
            copy.status = CopyStatus::Pending;
        }
    }
}

impl Storage {
    /// Sets how long a copy takes, by the state's clock. For those that are asked for from now on.
    pub fn set_replication_lag(&self, lag: Duration) {
        self.0.replication_lag.store(i64::try_from(lag.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// When a copy that is asked for at `now` is due.
    pub(super) fn replication_due(&self, now: Timestamp) -> Timestamp {
        let lag = self.0.replication_lag.load(Ordering::SeqCst);
        Timestamp::from_millis(now.as_millis().saturating_add(lag))
    }

    /// Wakes whoever makes the copies, if the version has any.
    pub(super) fn replicate_soon(&self, version: &VersionRecord) {
        if matches!(version.replication, Some(Replication::Source(_))) {
            self.0.replication_queued.notify_one();
        }
    }

    /// Ends when a copy has been put into the queue since this was last waited for.
    pub async fn replication_queued(&self) {
        self.0.replication_queued.notified().await;
    }

    /// The queue, by when a copy is due.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn replication_queue(&self) -> Result<Vec<QueuedCopy>> {
        let table = self.0.index.begin_read()?.open_table(index::REPLICATIONS)?;
        let mut queue = Vec::new();
        for entry in table.range::<&[u8]>(..)? {
            let (row, value) = entry?;
            let row = row.value().to_vec();
            let due = row.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            let due = Timestamp::from_millis(i64::try_from(due).unwrap_or(i64::MAX));
            queue.push(QueuedCopy { due, task: index::decode(value.value())?, row });
        }
        Ok(queue)
    }

    /// Takes a copy off the queue with its outcome. A version that is gone meanwhile has none.
    ///
    /// # Errors
    /// If the index cannot be written.
    pub fn end_replication(&self, queued: &QueuedCopy, status: CopyStatus) -> Result<()> {
        let task = &queued.task;
        self.write(|transaction| {
            transaction.open_table(index::REPLICATIONS)?.remove(queued.row.as_slice())?;
            let ended = update_record(transaction, &task.bucket, &task.key, &task.version_id, |version| {
                if let Some(Replication::Source(copies)) = &mut version.replication {
                    let own = |copy: &&mut CopyTo| copy.bucket == task.destination && copy.rule == task.rule;
                    copies.iter_mut().filter(own).for_each(|copy| copy.status = status);
                }
                Ok(())
            });
            match ended {
                Ok(_) | Err(StorageError::NoSuchVersion) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    /// Makes the copy: bytes, words and version id as in the source. Where the destination has the version already,
    /// only its tags follow.
    ///
    /// # Errors
    /// [`StorageError::NoSuchVersion`] if the source is gone, [`StorageError::NoSuchBucket`].
    pub fn make_copy(&self, task: &CopyTask, form: &CopyForm) -> Result<()> {
        let source = self.version(&task.bucket, &task.key, &task.version_id)?;
        match self.version(&task.destination, &task.key, &task.version_id) {
            Ok(_) => return self.copy_tags(task, source, form),
            Err(StorageError::NoSuchVersion) => {}
            Err(error) => return Err(error),
        }
        let mut blobs = Vec::new();
        let object = match source.object {
            Some(object) => Some(self.copied_object(task, object, form, &mut blobs)?),
            None => None,
        };
        let copy = VersionRecord { object, restore: None, replication: Some(Replication::Replica), ..source };
        self.write(|transaction| {
            index::bucket(transaction, &task.destination)?;
            put_record(transaction, &task.destination, &task.key, &copy)
        })?;
        blobs.into_iter().for_each(ReceivedBlob::keep);
        Ok(())
    }

    fn copied_object(
        &self,
        task: &CopyTask,
        source: ObjectData,
        form: &CopyForm,
        blobs: &mut Vec<ReceivedBlob>,
    ) -> Result<ObjectData> {
        let mut object = source;
        let mut segments = Vec::with_capacity(object.segments.len());
        for segment in &object.segments {
            // A lease for each: the reader ends it with the segment.
            let lease = self.pin(&task.bucket, &task.key, Some(&task.version_id))?.lease;
            let mut draft = Draft::new(self.0.blobs.clone(), Algorithm::Crc64Nvme)?;
            let whole = std::slice::from_ref(segment);
            self.0.blobs.read_blocking(whole, 0, segment.size, lease, |chunk| draft.write(&chunk))?;
            let mut blob = draft.finish()?;
            blob.place()?;
            segments.push(Segment { blob: blob.id.clone(), ..segment.clone() });
            blobs.push(blob);
        }
        object.segments = segments;
        if let Some(class) = &form.storage_class {
            object.description.storage_class = Some(class.clone());
        }
        if let Some(encryption) = &form.encryption {
            object.encryption = encryption.clone();
        }
        if !form.with_tags {
            object.description.tags.clear();
        }
        Ok(object)
    }

    fn copy_tags(&self, task: &CopyTask, source: VersionRecord, form: &CopyForm) -> Result<()> {
        let (Some(object), true) = (source.object, form.with_tags) else { return Ok(()) };
        let tags = object.description.tags;
        self.update_version(&task.destination, &task.key, &task.version_id, |copy| {
            copy.description.tags = tags;
        })?;
        Ok(())
    }
}
