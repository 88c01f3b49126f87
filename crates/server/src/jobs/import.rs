//! Drives an import: lists and maps, then takes entries along a few at a time, until each has come to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use firmhold_core::{Code, EntryState, ImportState, Problem};
use firmhold_store::SessionScope;
use futures::stream::{FuturesUnordered, StreamExt as _};

use super::{Job, JobKind, Outcome};
use crate::App;
use crate::backends::BackendRow;
use crate::db::DbResult as _;
use crate::events::Origin;
use crate::imports::adopt::{Adoption, Progress};
use crate::imports::{EntryRow, ImportRow, entry, list};

/// The kind's name.
pub const NAME: &str = "import";

/// How long it waits for a backend that takes no writes, or a role that cannot be assumed.
const WAIT: Duration = Duration::from_secs(10);
/// How long it waits when nothing moved: for the hash job, another entry's copy, or a store that failed.
const PAUSE: Duration = Duration::from_millis(500);
/// No new entry is begun after this long: other jobs get their turn, and then this one again.
const TURN: Duration = Duration::from_secs(5);
/// Entries under way at once.
const AT_ONCE: usize = 8;
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
            return Ok(Outcome::Again(WAIT));
        }
        let prn = import.prn();
        match turn(app, import, backend).await {
            Ok(outcome) => Ok(outcome),
            Err(problem) => {
                // Not left to the runner's back-off, which counts every turn as an attempt.
                tracing::warn!(import = %prn, %problem, "an import waits");
                Ok(Outcome::Again(WAIT))
            }
        }
    }
}

async fn turn(app: &Arc<App>, import: ImportRow, backend: BackendRow) -> Result<Outcome, Problem> {
    let begun = Instant::now();
    let bucket = app.stores.bucket(&app.target(&backend)?, SessionScope::Write).await?;
    if import.state == ImportState::Running && !import.listed {
        list::page(app, &*bucket, &import).await?;
        return Ok(Outcome::Again(Duration::ZERO));
    }
    let adoption = Arc::new(Adoption { app: Arc::clone(app), import, backend, bucket });
    let moved = take_along(&adoption, begun).await?;
    conclude(app, &adoption.import, moved).await
}

/// Takes entries along, a few at once, until the turn is over or there are no more. Tells whether any of them moved.
async fn take_along(adoption: &Arc<Adoption>, begun: Instant) -> Result<bool, Problem> {
    let mut feed = Feed::new(Arc::clone(adoption), begun);
    let mut under_way = FuturesUnordered::new();
    let (mut moved, mut failed) = (false, None);
    loop {
        while under_way.len() < AT_ONCE && failed.is_none() {
            match feed.next().await {
                Ok(Some(entry)) => under_way.push(step(Arc::clone(adoption), entry)),
                Ok(None) => break,
                Err(problem) => failed = Some(problem),
            }
        }
        // All that are under way come to their end, whatever one of them ends in.
        match under_way.next().await {
            Some(Ok(progress)) => moved |= progress == Progress::Moved,
            Some(Err(problem)) => failed = Some(problem),
            None => return failed.map_or(Ok(moved), Err),
        }
    }
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
async fn conclude(app: &App, import: &ImportRow, moved: bool) -> Result<Outcome, Problem> {
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
    if left.is_none()
        && let Some(mut row) = ImportRow::find_any(&mut tx, import.id).await?
        && row.state == ImportState::Running
    {
        let origin = Origin::server(row.organization, now);
        row.finish(&mut tx, ImportState::Done, &origin).await?;
    }
    tx.commit().await.db()?;
    Ok(match (left, moved || settled > 0) {
        (None, _) => Outcome::Done,
        (Some(_), true) => Outcome::Again(Duration::ZERO),
        (Some(_), false) => Outcome::Again(PAUSE),
    })
}
