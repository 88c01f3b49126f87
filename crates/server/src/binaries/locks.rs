//! One at a time for each binary, within this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use uuid::Uuid;

/// Locks by binary. They spare the store work that only one of many parallel requests needs to do; that the work is
/// done at most once is up to the database.
#[derive(Debug, Default)]
pub struct BinaryLocks(Mutex<HashMap<Key, Weak<AsyncMutex<()>>>>);

/// Organization and binary.
type Key = (Uuid, Uuid);

impl BinaryLocks {
    /// Waits for the lock of the organization's binary.
    pub async fn lock(&self, organization: Uuid, binary: Uuid) -> OwnedMutexGuard<()> {
        let lock = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match known.get(&(organization, binary)).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    known.retain(|_, lock| lock.strong_count() > 0);
                    let lock = Arc::new(AsyncMutex::new(()));
                    known.insert((organization, binary), Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_for_each() {
        let locks = BinaryLocks::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held = locks.lock(one, one).await;
        let _free = locks.lock(one, other).await;
        let _of_another_organization = locks.lock(other, one).await;
        assert!(futures::FutureExt::now_or_never(locks.lock(one, one)).is_none());
        drop(held);
        assert!(futures::FutureExt::now_or_never(locks.lock(one, one)).is_some());
    }
}
