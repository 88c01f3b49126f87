//! Waiting for what the platform does by itself: for as long as it comes further, and some time more.

use std::time::{Duration, Instant};

/// What was last seen of it, and since when.
#[derive(Debug)]
pub struct Standstill<T> {
    seen: T,
    since: Instant,
}

impl<T: PartialEq> Standstill<T> {
    /// First seen like this.
    pub fn at(first: T) -> Self {
        Self { seen: first, since: Instant::now() }
    }

    /// Seen again; says for how long it has looked just so.
    pub fn look(&mut self, now: T) -> Duration {
        if self.seen != now {
            *self = Self::at(now);
        }
        self.since.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_begins_it_anew() {
        let long = Duration::from_secs(60);
        let mut standstill = Standstill { seen: 1, since: Instant::now() - long };
        assert!(standstill.look(1) >= long);
        assert!(standstill.look(2) < long);
        assert!(standstill.look(2) < long);
    }
}
