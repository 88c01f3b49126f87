//! What the account stores: buckets, object versions, open uploads and bytes, durable under one folder.
//!
//! # On the disk
//!
//! | path | what |
//! |---|---|
//! | `index.redb` | a [redb](https://docs.rs/redb) file: buckets, versions, uploads, parts, copies to make, as JSON rows ([`record`]) |
//! | `blobs/AA/ID` | bytes of one object or one part; the name starts with `AA` and says nothing else |
//! | `tmp/ID` | a body that is still arriving |
//!
//! # What a crash leaves
//!
//! A write is: bytes to `tmp`, sync, rename, sync the folder, then one index transaction with a synced
//! commit, then the answer. A delete is the index transaction first, then the file. So after `kill -9` an
//! acknowledged write is there, and the worst that is left is a file that no row names: [`Storage::open`]
//! removes those.
//!
//! A row's blob can be rewritten behind the API's back with [`Storage::tamper`].

pub mod aging;
pub mod bucket;
pub mod checksum;
pub mod listing;
pub mod multipart;
pub mod object;
mod place;
pub mod record;
pub mod replication;
mod stored;

mod blob;
mod error;
mod index;
mod tamper;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use firmhold_core::{Clock, Timestamp};
use redb::{Database, ReadableDatabase, WriteTransaction};
use tokio::sync::Notify;

use self::blob::BlobStore;
pub use self::blob::{Lease, ReceivedBlob};
pub use self::error::StorageError;
use self::record::BucketFacts;
use crate::state_clock::StateClock;

type Result<T> = std::result::Result<T, StorageError>;

/// The storage of all accounts and regions. Clones share it.
///
/// Calls block on the disk; async code goes through [`Storage::run`].
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    index: Database,
    blobs: Arc<BlobStore>,
    /// All buckets, as the index has them: IAM asks for one with every request.
    // INVARIANT: written only while held for writing across the commit that changes the table.
    buckets: RwLock<BTreeMap<String, Arc<BucketFacts>>>,
    clock: StateClock,
    /// Milliseconds of the state's time that a copy to another bucket takes.
    replication_lag: AtomicI64,
    /// Told when something is to be copied to another bucket.
    replication_queued: Notify,
}

impl Storage {
    /// Opens the storage below `dir`, making it when it is new, and removes what a crash left behind.
    ///
    /// # Errors
    /// When the folder cannot be written, the index is damaged or another process has it open.
    pub fn open(dir: &Path, clock: Clock) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let index = index::open(&dir.join("index.redb"))?;
        let blobs = Arc::new(BlobStore::open(dir)?);
        let transaction = index.begin_read()?;
        let wanted = index::referenced_blobs(&transaction)?;
        let orphans = blobs.sweep(|blob| wanted.contains(blob))?;
        if orphans > 0 {
            tracing::info!(orphans, "removed blobs that no object names");
        }
        let mut buckets = BTreeMap::new();
        for entry in transaction.open_table(index::BUCKETS)?.range::<&str>(..)? {
            let (name, value) = entry?;
            buckets.insert(name.value().to_owned(), Arc::new(index::decode(value.value())?));
        }
        let ahead = index::counter(&transaction, index::STATE_AHEAD)?;
        drop(transaction);
        Ok(Self(Arc::new(Inner {
            index,
            blobs,
            buckets: RwLock::new(buckets),
            clock: StateClock::new(clock, i64::try_from(ahead).unwrap_or(i64::MAX)),
            replication_lag: AtomicI64::new(0),
            replication_queued: Notify::new(),
        })))
    }

    /// Runs a blocking call on a thread that may block.
    ///
    /// # Errors
    /// What `call` answers, or [`StorageError::TaskEnded`].
    pub async fn run<T, F>(&self, call: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T> + Send + 'static,
    {
        let storage = self.clone();
        tokio::task::spawn_blocking(move || call(&storage)).await.map_err(|_| StorageError::TaskEnded)?
    }

    /// The clock by which everything here ages.
    pub fn clock(&self) -> &StateClock {
        &self.0.clock
    }

    /// Turns that clock forward; a restart does not turn it back.
    ///
    /// # Errors
    /// If the index cannot be written.
    pub fn advance(&self, by: Duration) -> Result<()> {
        self.0.clock.advance(by);
        let ahead = u64::try_from(self.0.clock.ahead_millis()).unwrap_or(0);
        self.write(|transaction| index::set_counter(transaction, index::STATE_AHEAD, ahead))
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn buckets(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<BucketFacts>>> {
        // The map is replaced entry by entry; a panic elsewhere cannot leave half of one.
        self.0.buckets.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction; durable when this returns.
    fn write<T>(&self, change: impl FnOnce(&WriteTransaction) -> Result<T>) -> Result<T> {
        let transaction = self.0.index.begin_write()?;
        let value = change(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// `N` random bytes in hex.
fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|error| StorageError::Io(std::io::Error::other(error)))?;
    Ok(hex::encode(bytes))
}
