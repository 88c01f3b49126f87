//! Notices a transfer that has stopped moving. A limit on the whole time would break a slow line that works.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When something last moved.
#[derive(Debug, Clone)]
pub struct Watchdog {
    begun: Instant,
    /// Milliseconds after `begun`.
    moved: Arc<AtomicU64>,
    limit: Duration,
}

impl Watchdog {
    /// Barks when nothing has moved for `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { begun: Instant::now(), moved: Arc::default(), limit }
    }

    /// Something moved.
    pub fn moved(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    /// Ends when nothing has moved for too long.
    pub async fn barks(&self) {
        loop {
            let last = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let quiet = self.begun.elapsed().saturating_sub(last);
            match self.limit.checked_sub(quiet) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn barks_only_when_nothing_moves() {
        Watchdog::new(Duration::ZERO).barks().await;
        let long = Watchdog::new(Duration::from_secs(3_600));
        long.moved();
        assert!(long.barks().now_or_never().is_none());
        Watchdog::new(Duration::from_millis(20)).barks().await;
    }
}
