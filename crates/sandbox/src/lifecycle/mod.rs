//! Lifecycle, carried out as S3 carries it out: once a day at midnight (UTC), by the state's clock
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html#lifecycle-config-conceptual-ex5>).

pub(crate) mod class;
mod rule;

use firmhold_core::Timestamp;
use s3s::dto::LifecycleRule;

use self::rule::{Subject, covers, covers_key, due, is_enabled, is_worth_moving, midnight_from, moment};
use crate::storage::aging::is_locked;
use crate::storage::listing::Query;
use crate::storage::record::{BucketFacts, ObjectData, VersionRecord};
use crate::storage::{Storage, StorageError};

/// Rows that are looked at in one step.
const PAGE: usize = 1000;

/// What a rule wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// Remove a version, or an expired delete marker, for good.
    Remove { key: String, version: String },
    /// Move a version to a class.
    Move { key: String, version: String, class: String },
    /// Expire a current object.
    Expire { key: String },
    /// Abort an upload.
    Abort { key: String, upload: String },
}

/// When it is due.
#[derive(Debug, Clone)]
struct Due {
    at: Timestamp,
    act: Act,
}

/// Runs if a midnight has passed since the last run.
pub(crate) fn run_if_due(storage: &Storage) -> Result<(), StorageError> {
    let since = storage.lifecycle_ran()?;
    let next = midnight_from(Timestamp::from_millis(since.as_millis().saturating_add(1)));
    if next > storage.clock().now() { Ok(()) } else { run(storage) }
}

/// Does what is due in all buckets between the last run and now, midnight by midnight.
fn run(storage: &Storage) -> Result<(), StorageError> {
    let (since, now) = (storage.lifecycle_ran()?, storage.clock().now());
    for facts in storage.all_buckets() {
        run_bucket(storage, &facts, since, now)?;
    }
    storage.set_lifecycle_ran(now)
}

fn run_bucket(
    storage: &Storage,
    facts: &BucketFacts,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), StorageError> {
    // The first midnight that has not been worked yet: what was due before then is done then.
    let mut midnight = midnight_from(Timestamp::from_millis(since.as_millis().saturating_add(1)));
    while midnight <= now {
        let due: Vec<Due> =
            wanted(storage, facts, midnight)?.into_iter().filter(|due| due.at <= now).collect();
        let Some(next) = due.iter().map(|due| due.at).min() else { return Ok(()) };
        midnight = next;
        for Due { act, .. } in due.into_iter().filter(|due| due.at == next) {
            carry_out(storage, &facts.name, &act, next)?;
        }
    }
    Ok(())
}

fn carry_out(storage: &Storage, bucket: &str, act: &Act, at: Timestamp) -> Result<(), StorageError> {
    let done = match act {
        Act::Remove { key, version } => storage.remove_for_good(bucket, key, version, at),
        Act::Move { key, version, class } => storage.transition(bucket, key, version, class).map(|_| ()),
        Act::Expire { key } => storage.expire(bucket, key, at),
        Act::Abort { key, upload } => storage.abort_upload(bucket, key, upload),
    };
    match done {
        // A client was quicker.
        Err(StorageError::NoSuchVersion | StorageError::NoSuchUpload | StorageError::NoSuchBucket) => Ok(()),
        other => other,
    }
}

/// The next act for each version and upload of a bucket, none before `from`.
fn wanted(storage: &Storage, facts: &BucketFacts, from: Timestamp) -> Result<Vec<Due>, StorageError> {
    let rules = facts.lifecycle.as_ref().map(|lifecycle| lifecycle.rules.as_slice()).unwrap_or_default();
    let rules: Vec<&LifecycleRule> = rules.iter().filter(|rule| is_enabled(rule)).collect();
    let mut wanted = Vec::new();
    if rules.is_empty() {
        return Ok(wanted);
    }
    let ask = Ask { facts, rules: &rules, from };
    let mut query = Query { limit: PAGE, ..Query::default() };
    let mut stack = Stack::default();
    loop {
        let page = match storage.list_versions(&facts.name, &query) {
            Err(StorageError::NoSuchBucket) => return Ok(Vec::new()),
            page => page?,
        };
        for (key, listed) in page.entries {
            if stack.key != key {
                wanted.extend(ask.of_stack(&stack));
                stack = Stack { key, versions: Vec::new() };
            }
            stack.versions.push(listed.version);
        }
        let Some((after, after_id)) = page.next else { break };
        query.after = Some(after);
        query.after_id = after_id;
    }
    wanted.extend(ask.of_stack(&stack));
    wanted.extend(ask.of_uploads(storage)?);
    Ok(wanted)
}

/// All versions of a key, newest first.
#[derive(Default)]
struct Stack {
    key: String,
    versions: Vec<VersionRecord>,
}

/// The rules of a bucket.
struct Ask<'a> {
    facts: &'a BucketFacts,
    rules: &'a [&'a LifecycleRule],
    from: Timestamp,
}

impl Ask<'_> {
    fn of_stack(&self, stack: &Stack) -> Vec<Due> {
        let mut wanted = Vec::new();
        for (place, version) in stack.versions.iter().enumerate() {
            let newer = place.checked_sub(1).and_then(|newer| stack.versions.get(newer));
            let candidates = match (newer, &version.object) {
                (None, Some(object)) => self.of_current(&stack.key, version, object),
                (None, None) if stack.versions.len() == 1 => self.of_lone_marker(&stack.key, version),
                (None, None) => Vec::new(),
                (Some(newer), _) => {
                    // The versions between this one and the current one.
                    self.of_noncurrent(&stack.key, version, newer.last_modified, place - 1)
                }
            };
            wanted.extend(self.first(version, candidates));
        }
        wanted
    }

    /// What comes first; on one day, a removal before a move, the colder of two moves, a move before a delete marker.
    fn first(&self, version: &VersionRecord, candidates: Vec<Due>) -> Option<Due> {
        // "Objects with the replication status pending are left alone."
        if version.replication.as_ref().is_some_and(|replication| replication.status() == "PENDING") {
            return None;
        }
        let locked =
            |at| version.object.as_ref().is_some_and(|object| is_locked(&object.description, at, false));
        let order = |due: &Due| match &due.act {
            Act::Remove { .. } | Act::Abort { .. } => (0, 0),
            Act::Move { class, .. } => (1, usize::MAX - class::rank(class).unwrap_or(0)),
            Act::Expire { .. } => (2, 0),
        };
        let timely = candidates.into_iter().map(|due| Due { at: due.at.max(self.from), ..due });
        timely
            .filter(|due| !(matches!(due.act, Act::Remove { .. }) && locked(due.at)))
            .min_by_key(|due| (due.at, order(due)))
    }

    fn of_current(&self, key: &str, version: &VersionRecord, object: &ObjectData) -> Vec<Due> {
        let subject = Subject { key, size: object.size, tags: &object.description.tags };
        let mut wanted = Vec::new();
        for rule in self.rules.iter().filter(|rule| covers(rule, &subject)) {
            for step in rule.transitions.iter().flatten() {
                let at = match (&step.date, step.days) {
                    (Some(date), _) => moment(date),
                    (None, Some(days)) => due(version.last_modified, days),
                    (None, None) => continue,
                };
                let class = step.storage_class.as_ref().map(|class| class.as_str()).unwrap_or_default();
                wanted.extend(self.move_to(rule, key, version, class, at));
            }
            let Some(expiration) = &rule.expiration else { continue };
            let at = match (&expiration.date, expiration.days) {
                (Some(date), _) => moment(date),
                (None, Some(days)) => due(version.last_modified, days),
                (None, None) => continue,
            };
            wanted.push(Due { at, act: Act::Expire { key: key.to_owned() } });
        }
        wanted
    }

    /// A delete marker that hides nothing any more.
    fn of_lone_marker(&self, key: &str, marker: &VersionRecord) -> Vec<Due> {
        let rules = self.rules.iter().filter(|rule| covers_key(rule, key));
        let due_by = |rule: &&&LifecycleRule| {
            let expiration = rule.expiration.as_ref()?;
            match (expiration.expired_object_delete_marker, expiration.days) {
                (Some(true), _) => Some(due(marker.last_modified, 0)),
                (_, Some(days)) => Some(due(marker.last_modified, days)),
                _ => None,
            }
        };
        let remove = || Act::Remove { key: key.to_owned(), version: marker.version_id.clone() };
        rules.filter_map(|rule| due_by(&rule)).map(|at| Due { at, act: remove() }).collect()
    }

    fn of_noncurrent(
        &self,
        key: &str,
        version: &VersionRecord,
        since: Timestamp,
        newer_noncurrent: usize,
    ) -> Vec<Due> {
        let enough = |keep: Option<i32>| newer_noncurrent >= usize::try_from(keep.unwrap_or(0)).unwrap_or(0);
        let covered = |rule: &LifecycleRule| match &version.object {
            Some(object) => covers(rule, &Subject { key, size: object.size, tags: &object.description.tags }),
            None => covers_key(rule, key),
        };
        let mut wanted = Vec::new();
        for rule in self.rules.iter().filter(|rule| covered(rule)) {
            for step in rule.noncurrent_version_transitions.iter().flatten() {
                let (Some(days), Some(class)) = (step.noncurrent_days, &step.storage_class) else { continue };
                if enough(step.newer_noncurrent_versions) {
                    wanted.extend(self.move_to(rule, key, version, class.as_str(), due(since, days)));
                }
            }
            let Some(expiration) = &rule.noncurrent_version_expiration else { continue };
            let Some(days) = expiration.noncurrent_days else { continue };
            if enough(expiration.newer_noncurrent_versions) {
                let act = Act::Remove { key: key.to_owned(), version: version.version_id.clone() };
                wanted.push(Due { at: due(since, days), act });
            }
        }
        wanted
    }

    fn move_to(
        &self,
        rule: &LifecycleRule,
        key: &str,
        version: &VersionRecord,
        class: &str,
        at: Timestamp,
    ) -> Option<Due> {
        let object = version.object.as_ref()?;
        let own = object.description.storage_class.as_deref().unwrap_or("STANDARD");
        let minimum = self.facts.lifecycle_minimum_size.as_deref();
        let moves = class::may_move(own, class) && is_worth_moving(rule, minimum, object.size, class);
        let version = version.version_id.clone();
        moves.then(|| Due { at, act: Act::Move { key: key.to_owned(), version, class: class.to_owned() } })
    }

    fn of_uploads(&self, storage: &Storage) -> Result<Vec<Due>, StorageError> {
        let mut wanted = Vec::new();
        let mut query = Query { limit: PAGE, ..Query::default() };
        loop {
            let page = storage.list_uploads(&self.facts.name, &query)?;
            for (key, upload) in page.entries {
                let rules = self.rules.iter().filter(|rule| covers_key(rule, &key));
                let days = rules.filter_map(|rule| {
                    rule.abort_incomplete_multipart_upload.as_ref()?.days_after_initiation
                });
                let Some(days) = days.min() else { continue };
                let at = due(upload.initiated, days).max(self.from);
                wanted.push(Due { at, act: Act::Abort { key, upload: upload.upload_id } });
            }
            let Some((after, after_id)) = page.next else { return Ok(wanted) };
            query.after = Some(after);
            query.after_id = after_id;
        }
    }
}
