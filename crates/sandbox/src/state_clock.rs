//! The clock by which stored things age (design D9): lifecycle, restore, replication lag.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use firmhold_core::{Clock, Timestamp};

/// The sandbox's clock and how far the state is ahead of it. Turning this one ages what is stored, and no session, link
/// or signature. Clones share one clock.
#[derive(Debug, Clone)]
pub struct StateClock {
    clock: Clock,
    ahead_millis: Arc<AtomicI64>,
}

impl StateClock {
    /// A state that is `ahead_millis` milliseconds ahead of `clock`.
    pub fn new(clock: Clock, ahead_millis: i64) -> Self {
        Self { clock, ahead_millis: Arc::new(AtomicI64::new(ahead_millis)) }
    }

    /// The state's time.
    pub fn now(&self) -> Timestamp {
        let ahead = self.ahead_millis();
        Timestamp::from_millis(self.clock.now().as_millis().saturating_add(ahead))
    }

    /// How far the state is ahead, in milliseconds.
    pub fn ahead_millis(&self) -> i64 {
        self.ahead_millis.load(Ordering::SeqCst)
    }

    /// Turns the state forward; it cannot be turned back.
    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_millis.fetch_add(by, Ordering::SeqCst);
    }
}
