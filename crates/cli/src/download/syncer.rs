//! Brings what was written to the disk while more arrives, so that the sync before the rename has little left to wait
//! for.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

/// Bytes after which the disk gets to work.
const STEP: u64 = 64 << 20;

/// Of one file.
#[derive(Debug)]
pub struct Syncer {
    file: Arc<File>,
    unsynced: AtomicU64,
    /// The one that was begun last; it ends as the first of all that fails.
    last: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

impl Syncer {
    /// Of `file`.
    pub fn new(file: Arc<File>) -> Arc<Self> {
        Arc::new(Self { file, unsynced: AtomicU64::new(0), last: Mutex::default() })
    }

    /// Takes note of bytes that were written. Never waits for the disk.
    pub fn wrote(&self, bytes: u64) {
        if self.unsynced.fetch_add(bytes, Ordering::Relaxed) + bytes >= STEP {
            let file = Arc::clone(&self.file);
            self.begin(move || file.sync_data());
        }
    }

    /// Begins a sync, unless one is under way.
    fn begin(&self, sync: impl FnOnce() -> io::Result<()> + Send + 'static) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(|last| !last.is_finished()) {
            return;
        }
        let before = last.take();
        self.unsynced.store(0, Ordering::Relaxed);
        *last = Some(tokio::spawn(async move {
            if let Some(before) = before {
                ended(before).await?;
            }
            ended(tokio::task::spawn_blocking(sync)).await
        }));
    }

    /// Waits for what is under way. INVARIANT: no sync of ours runs beside the one at the end, and the failure of each is
    /// heard: the system tells of a lost write once, to whoever syncs first.
    ///
    /// # Errors
    /// What the disk said to any of them.
    pub async fn finish(&self) -> io::Result<()> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        match last {
            Some(last) => ended(last).await,
            None => Ok(()),
        }
    }
}

async fn ended(sync: JoinHandle<io::Result<()>>) -> io::Result<()> {
    sync.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::FutureExt as _;

    use super::*;

    fn failed() -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    #[tokio::test]
    async fn a_sync_that_is_under_way_is_waited_for_and_its_failure_heard() {
        let syncer = Syncer::new(Arc::new(tempfile::tempfile().unwrap()));
        let (go, wait) = mpsc::channel();
        syncer.begin(move || {
            wait.recv().unwrap();
            failed()
        });
        let finishing = Arc::clone(&syncer);
        let mut finishing = Box::pin(async move { finishing.finish().await });
        assert!(finishing.as_mut().now_or_never().is_none());
        go.send(()).unwrap();
        assert_eq!(finishing.await.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn the_failure_of_an_earlier_one_is_heard_too() {
        let syncer = Syncer::new(Arc::new(tempfile::tempfile().unwrap()));
        let (tell, told) = mpsc::channel::<()>();
        syncer.begin(move || {
            drop(tell);
            failed()
        });
        // It has ended when nobody can tell any more; then, sooner or later, the next one is begun.
        tokio::task::spawn_blocking(move || told.recv()).await.unwrap().unwrap_err();
        syncer.begin(|| Ok(()));
        syncer.begin(|| Ok(()));
        assert_eq!(syncer.finish().await.unwrap_err().kind(), io::ErrorKind::StorageFull);
        syncer.finish().await.unwrap();
    }
}
