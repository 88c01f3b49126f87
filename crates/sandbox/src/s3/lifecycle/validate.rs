//! What S3 refuses of a lifecycle configuration
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>).

use std::collections::HashSet;
use std::ops::RangeInclusive;

use s3s::dto::{BucketLifecycleConfiguration, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, Tag};
use s3s::{S3Result, s3_error};

use crate::lifecycle::class;
use crate::s3::malformed_xml;

/// Rules in one configuration.
const MAX_RULES: usize = 1000;
const MAX_ID: usize = 255;
/// Days before a move into the infrequent-access classes, and days there before the next move.
const MIN_INFREQUENT: i32 = 30;
const NEWER_VERSIONS: RangeInclusive<i32> = 1..=100;

/// Checks the rules, and gives an id to each that has none.
pub(super) fn validate(lifecycle: &mut BucketLifecycleConfiguration) -> S3Result<()> {
    if lifecycle.rules.is_empty() || lifecycle.rules.len() > MAX_RULES {
        return Err(malformed_xml());
    }
    let mut seen = HashSet::new();
    for rule in &mut lifecycle.rules {
        let id = rule.id.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
        if id.chars().count() > MAX_ID {
            return Err(s3_error!(InvalidArgument, "ID length should not exceed allowed limit of {MAX_ID}"));
        }
        if !seen.insert(id.clone()) {
            return Err(s3_error!(
                InvalidArgument,
                "Rule ID must be unique. Found same ID for more than one rule"
            ));
        }
        check_rule(rule)?;
    }
    Ok(())
}

fn check_rule(rule: &LifecycleRule) -> S3Result<()> {
    if !matches!(rule.status.as_str(), "Enabled" | "Disabled") {
        return Err(malformed_xml());
    }
    let scope = Scope::read(rule)?;
    let transitions = rule.transitions.as_deref().unwrap_or_default();
    let noncurrent = rule.noncurrent_version_transitions.as_deref().unwrap_or_default();
    let acts = rule.expiration.is_some()
        || rule.noncurrent_version_expiration.is_some()
        || rule.abort_incomplete_multipart_upload.is_some()
        || !transitions.is_empty()
        || !noncurrent.is_empty();
    if !acts {
        return Err(s3_error!(InvalidRequest, "At least one action needs to be specified in a rule"));
    }
    check_abort(rule, &scope)?;
    let expires =
        rule.expiration.as_ref().map(|expiration| check_expiration(expiration, &scope)).transpose()?;
    check_transitions(rule, &scope, expires.flatten())?;
    check_noncurrent(rule, &scope)
}

/// Which objects a rule is for, as far as its actions depend on it.
struct Scope {
    tagged: bool,
    sized: bool,
    filtered: bool,
    /// As AWS's messages write it.
    text: String,
}

impl Scope {
    fn read(rule: &LifecycleRule) -> S3Result<Self> {
        match (&rule.filter, &rule.prefix) {
            // "The Prefix is deprecated; use Filter": one of the two has to say which objects a rule is for (T09).
            (None, None) | (Some(_), Some(_)) => Err(malformed_xml()),
            (None, Some(prefix)) => {
                Ok(Self { tagged: false, sized: false, filtered: false, text: format!("prefix '{prefix}'") })
            }
            (Some(filter), None) => Self::of_filter(filter),
        }
    }

    fn of_filter(filter: &LifecycleRuleFilter) -> S3Result<Self> {
        let named = [
            filter.prefix.is_some(),
            filter.tag.is_some(),
            filter.and.is_some(),
            filter.object_size_greater_than.is_some(),
            filter.object_size_less_than.is_some(),
        ];
        if named.iter().filter(|named| **named).count() > 1 {
            return Err(malformed_xml());
        }
        let and = filter.and.as_ref();
        let tags: Vec<&Tag> =
            filter.tag.iter().chain(and.and_then(|and| and.tags.as_ref()).into_iter().flatten()).collect();
        let greater =
            filter.object_size_greater_than.or_else(|| and.and_then(|and| and.object_size_greater_than));
        let less = filter.object_size_less_than.or_else(|| and.and_then(|and| and.object_size_less_than));
        let prefix = filter.prefix.as_deref().or_else(|| and.and_then(|and| and.prefix.as_deref()));
        if and.is_some() {
            let predicates = tags.len()
                + usize::from(greater.is_some())
                + usize::from(less.is_some())
                + usize::from(prefix.is_some());
            if predicates < 2 {
                return Err(malformed_xml());
            }
        }
        check_tags(&tags)?;
        check_sizes(greater, less)?;
        Ok(Self {
            tagged: !tags.is_empty(),
            sized: greater.is_some() || less.is_some(),
            filtered: true,
            text: format!("filter '(prefix={})'", prefix.unwrap_or_default()),
        })
    }
}

fn check_tags(tags: &[&Tag]) -> S3Result<()> {
    let mut seen = HashSet::new();
    for tag in tags {
        let key = tag.key.as_deref().filter(|key| !key.is_empty()).ok_or_else(malformed_xml)?;
        if tag.value.is_none() {
            return Err(malformed_xml());
        }
        if !seen.insert(key) {
            return Err(s3_error!(InvalidRequest, "Duplicate Tag Keys are not allowed."));
        }
    }
    Ok(())
}

fn check_sizes(greater: Option<i64>, less: Option<i64>) -> S3Result<()> {
    if greater.is_some_and(|size| size < 0) || less.is_some_and(|size| size < 1) {
        return Err(s3_error!(InvalidRequest, "'ObjectSize' should be a valid positive number"));
    }
    match (greater, less) {
        (Some(greater), Some(less)) if less <= greater.saturating_add(1) => Err(s3_error!(
            InvalidRequest,
            "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."
        )),
        _ => Ok(()),
    }
}

fn check_abort(rule: &LifecycleRule, scope: &Scope) -> S3Result<()> {
    let Some(abort) = &rule.abort_incomplete_multipart_upload else { return Ok(()) };
    if scope.tagged {
        return Err(s3_error!(
            InvalidRequest,
            "AbortIncompleteMultipartUpload cannot be specified with Tags."
        ));
    }
    if scope.sized {
        return Err(s3_error!(
            InvalidRequest,
            "AbortIncompleteMultipartUpload cannot be specified with Object Size."
        ));
    }
    positive(abort.days_after_initiation, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")
}

/// Answers the days, if it is by days.
fn check_expiration(expiration: &LifecycleExpiration, scope: &Scope) -> S3Result<Option<i32>> {
    let marker = expiration.expired_object_delete_marker;
    let named = [expiration.date.is_some(), expiration.days.is_some(), marker.is_some()];
    if named.iter().filter(|named| **named).count() != 1 {
        return Err(malformed_xml());
    }
    if marker.is_some() && scope.tagged {
        return Err(s3_error!(InvalidRequest, "ExpiredObjectDeleteMarker cannot be specified with Tags."));
    }
    if marker.is_some() && scope.sized {
        return Err(s3_error!(
            InvalidRequest,
            "ExpiredObjectDeleteMarker cannot be specified with Object Size."
        ));
    }
    if expiration.days.is_some() {
        positive(expiration.days, "Days", "Expiration")?;
    }
    expiration.date.as_ref().map_or(Ok(()), midnight)?;
    Ok(expiration.days)
}

fn check_transitions(rule: &LifecycleRule, scope: &Scope, expires: Option<i32>) -> S3Result<()> {
    let transitions = rule.transitions.as_deref().unwrap_or_default();
    let mut moves = Vec::new();
    let (mut by_date, mut by_days) = (false, expires.is_some());
    by_date |= rule.expiration.as_ref().is_some_and(|expiration| expiration.date.is_some());
    for transition in transitions {
        let class = transition.storage_class.as_ref().ok_or_else(malformed_xml)?.as_str();
        match (&transition.date, transition.days) {
            (Some(date), None) => {
                by_date = true;
                midnight(date)?;
                moves.push(Move { class, days: None });
            }
            (None, Some(days)) => {
                by_days = true;
                moves.push(Move { class, days: Some(days) });
            }
            _ => return Err(malformed_xml()),
        }
    }
    if by_date && by_days {
        return Err(s3_error!(
            InvalidRequest,
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for {}",
            scope.text
        ));
    }
    check_moves(&moves, "Transition", "Days", scope)?;
    let last = moves.iter().filter_map(|step| step.days).max();
    match (expires, last) {
        (Some(expires), Some(last)) if expires <= last => Err(s3_error!(
            InvalidArgument,
            "'Days' in the Expiration action for {} must be greater than 'Days' in the Transition action",
            scope.text
        )),
        _ => Ok(()),
    }
}

fn check_noncurrent(rule: &LifecycleRule, scope: &Scope) -> S3Result<()> {
    let transitions = rule.noncurrent_version_transitions.as_deref().unwrap_or_default();
    let mut moves = Vec::new();
    for transition in transitions {
        let class = transition.storage_class.as_ref().ok_or_else(malformed_xml)?.as_str();
        let days = transition.noncurrent_days.ok_or_else(malformed_xml)?;
        check_newer(transition.newer_noncurrent_versions, scope)?;
        moves.push(Move { class, days: Some(days) });
    }
    check_moves(&moves, "NoncurrentVersionTransition", "NoncurrentDays", scope)?;
    let Some(expiration) = &rule.noncurrent_version_expiration else { return Ok(()) };
    positive(expiration.noncurrent_days, "NoncurrentDays", "NoncurrentVersionExpiration")?;
    check_newer(expiration.newer_noncurrent_versions, scope)?;
    let last = moves.iter().filter_map(|step| step.days).max();
    match (expiration.noncurrent_days, last) {
        (Some(expires), Some(last)) if expires <= last => Err(s3_error!(
            InvalidArgument,
            "'NoncurrentDays' in the NoncurrentVersionExpiration action for {} must be greater than \
             'NoncurrentDays' in the NoncurrentVersionTransition action",
            scope.text
        )),
        _ => Ok(()),
    }
}

fn check_newer(newer: Option<i32>, scope: &Scope) -> S3Result<()> {
    let Some(newer) = newer else { return Ok(()) };
    if !scope.filtered {
        return Err(s3_error!(
            InvalidRequest,
            "'NewerNoncurrentVersions' can only be specified in a rule with a Filter."
        ));
    }
    match NEWER_VERSIONS.contains(&newer) {
        true => Ok(()),
        false => Err(s3_error!(
            InvalidArgument,
            "'NewerNoncurrentVersions' must be an integer between {} and {}",
            NEWER_VERSIONS.start(),
            NEWER_VERSIONS.end()
        )),
    }
}

/// A move to a class; by a date it has no days.
struct Move<'a> {
    class: &'a str,
    days: Option<i32>,
}

/// Each class once, none too early, and a colder one later than a warmer one.
fn check_moves(moves: &[Move<'_>], action: &str, field: &str, scope: &Scope) -> S3Result<()> {
    let mut seen = HashSet::new();
    for step in moves {
        if class::rank(step.class).is_none_or(|rank| rank == 0) {
            return Err(malformed_xml());
        }
        if !seen.insert(step.class) {
            return Err(s3_error!(
                InvalidRequest,
                "'StorageClass' must be different for '{action}' actions in same 'Rule' with {}",
                scope.text
            ));
        }
        let Some(days) = step.days else { continue };
        if days < 0 {
            return Err(s3_error!(InvalidArgument, "'{field}' in {action} action must be nonnegative"));
        }
        if class::is_infrequent(step.class) && days < MIN_INFREQUENT {
            return Err(s3_error!(
                InvalidArgument,
                "'{field}' in {action} action must be greater than or equal to {MIN_INFREQUENT} for storageClass \
                 '{}'",
                step.class
            ));
        }
    }
    for warm in moves {
        for cold in moves.iter().filter(|cold| class::rank(cold.class) > class::rank(warm.class)) {
            let (Some(first), Some(then)) = (warm.days, cold.days) else { continue };
            let stay = if class::is_infrequent(warm.class) { MIN_INFREQUENT } else { 1 };
            if then < first.saturating_add(stay) {
                return Err(s3_error!(
                    InvalidArgument,
                    "'{field}' in the '{action}' action for StorageClass '{}' for {} must be {stay} days more than \
                     '{field}' in the '{action}' action for StorageClass '{}'",
                    cold.class,
                    scope.text,
                    warm.class
                ));
            }
        }
    }
    Ok(())
}

fn positive(days: Option<i32>, field: &str, action: &str) -> S3Result<()> {
    match days.ok_or_else(malformed_xml)? {
        ..=0 => Err(s3_error!(InvalidArgument, "'{field}' for {action} action must be a positive integer")),
        _ => Ok(()),
    }
}

fn midnight(date: &s3s::dto::Timestamp) -> S3Result<()> {
    const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
    let date = crate::s3::read_time(date).ok_or_else(malformed_xml)?;
    match date.as_millis().rem_euclid(DAY_MILLIS) {
        0 => Ok(()),
        _ => Err(s3_error!(InvalidArgument, "'Date' must be at midnight GMT")),
    }
}
