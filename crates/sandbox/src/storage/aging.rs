//! What the state's clock does to versions: transitions, expirations, restores; and what Object Lock holds against it.

use std::time::Duration;

use firmhold_core::Timestamp;
use redb::{ReadableDatabase, WriteTransaction};

use super::object::{self, Moment};
use super::record::{BucketFacts, Description, Restore, Retention, VersionRecord, Versioning};
use super::{Result, Storage, StorageError, index};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DAYS_OF_YEAR: u32 = 365;

impl Storage {
    /// Lifecycle's expiration of a current object at `now`: a delete marker where there is versioning, else the end.
    /// Neither is replicated.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`].
    pub fn expire(&self, bucket: &str, key: &str, now: Timestamp) -> Result<()> {
        let segments = self.write(|transaction| {
            let facts = index::bucket(transaction, bucket)?;
            if facts.versioning == Versioning::Unversioned {
                let removed = object::remove_version(transaction, bucket, key, object::NULL_VERSION)?;
                return Ok(object::segments_of(removed));
            }
            let moment = Moment { now, replicate_at: None };
            Ok(object::insert_version(transaction, &facts, key, None, moment)?.1)
        })?;
        self.discard(&segments);
        Ok(())
    }

    /// Lifecycle's removal of a version for good. A locked version stays.
    ///
    /// # Errors
    /// [`StorageError::Locked`].
    pub fn remove_for_good(&self, bucket: &str, key: &str, version: &str, now: Timestamp) -> Result<()> {
        let segments = self.write(|transaction| {
            check_lock(transaction, bucket, key, version, now, false)?;
            Ok(object::segments_of(object::remove_version(transaction, bucket, key, version)?))
        })?;
        self.discard(&segments);
        Ok(())
    }

    /// Lifecycle's move of a version to another storage class.
    ///
    /// # Errors
    /// [`StorageError::NoSuchVersion`].
    pub fn transition(&self, bucket: &str, key: &str, version: &str, class: &str) -> Result<VersionRecord> {
        self.update_version(bucket, key, version, |object| {
            object.description.storage_class = Some(class.to_owned());
        })
    }

    /// Until when lifecycle has been worked; of a new account, now.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn lifecycle_ran(&self) -> Result<Timestamp> {
        let ran = index::counter(&self.0.index.begin_read()?, index::LIFECYCLE_RAN)?;
        match i64::try_from(ran) {
            Ok(0) | Err(_) => Ok(self.now()),
            Ok(millis) => Ok(Timestamp::from_millis(millis)),
        }
    }

    /// Lifecycle has been worked until `now`.
    ///
    /// # Errors
    /// If the index cannot be written.
    pub fn set_lifecycle_ran(&self, now: Timestamp) -> Result<()> {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        self.write(|transaction| index::set_counter(transaction, index::LIFECYCLE_RAN, millis))
    }

    /// Brings an archived version back, or moves the end of its stay.
    ///
    /// # Errors
    /// [`StorageError::NoSuchVersion`].
    pub fn restore(&self, bucket: &str, key: &str, version: &str, restore: Restore) -> Result<VersionRecord> {
        self.update_record(bucket, key, version, |record| {
            record.restore = Some(restore);
            Ok(())
        })
    }
}

/// Gives a new version the retention that its bucket gives by default.
pub(super) fn retain_by_default(facts: &BucketFacts, description: &mut Description, now: Timestamp) {
    if description.retention.is_some() {
        return;
    }
    let rule = facts.object_lock.as_ref().and_then(|lock| lock.rule.as_ref());
    let Some(default) = rule.and_then(|rule| rule.default_retention.as_ref()) else { return };
    let days = match (default.days, default.years) {
        (Some(days), _) => u32::try_from(days).unwrap_or(0),
        (None, Some(years)) => u32::try_from(years).unwrap_or(0).saturating_mul(DAYS_OF_YEAR),
        (None, None) => return,
    };
    let Some(mode) = &default.mode else { return };
    description.retention =
        Some(Retention { mode: mode.as_str().to_owned(), until: now.plus(DAY.saturating_mul(days)) });
}

/// Refuses to remove a version that Object Lock keeps.
pub(super) fn check_lock(
    transaction: &WriteTransaction,
    bucket: &str,
    key: &str,
    version: &str,
    now: Timestamp,
    past_governance: bool,
) -> Result<()> {
    let table = transaction.open_table(index::VERSIONS)?;
    let versions = index::versions_of(&table, bucket, key)?;
    let found = versions.into_iter().find(|(_, record)| record.version_id == version);
    let Some(object) = found.and_then(|(_, record)| record.object) else { return Ok(()) };
    match is_locked(&object.description, now, past_governance) {
        true => Err(StorageError::Locked),
        false => Ok(()),
    }
}

/// Whether Object Lock keeps what is described so.
pub fn is_locked(description: &Description, now: Timestamp, past_governance: bool) -> bool {
    let retained = description.retention.as_ref().is_some_and(|retention| {
        now < retention.until && !(past_governance && retention.mode == "GOVERNANCE")
    });
    description.legal_hold || retained
}
