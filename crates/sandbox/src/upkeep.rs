//! What happens in an account by itself as its state ages: lifecycle at midnight, and copies when they are due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::lifecycle;
use crate::replication::Replicator;
use crate::storage::{Storage, StorageError};

/// How long to sleep with nothing to wait for: the clock may be turned meanwhile.
const IDLE: Duration = Duration::from_secs(60);
/// The same with a copy in the queue.
const BUSY: Duration = Duration::from_secs(1);

/// Does what is due.
pub(crate) struct Upkeep {
    pub(crate) storage: Storage,
    pub(crate) replicator: Replicator,
}

impl Upkeep {
    /// Does what is due now; answers how long it is until the next copy, if there is one. Blocks on the disk.
    pub(crate) fn work(&self) -> Result<Option<Duration>, StorageError> {
        lifecycle::run_if_due(&self.storage)?;
        self.replicator.work()
    }

    /// Does what is due whenever it is, until told to stop.
    pub(crate) async fn serve(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let upkeep = Arc::clone(&self);
            let worked = tokio::task::spawn_blocking(move || upkeep.work()).await;
            let next = match worked {
                Ok(Ok(next)) => next,
                Ok(Err(error)) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "upkeep failed");
                    None
                }
                Err(_) => return,
            };
            let rest = next.map_or(IDLE, |next| next.min(BUSY));
            tokio::select! {
                () = self.storage.replication_queued() => {}
                () = tokio::time::sleep(rest) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }
}
