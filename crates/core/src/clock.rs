//! The one clock (design D14): nothing else in the project asks the machine for the time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in UTC, kept as milliseconds since the Unix epoch.
///
/// Reads any RFC 3339 offset and up to nine fractional digits, writes UTC with `Z` and at most six digits
/// (API contract 1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text was not an RFC 3339 timestamp with an offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an RFC 3339 timestamp with an offset, such as 2026-03-01T12:00:00Z")]
pub struct BadTimestamp;

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Parses RFC 3339.
    ///
    /// # Errors
    /// [`BadTimestamp`] for anything else, also for a local time without an offset.
    pub fn parse(text: &str) -> Result<Self, BadTimestamp> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| BadTimestamp)?;
        Ok(Self(parsed.as_millisecond()))
    }

    /// This moment plus `duration`; stays at the last representable moment instead of overflowing.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment minus `duration`, saturating.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As the standard library's type, for libraries that want it. Moments before 1970 become 1970.
    pub fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }

    /// From the standard library's type.
    pub fn from_system_time(time: SystemTime) -> Self {
        let millis = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        Self(millis)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A handle on the time. Clones share one clock: turning one turns all.
#[derive(Clone)]
pub struct Clock {
    base: Base,
    offset_millis: Arc<AtomicI64>,
}

#[derive(Clone, Copy)]
enum Base {
    Wall,
    Fixed(Timestamp),
}

impl Clock {
    /// The machine's wall clock.
    pub fn system() -> Self {
        Self { base: Base::Wall, offset_millis: Arc::default() }
    }

    /// A clock that stands still at `start` until a test turns it.
    pub fn fixed(start: Timestamp) -> Self {
        Self { base: Base::Fixed(start), offset_millis: Arc::default() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        let base = match self.base {
            #[allow(clippy::disallowed_methods, reason = "this is the one place that asks (D14)")]
            Base::Wall => Timestamp::from_system_time(SystemTime::now()),
            Base::Fixed(start) => start,
        };
        Timestamp(base.0.saturating_add(self.offset_millis.load(Ordering::SeqCst)))
    }

    /// Turns the clock forward. It cannot be turned back: tokens and sessions would come alive again.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_millis.fetch_add(by, Ordering::SeqCst);
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_offsets_and_fractions_and_writes_utc() {
        let t = Timestamp::parse("2026-03-01T13:00:00.123456789+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-03-01T12:00:00.123Z");
        assert_eq!(Timestamp::parse("2026-03-01T12:00:00Z").unwrap().to_string(), "2026-03-01T12:00:00Z");
        assert_eq!(Timestamp::parse("2026-03-01T12:00:00"), Err(BadTimestamp));
    }

    #[test]
    fn clones_share_one_clock() {
        let clock = Clock::fixed(Timestamp::from_secs(100));
        let other = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.now(), Timestamp::from_secs(105));
    }
}
