//! Object versions: written, found, read, tagged, deleted.

use bytes::Bytes;
use firmhold_core::Timestamp;
use futures::Stream;
use redb::{ReadableDatabase, WriteTransaction};

use super::blob::{Draft, Lease, ReceivedBlob};
use super::checksum::Algorithm;
use super::record::{BucketFacts, ObjectData, Replication, Segment, VersionRecord, Versioning};
use super::{Result, Storage, StorageError, aging, index, replication};

/// The version id of what is written while versioning is not enabled.
pub const NULL_VERSION: &str = "null";

/// A write condition, checked in the transaction that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `If-None-Match: *`: the key must have no current object.
    Absent,
    /// `If-Match`: the current object must have this ETag (`None` for `*`: any).
    Etag(Option<String>),
}

impl Condition {
    fn check(&self, current: Option<&ObjectData>) -> Result<()> {
        match (self, current) {
            (Self::Absent, Some(_)) => Err(StorageError::PreconditionFailed("If-None-Match")),
            (Self::Absent, None) => Ok(()),
            (Self::Etag(_), None) => Err(StorageError::NoSuchKey { marker: None }),
            (Self::Etag(wanted), Some(current)) => match wanted {
                Some(etag) if *etag != current.etag => Err(StorageError::PreconditionFailed("If-Match")),
                _ => Ok(()),
            },
        }
    }
}

/// When something is written, and when its copies to other buckets are due; `None` where nobody asks for copies: what
/// lifecycle does is not replicated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) replicate_at: Option<Timestamp>,
}

/// What a write gave the key.
#[derive(Debug, Clone)]
pub struct Written {
    /// The record as stored.
    pub version: VersionRecord,
    /// Whether the bucket has (or had) versioning, so that the answer names the version.
    pub versioned: bool,
}

impl Written {
    /// The version id as the answer carries it: not at all in a bucket that was never versioned.
    pub fn answered_version(&self) -> Option<String> {
        self.versioned.then(|| self.version.version_id.clone())
    }
}

/// What a delete did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// A delete marker was made, or the version that was removed was one.
    pub marker: bool,
    /// The marker's or the removed version's id.
    pub version_id: Option<String>,
}

/// A version that is pinned for reading.
pub struct Pinned {
    /// The record.
    pub version: VersionRecord,
    /// Its bytes' description.
    pub object: ObjectData,
    /// Keeps the blobs in place.
    pub lease: Lease,
}

impl Storage {
    /// Takes a body in. Nothing is visible until the blob is handed to a call that commits it.
    ///
    /// # Errors
    /// [`StorageError::IncompleteBody`], [`StorageError::BrokenBody`], [`StorageError::Io`].
    pub async fn receive<S, E>(
        &self,
        body: S,
        declared: Option<u64>,
        algorithm: Algorithm,
    ) -> Result<ReceivedBlob>
    where
        S: Stream<Item = std::result::Result<Bytes, E>> + Unpin,
        E: std::fmt::Display,
    {
        self.0.blobs.receive(body, declared, algorithm).await
    }

    /// Copies a range of a pinned version into a new blob.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn copy_bytes(
        &self,
        source: Pinned,
        offset: u64,
        length: u64,
        algorithm: Algorithm,
    ) -> Result<ReceivedBlob> {
        let mut draft = Draft::new(self.0.blobs.clone(), algorithm)?;
        let Pinned { object, lease, .. } = source;
        self.0.blobs.read_blocking(&object.segments, offset, length, lease, |chunk| draft.write(&chunk))?;
        draft.finish()
    }

    /// Streams bytes of a pinned version.
    pub fn read(
        &self,
        pinned: Pinned,
        offset: u64,
        length: u64,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + Send + Sync + use<> {
        self.0.blobs.read(&pinned.object.segments, offset, length, pinned.lease)
    }

    /// Makes an object current whose only segment is `blob`.
    ///
    /// # Errors
    /// The condition's, [`StorageError::NoSuchBucket`].
    pub fn put_object(
        &self,
        bucket: &str,
        key: &str,
        mut blob: ReceivedBlob,
        object: ObjectData,
        condition: Option<&Condition>,
    ) -> Result<Written> {
        blob.place()?;
        let now = self.now();
        let (written, replaced) = self.write(|transaction| {
            let facts = index::bucket(transaction, bucket)?;
            check(transaction, bucket, key, condition)?;
            insert_version(transaction, &facts, key, Some(object), self.written_now(now))
        })?;
        blob.keep();
        self.discard(&replaced);
        self.replicate_soon(&written.version);
        Ok(written)
    }

    /// The version that a read of `key` (and `version`) means.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`], [`StorageError::NoSuchKey`], [`StorageError::NoSuchVersion`],
    /// [`StorageError::IsDeleteMarker`].
    pub fn find(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<(VersionRecord, ObjectData)> {
        self.bucket(bucket)?;
        let table = self.0.index.begin_read()?.open_table(index::VERSIONS)?;
        let Some(version) = version else {
            let (_, mut newest) =
                index::newest(&table, bucket, key)?.ok_or(StorageError::NoSuchKey { marker: None })?;
            return match newest.object.take() {
                Some(object) => Ok((newest, object)),
                None => Err(StorageError::NoSuchKey { marker: Some(newest.version_id) }),
            };
        };
        let versions = index::versions_of(&table, bucket, key)?;
        let (_, mut found) = versions
            .into_iter()
            .find(|(_, record)| record.version_id == version)
            .ok_or(StorageError::NoSuchVersion)?;
        match found.object.take() {
            Some(object) => Ok((found, object)),
            None => Err(StorageError::IsDeleteMarker {
                version_id: found.version_id,
                last_modified: found.last_modified,
            }),
        }
    }

    /// As [`find`](Self::find), with the bytes kept in place until the lease is dropped.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn pin(&self, bucket: &str, key: &str, version: Option<&str>) -> Result<Pinned> {
        let ((version, object), lease) = self.0.blobs.lease(
            || self.find(bucket, key, version),
            |(_, object)| object.segments.iter().map(|segment| segment.blob.clone()).collect(),
        )?;
        Ok(Pinned { version, object, lease })
    }

    /// An object's tags; empty when there is no such object.
    pub fn object_tags(&self, bucket: &str, key: &str, version: Option<&str>) -> Vec<(String, String)> {
        self.find(bucket, key, version).map(|(_, object)| object.description.tags).unwrap_or_default()
    }

    /// Replaces an object's tags; answers the version that now has them.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn set_object_tags(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        tags: Vec<(String, String)>,
    ) -> Result<VersionRecord> {
        let (target, _) = self.find(bucket, key, version)?;
        let due = self.written_now(self.now()).replicate_at;
        let record = self.write(|transaction| {
            let record = update_record(transaction, bucket, key, &target.version_id, |record| {
                let object = record.object.as_mut().ok_or(StorageError::NoSuchVersion)?;
                object.description.tags = tags;
                replication::again(record);
                Ok(())
            })?;
            if let (Some(due), Some(Replication::Source(copies))) = (due, &record.replication) {
                replication::queue(transaction, bucket, key, &record, copies, due)?;
            }
            Ok(record)
        })?;
        self.replicate_soon(&record);
        Ok(record)
    }

    /// Changes the row of one version with bytes.
    ///
    /// # Errors
    /// [`StorageError::NoSuchVersion`].
    pub fn update_version(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        change: impl FnOnce(&mut ObjectData),
    ) -> Result<VersionRecord> {
        self.update_record(bucket, key, version, |record| {
            change(record.object.as_mut().ok_or(StorageError::NoSuchVersion)?);
            Ok(())
        })
    }

    /// Changes the row of one version.
    pub(super) fn update_record(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        change: impl FnOnce(&mut VersionRecord) -> Result<()>,
    ) -> Result<VersionRecord> {
        self.write(|transaction| update_record(transaction, bucket, key, version, change))
    }

    /// The row of one version, be it bytes or a delete marker.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`], [`StorageError::NoSuchVersion`].
    pub fn version(&self, bucket: &str, key: &str, version: &str) -> Result<VersionRecord> {
        self.bucket(bucket)?;
        let table = self.0.index.begin_read()?.open_table(index::VERSIONS)?;
        let versions = index::versions_of(&table, bucket, key)?;
        let found = versions.into_iter().find(|(_, record)| record.version_id == version);
        found.map(|(_, record)| record).ok_or(StorageError::NoSuchVersion)
    }

    /// A client's write at `now`: the rules of the bucket's replication speak of it.
    pub(super) fn written_now(&self, now: Timestamp) -> Moment {
        Moment { now, replicate_at: Some(self.replication_due(now)) }
    }

    /// Deletes: without a version the current object (by a marker where there is versioning), with one that
    /// version for good. What is not there is deleted already.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`], the condition's, [`StorageError::Locked`].
    pub fn delete_object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        condition: Option<&Condition>,
    ) -> Result<Deleted> {
        self.delete(bucket, key, version, condition, false)
    }

    /// The same by a caller that may pass over a retention in governance mode.
    ///
    /// # Errors
    /// As [`delete_object`](Self::delete_object).
    pub fn delete_past_governance(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        condition: Option<&Condition>,
    ) -> Result<Deleted> {
        self.delete(bucket, key, version, condition, true)
    }

    fn delete(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        condition: Option<&Condition>,
        past_governance: bool,
    ) -> Result<Deleted> {
        let now = self.now();
        let (deleted, segments, marker) = self.write(|transaction| {
            let facts = index::bucket(transaction, bucket)?;
            check(transaction, bucket, key, condition)?;
            if let Some(version) = version {
                aging::check_lock(transaction, bucket, key, version, now, past_governance)?;
                let removed = remove_version(transaction, bucket, key, version)?;
                let marker = removed.as_ref().is_some_and(|removed| removed.object.is_none());
                let deleted = Deleted { marker, version_id: Some(version.to_owned()) };
                return Ok((deleted, segments_of(removed), None));
            }
            if facts.versioning == Versioning::Unversioned {
                let removed = remove_version(transaction, bucket, key, NULL_VERSION)?;
                return Ok((Deleted::default(), segments_of(removed), None));
            }
            let (written, replaced) = insert_version(transaction, &facts, key, None, self.written_now(now))?;
            let version_id = Some(written.version.version_id.clone());
            Ok((Deleted { marker: true, version_id }, replaced, Some(written.version)))
        })?;
        self.discard(&segments);
        if let Some(marker) = marker {
            self.replicate_soon(&marker);
        }
        Ok(deleted)
    }

    pub(super) fn discard(&self, segments: &[Segment]) {
        self.0.blobs.discard(segments.iter().map(|segment| segment.blob.as_str()));
    }
}

/// Checks a condition against the current object as `transaction` sees it.
pub(super) fn check(
    transaction: &WriteTransaction,
    bucket: &str,
    key: &str,
    condition: Option<&Condition>,
) -> Result<()> {
    let Some(condition) = condition else { return Ok(()) };
    let newest = index::newest(&transaction.open_table(index::VERSIONS)?, bucket, key)?;
    condition.check(newest.as_ref().and_then(|(_, record)| record.object.as_ref()))
}

/// Puts a version (or a marker) on top of a key; answers the segments of what it replaced.
pub(super) fn insert_version(
    transaction: &WriteTransaction,
    facts: &BucketFacts,
    key: &str,
    mut object: Option<ObjectData>,
    moment: Moment,
) -> Result<(Written, Vec<Segment>)> {
    let bucket = facts.name.as_str();
    if let Some(object) = &mut object {
        aging::retain_by_default(facts, &mut object.description, moment.now);
    }
    let (version_id, replaced) = match facts.versioning {
        Versioning::Enabled => (super::random_hex::<16>()?, None),
        Versioning::Unversioned | Versioning::Suspended => {
            (NULL_VERSION.to_owned(), remove_version(transaction, bucket, key, NULL_VERSION)?)
        }
    };
    let copies = moment.replicate_at.map(|_| replication::copies_of(facts, key, object.as_ref()));
    let copies = copies.unwrap_or_default();
    let version = VersionRecord {
        version_id,
        last_modified: moment.now,
        object,
        restore: None,
        replication: (!copies.is_empty()).then(|| Replication::Source(copies.clone())),
    };
    if let Some(due) = moment.replicate_at {
        replication::queue(transaction, bucket, key, &version, &copies, due)?;
    }
    put_record(transaction, bucket, key, &version)?;
    let versioned = facts.versioning != Versioning::Unversioned;
    Ok((Written { version, versioned }, segments_of(replaced)))
}

/// Puts a row on top of a key.
pub(super) fn put_record(
    transaction: &WriteTransaction,
    bucket: &str,
    key: &str,
    version: &VersionRecord,
) -> Result<()> {
    let row = index::version_row(bucket, key, index::next_sequence(transaction)?);
    let mut table = transaction.open_table(index::VERSIONS)?;
    table.insert(row.as_slice(), index::encode(version)?.as_slice())?;
    Ok(())
}

pub(super) fn update_record(
    transaction: &WriteTransaction,
    bucket: &str,
    key: &str,
    version: &str,
    change: impl FnOnce(&mut VersionRecord) -> Result<()>,
) -> Result<VersionRecord> {
    let mut table = transaction.open_table(index::VERSIONS)?;
    let versions = index::versions_of(&table, bucket, key)?;
    let found = versions.into_iter().find(|(_, record)| record.version_id == version);
    let (row, mut record) = found.ok_or(StorageError::NoSuchVersion)?;
    change(&mut record)?;
    table.insert(row.as_slice(), index::encode(&record)?.as_slice())?;
    Ok(record)
}

pub(super) fn remove_version(
    transaction: &WriteTransaction,
    bucket: &str,
    key: &str,
    version: &str,
) -> Result<Option<VersionRecord>> {
    let mut table = transaction.open_table(index::VERSIONS)?;
    let versions = index::versions_of(&table, bucket, key)?;
    let Some((row, record)) = versions.into_iter().find(|(_, record)| record.version_id == version) else {
        return Ok(None);
    };
    table.remove(row.as_slice())?;
    Ok(Some(record))
}

pub(super) fn segments_of(record: Option<VersionRecord>) -> Vec<Segment> {
    record.and_then(|record| record.object).map(|object| object.segments).unwrap_or_default()
}
