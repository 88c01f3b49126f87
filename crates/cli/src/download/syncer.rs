//! Brings what was written to the disk while more arrives, so that the sync before the rename has little left to wait
//! for.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes after which the disk gets to work.
const STEP: u64 = 64 << 20;

/// Of one file.
#[derive(Debug)]
pub struct Syncer {
    file: Arc<File>,
    unsynced: AtomicU64,
    busy: AtomicBool,
    failed: Mutex<Option<io::Error>>,
}

impl Syncer {
    /// Of `file`.
    pub fn new(file: Arc<File>) -> Arc<Self> {
        Arc::new(Self {
            file,
            unsynced: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            failed: Mutex::default(),
        })
    }

    /// Takes note of bytes that were written. Never waits for the disk.
    pub fn wrote(self: &Arc<Self>, bytes: u64) {
        let unsynced = self.unsynced.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if unsynced < STEP || self.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        self.unsynced.store(0, Ordering::Relaxed);
        let syncer = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = syncer.file.sync_data() {
                // The system tells of a lost write once: the sync at the end would not hear of it.
                *syncer.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            syncer.busy.store(false, Ordering::Release);
        });
    }

    /// Whether all went well so far.
    ///
    /// # Errors
    /// What the disk said.
    pub fn check(&self) -> io::Result<()> {
        match self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
