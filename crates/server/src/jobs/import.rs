//! Drives an import: lists and maps, then takes entries along a few at a time, until each has come to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use firmhold_core::{Code, EntryState, ImportState, Problem, Timestamp};
use firmhold_store::SessionScope;
use futures::stream::{FuturesUnordered, StreamExt as _};
use uuid::Uuid;

use super::{Job, JobKind, Outcome};
use crate::App;
use crate::backends::BackendRow;
use crate::db::{DbResult as _, Tx};
use crate::events::Origin;
use crate::imports::adopt::{Adoption, Progress};
use crate::imports::{EntryRow, ImportRow, Mapper, entry, list};

/// The kind's name.
pub const NAME: &str = "import";

/// How long it waits for a backend that takes no writes, or a role that cannot be assumed.
const WAIT: Duration = Duration::from_secs(10);
/// How long it waits when nothing moved: for the hash job, or another entry's copy.
const PAUSE: Duration = Duration::from_millis(500);
/// No new entry is begun after this long: other jobs get their turn, and then this one again.
const TURN: Duration = Duration::from_secs(5);
/// Entries under way at once; half as many after each turn in which the store failed.
const AT_ONCE: usize = 8;
/// How long a store is left alone that has failed in one turn; twice as long after each further one.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// After so many turns in which nothing at all moved, ten minutes or so, it is asked whether it fails on these objects
/// only.
const PATIENT_TURNS: u64 = 15;
/// Entries that are read from the database at once.
const BATCH: u32 = 64;

/// See the module.
#[derive(Debug)]
pub struct ImportJob;

#[async_trait]
impl JobKind for ImportJob {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, app: &Arc<App>, job: &Job) -> Result<Outcome, Problem> {
        let (import, backend) = {
            let mut conn = app.db.reader().acquire().await.db()?;
            let Some(import) = ImportRow::find_any(&mut conn, job.subject).await? else {
                return Ok(Outcome::Done);
            };
            if import.state == ImportState::Done {
                return Ok(Outcome::Done);
            }
            match BackendRow::find_uncounted(&mut conn, import.organization, import.backend).await {
                Ok(backend) => (import, backend),
                // Deleted after the import was cancelled: nothing leads to its bucket any longer.
                Err(problem) if problem.code() == Code::NotFound => return Ok(Outcome::Done),
                Err(problem) => return Err(problem),
            }
        };
        if import.state == ImportState::Running && !backend.state.takes_writes() {
            let reason = format!("the backend is {}: it takes no writes", backend.state);
            return Ok(Outcome::Waits(WAIT, reason));
        }
        let prn = import.prn();
        match turn(app, import, backend).await {
            Ok(outcome) => Ok(outcome),
            Err(problem) => {
                // Not left to the runner's back-off, which counts every turn as an attempt.
                tracing::warn!(import = %prn, %problem, "an import waits");
                Ok(Outcome::Waits(WAIT, problem.to_string()))
            }
        }
    }
}

/// Has the import's job run at once, although it waits.
///
/// # Errors
/// Those of the database.
pub async fn due(tx: &mut Tx, import: Uuid, now: Timestamp) -> Result<(), Problem> {
    sqlx::query("UPDATE jobs SET run_at = $3 WHERE kind = $1 AND subject = $2 AND lease_owner IS NULL")
        .bind(NAME)
        .bind(import.to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

async fn turn(app: &Arc<App>, mut import: ImportRow, backend: BackendRow) -> Result<Outcome, Problem> {
    let begun = Instant::now();
    let bucket = app.stores.bucket(&app.target(&backend)?, SessionScope::Write).await?;
    if import.state == ImportState::Running && !import.listed {
        let mapper = {
            let mut conn = app.db.reader().acquire().await.db()?;
            Arc::new(Mapper::of(&mut conn, &import).await?)
        };
        while list::page(app, &*bucket, &mapper, &mut import).await? && begun.elapsed() < TURN {}
        return Ok(Outcome::Again(Duration::ZERO));
    }
    let adoption = Arc::new(Adoption { app: Arc::clone(app), import, backend, bucket });
    let mut went = take_along(&adoption, begun).await?;
    went.moved |= count_failures(&adoption, &went).await?;
    conclude(app, &adoption.import, &went).await
}

/// How a turn went.
#[derive(Debug, Default)]
struct Went {
    /// Whether an entry came further.
    moved: bool,
    /// Whether the store did all that was asked of it for one.
    served: bool,
    /// The entries that the store failed on.
    failed: Vec<Uuid>,
}

/// Takes entries along, a few at once, until the turn is over or there are no more, or the store fails.
async fn take_along(adoption: &Arc<Adoption>, begun: Instant) -> Result<Went, Problem> {
    let mut feed = Feed::new(Arc::clone(adoption), begun);
    let mut under_way = FuturesUnordered::new();
    let at_once = (AT_ONCE >> adoption.import.store_failures.min(8)).max(1);
    let (mut went, mut failed) = (Went::default(), None);
    loop {
        while under_way.len() < at_once && failed.is_none() && went.failed.is_empty() {
            match feed.next().await {
                Ok(Some(entry)) => under_way.push(step(Arc::clone(adoption), entry)),
                Ok(None) => break,
                Err(problem) => failed = Some(problem),
            }
        }
        // All that are under way come to their end, whatever one of them ends in.
        match under_way.next().await {
            Some(Ok(Progress::Copied)) => (went.moved, went.served) = (true, true),
            Some(Ok(Progress::Moved)) => {
                went.moved = true;
                went.served |= adoption.import.dry_run;
            }
            Some(Ok(Progress::Waits)) => {}
            Some(Ok(Progress::StoreFailed(entry))) => went.failed.push(entry),
            Some(Err(problem)) => failed = Some(problem),
            None => return failed.map_or(Ok(went), Err),
        }
    }
}

/// Counts the failures on entries, if they are about these objects and not about the store as a whole: it served others
/// in the same turn, or, after a long time, answers a listing. So no outage ends an entry, and no object that a store
/// cannot serve keeps an import for ever. Tells whether an entry was given up.
async fn count_failures(adoption: &Adoption, went: &Went) -> Result<bool, Problem> {
    let import = &adoption.import;
    let answers = async || adoption.bucket.list(&import.source_prefix, None, 1).await.is_ok();
    let is_theirs = went.served || (import.store_failures >= PATIENT_TURNS && answers().await);
    let mut given_up = false;
    if is_theirs {
        for entry in &went.failed {
            given_up |= adoption.count_try(*entry).await?;
        }
    }
    Ok(given_up)
}

/// How long a store is left alone after so many turns in which it failed.
fn rest(failures: u64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_REST.saturating_mul(1 << doublings).min(LONGEST_REST)
}

async fn step(adoption: Arc<Adoption>, entry: EntryRow) -> Result<Progress, Problem> {
    adoption.step(entry).await
}

/// The entries of one turn, in order: first those whose copy was begun, then the pending ones. Each comes once.
struct Feed {
    adoption: Arc<Adoption>,
    begun: Instant,
    state: EntryState,
    from: u64,
    batch: std::vec::IntoIter<EntryRow>,
}

impl Feed {
    fn new(adoption: Arc<Adoption>, begun: Instant) -> Self {
        Self { adoption, begun, state: EntryState::Copying, from: 0, batch: Vec::new().into_iter() }
    }

    async fn next(&mut self) -> Result<Option<EntryRow>, Problem> {
        loop {
            if self.begun.elapsed() > TURN {
                return Ok(None);
            }
            if let Some(entry) = self.batch.next() {
                self.from = entry.position + 1;
                return Ok(Some(entry));
            }
            let import = &self.adoption.import;
            let mut conn = self.adoption.app.db.reader().acquire().await.db()?;
            let unseen = import.dry_run;
            let batch = entry::in_state(&mut conn, import.id, self.state, self.from, BATCH, unseen).await?;
            if batch.is_empty() {
                if self.state == EntryState::Pending {
                    return Ok(None);
                }
                (self.state, self.from) = (EntryState::Pending, 0);
            }
            self.batch = batch.into_iter();
        }
    }
}

/// Settles what the hash job is through with, and ends the import when nothing is left to come.
async fn conclude(app: &App, import: &ImportRow, went: &Went) -> Result<Outcome, Problem> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let settled = entry::settle(&mut tx, import.id, now).await?;
    let left: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM import_entries WHERE import_id = $1
         AND (state IN ('copying', 'hashing') OR (state = 'pending' AND (looked = 0 OR $2 = 0))) LIMIT 1",
    )
    .bind(import.id.to_string())
    .bind(i64::from(import.dry_run))
    .fetch_optional(&mut *tx)
    .await
    .db()?;
    let failures = match (went.failed.is_empty(), went.moved) {
        (true, true) => 0,
        // It was not asked: those that it failed on have their pause.
        (true, false) => import.store_failures,
        (false, _) if went.served => 1,
        (false, _) => import.store_failures + 1,
    };
    if let Some(mut row) = ImportRow::find_any(&mut tx, import.id).await? {
        row.save_failures(&mut tx, failures).await?;
        if left.is_none() {
            if row.state == ImportState::Running {
                let origin = Origin::server(row.organization, now);
                row.finish(&mut tx, ImportState::Done, &origin).await?;
            }
            row.keep_counts(&mut tx).await?;
        }
    }
    tx.commit().await.db()?;
    Ok(match left {
        None => Outcome::Done,
        Some(_) if !went.failed.is_empty() => Outcome::Again(rest(failures)),
        Some(_) if went.moved || settled > 0 => Outcome::Again(Duration::ZERO),
        Some(_) => Outcome::Again(PAUSE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_is_left_alone_for_longer_and_longer() {
        assert_eq!([1, 2, 3, 6, 7, u64::MAX].map(|turns| rest(turns).as_secs()), [1, 2, 4, 32, 60, 60]);
    }
}
