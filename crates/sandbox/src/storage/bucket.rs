//! Buckets: made, configured, found, deleted.

use std::sync::{Arc, PoisonError};

use redb::ReadableTable;

use super::record::BucketFacts;
use super::{Result, Storage, StorageError, index};

impl Storage {
    /// What is known of a bucket, from memory.
    pub fn bucket_facts(&self, bucket: &str) -> Option<Arc<BucketFacts>> {
        self.buckets().get(bucket).cloned()
    }

    /// All buckets, by name.
    pub fn all_buckets(&self) -> Vec<Arc<BucketFacts>> {
        self.buckets().values().cloned().collect()
    }

    /// As [`bucket_facts`](Self::bucket_facts), shared and as a result.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`].
    pub fn bucket(&self, bucket: &str) -> Result<Arc<BucketFacts>> {
        self.buckets().get(bucket).cloned().ok_or(StorageError::NoSuchBucket)
    }

    /// The buckets of an account, by name.
    pub fn buckets_of(&self, account: &str) -> Vec<Arc<BucketFacts>> {
        self.buckets().values().filter(|facts| facts.owner_account == account).cloned().collect()
    }

    /// Makes a bucket with AWS's defaults ([`BucketFacts::new`]).
    ///
    /// # Errors
    /// [`StorageError::BucketAlreadyOwnedByYou`], [`StorageError::BucketAlreadyExists`].
    pub fn create_bucket(&self, name: &str, account: &str, region: &str) -> Result<()> {
        self.create_bucket_as(name, account, region, |_| {})
    }

    /// The same, with what the call asks for besides, in one step.
    ///
    /// # Errors
    /// As [`create_bucket`](Self::create_bucket).
    pub fn create_bucket_as(
        &self,
        name: &str,
        account: &str,
        region: &str,
        change: impl FnOnce(&mut BucketFacts),
    ) -> Result<()> {
        let mut buckets = self.0.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(existing) = buckets.get(name) {
            return Err(match existing.owner_account == account {
                true => StorageError::BucketAlreadyOwnedByYou,
                false => StorageError::BucketAlreadyExists,
            });
        }
        let mut facts = BucketFacts::new(name, account, region, self.now());
        change(&mut facts);
        let row = index::encode(&facts)?;
        self.write(|transaction| {
            transaction.open_table(index::BUCKETS)?.insert(name, row.as_slice())?;
            Ok(())
        })?;
        buckets.insert(name.to_owned(), Arc::new(facts));
        Ok(())
    }

    /// Changes a bucket's configuration.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`].
    pub fn update_bucket(&self, name: &str, change: impl FnOnce(&mut BucketFacts)) -> Result<()> {
        let mut buckets = self.0.buckets.write().unwrap_or_else(PoisonError::into_inner);
        let entry = buckets.get_mut(name).ok_or(StorageError::NoSuchBucket)?;
        let mut facts = BucketFacts::clone(entry);
        change(&mut facts);
        let row = index::encode(&facts)?;
        self.write(|transaction| {
            transaction.open_table(index::BUCKETS)?.insert(name, row.as_slice())?;
            Ok(())
        })?;
        *entry = Arc::new(facts);
        Ok(())
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// [`StorageError::BucketNotEmpty`] while a version or marker is in it (open uploads are dropped with
    /// it, as AWS does), [`StorageError::NoSuchBucket`].
    pub fn delete_bucket(&self, name: &str) -> Result<()> {
        let mut buckets = self.0.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(name) {
            return Err(StorageError::NoSuchBucket);
        }
        let (from, to) = (index::bound(name, ""), index::end_of_bucket(name));
        let blobs = self.write(|transaction| {
            let versions = transaction.open_table(index::VERSIONS)?;
            if versions.range(from.as_slice()..to.as_slice())?.next().is_some() {
                return Err(StorageError::BucketNotEmpty);
            }
            transaction.open_table(index::BUCKETS)?.remove(name)?;
            Self::drop_uploads(transaction, &from, &to)
        })?;
        buckets.remove(name);
        self.0.blobs.discard(blobs.iter().map(String::as_str));
        Ok(())
    }
}
