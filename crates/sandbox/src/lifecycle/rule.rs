//! One lifecycle rule: what it speaks of, and when it wants what.

use std::time::Duration;

use firmhold_core::Timestamp;
use s3s::dto::{LifecycleRule, Tag};

use super::class;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Smaller objects are not moved, unless a rule says itself which sizes it moves.
const MIN_SIZE: u64 = 128 * 1024;

/// What is asked about a version with bytes.
pub(super) struct Subject<'a> {
    pub(super) key: &'a str,
    pub(super) size: u64,
    pub(super) tags: &'a [(String, String)],
}

/// The next midnight (UTC) at or behind a moment.
pub(super) fn midnight_from(time: Timestamp) -> Timestamp {
    let days = time.as_millis().saturating_add(DAY_MILLIS - 1).div_euclid(DAY_MILLIS);
    Timestamp::from_millis(days.saturating_mul(DAY_MILLIS))
}

/// "Adds the number of days to the creation time and rounds up to the next midnight"
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>).
pub(super) fn due(since: Timestamp, days: i32) -> Timestamp {
    let days = u64::try_from(days).unwrap_or(0);
    midnight_from(since.plus(Duration::from_secs(days.saturating_mul(24 * 60 * 60))))
}

/// A date of a rule. One that cannot be written never comes.
pub(super) fn moment(date: &s3s::dto::Timestamp) -> Timestamp {
    crate::s3::read_time(date).unwrap_or(Timestamp::from_millis(i64::MAX))
}

pub(super) fn is_enabled(rule: &LifecycleRule) -> bool {
    rule.status.as_str() == "Enabled"
}

fn prefix(rule: &LifecycleRule) -> &str {
    let Some(filter) = &rule.filter else { return rule.prefix.as_deref().unwrap_or_default() };
    let and = filter.and.as_ref();
    filter.prefix.as_deref().or_else(|| and?.prefix.as_deref()).unwrap_or_default()
}

fn tags(rule: &LifecycleRule) -> impl Iterator<Item = &Tag> {
    let filter = rule.filter.as_ref();
    let and = filter.and_then(|filter| filter.and.as_ref()).and_then(|and| and.tags.as_ref());
    filter.and_then(|filter| filter.tag.as_ref()).into_iter().chain(and.into_iter().flatten())
}

/// Bytes that an object has more than, and less than.
fn sizes(rule: &LifecycleRule) -> (Option<i64>, Option<i64>) {
    let Some(filter) = &rule.filter else { return (None, None) };
    let and = filter.and.as_ref();
    (
        filter.object_size_greater_than.or_else(|| and.and_then(|and| and.object_size_greater_than)),
        filter.object_size_less_than.or_else(|| and.and_then(|and| and.object_size_less_than)),
    )
}

/// Whether the rule is for a key whatever lies there: it asks for neither tags nor a size, which a delete marker and an
/// unfinished upload do not have.
pub(super) fn covers_key(rule: &LifecycleRule, key: &str) -> bool {
    key.starts_with(prefix(rule)) && tags(rule).next().is_none() && sizes(rule) == (None, None)
}

/// Whether the rule is for a version with bytes.
pub(super) fn covers(rule: &LifecycleRule, subject: &Subject<'_>) -> bool {
    let (greater, less) = sizes(rule);
    let size = i64::try_from(subject.size).unwrap_or(i64::MAX);
    let tagged = |tag: &Tag| {
        let (key, value) = (tag.key.as_deref().unwrap_or_default(), tag.value.as_deref().unwrap_or_default());
        subject.tags.iter().any(|(name, own)| name == key && own == value)
    };
    subject.key.starts_with(prefix(rule))
        && greater.is_none_or(|bound| size > bound)
        && less.is_none_or(|bound| size < bound)
        && tags(rule).all(tagged)
}

/// Whether an object is large enough to be moved to a class. `minimum` is the configuration's
/// `TransitionDefaultMinimumObjectSize`.
pub(super) fn is_worth_moving(rule: &LifecycleRule, minimum: Option<&str>, size: u64, class: &str) -> bool {
    let sized = sizes(rule) != (None, None);
    let any_size = minimum == Some("varies_by_storage_class") && class::is_archive(class);
    sized || any_size || size >= MIN_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_midnight() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        assert_eq!(due(at("2020-01-01T10:30:00Z"), 3), at("2020-01-05T00:00:00Z"));
        assert_eq!(due(at("2020-01-01T00:00:00Z"), 3), at("2020-01-04T00:00:00Z"));
        assert_eq!(due(at("2020-01-01T00:00:01Z"), 0), at("2020-01-02T00:00:00Z"));
    }
}
