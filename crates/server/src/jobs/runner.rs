//! Takes due jobs and runs them, a few at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use firmhold_core::Problem;
use firmhold_core::problem::chain;
use firmhold_store::failpoint;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::load::{Load, WORKERS};
use super::{Job, JobKind, Outcome, kinds};
use crate::App;
use crate::db::{DbResult as _, Row, RowExt as _, dialect};

/// How often due jobs are looked for when nobody wakes the runner.
const POLL: Duration = Duration::from_millis(500);
/// A job whose server died is taken by another after this.
const LEASE: Duration = Duration::from_secs(60);
/// A running job's lease is renewed this often.
const RENEW: Duration = Duration::from_secs(20);
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(300);
/// The end of a job that could not be written is tried again after at most this.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// One taking of a job: whoever holds its token may end it.
struct Lease {
    job: Job,
    token: String,
}

/// Runs jobs until `stop`. Those under way are then dropped, and begin again at the next start.
pub(crate) async fn run(app: Arc<App>, stop: CancellationToken) {
    let kinds: Arc<HashMap<&str, Box<dyn JobKind>>> =
        Arc::new(kinds().into_iter().map(|kind| (kind.name(), kind)).collect());
    let me = Uuid::new_v4().to_string();
    let mut running = JoinSet::new();
    let mut load = Load::default();
    loop {
        while running.len() < WORKERS {
            match take(&app, &me, &load).await {
                Ok(Some(lease)) => {
                    let (app, kinds) = (Arc::clone(&app), Arc::clone(&kinds));
                    let job = lease.job.clone();
                    let task = running.spawn(async move { run_one(&app, &kinds, lease).await });
                    load.begin(task.id(), job);
                }
                Ok(None) => break,
                Err(problem) => {
                    crate::api::error::log(&problem);
                    break;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = app.wake.notified() => {}
            Some(ended) = running.join_next_with_id() => {
                load.end(ended.map_or_else(|error| error.id(), |(task, ())| task));
            }
            () = tokio::time::sleep(POLL) => {}
        }
    }
    running.shutdown().await;
}

async fn take(app: &App, me: &str, load: &Load) -> Result<Option<Lease>, Problem> {
    let now = app.clock.now();
    let token = Uuid::new_v4().to_string();
    let (running, full) = (load.running(), load.full());
    let due: Option<i64> = sqlx::query_scalar(dialect::DUE_JOB)
        .bind(now.as_millis())
        .bind(&running)
        .bind(&full)
        .fetch_optional(app.db.reader())
        .await
        .db()?;
    if due.is_none() {
        return Ok(None);
    }
    let mut tx = app.db.begin().await?;
    let row = sqlx::query(dialect::LEASE_JOB)
        .bind(now.as_millis())
        .bind(&running)
        .bind(&full)
        .bind(me)
        .bind(&token)
        .bind(now.plus(LEASE).as_millis())
        .fetch_optional(&mut *tx)
        .await
        .db()?;
    tx.commit().await.db()?;
    let Some(row) = row else { return Ok(None) };
    match read(&row) {
        Ok(job) => Ok(Some(Lease { job, token })),
        Err(problem) => {
            // Perhaps a later version can read it; until then it must not keep its lease, nor be taken all the time.
            put_off(app, &token, LONGEST_DELAY, Some(&problem.to_string())).await?;
            Err(problem)
        }
    }
}

fn read(row: &Row) -> Result<Job, Problem> {
    Ok(Job {
        id: row.uuid("id")?,
        kind: row.text("kind")?,
        organization: row.uuid("organization_id")?,
        subject: row.uuid("subject")?,
        payload: row.json("payload")?,
        attempts: row.count("attempts")?,
    })
}

async fn run_one(app: &Arc<App>, kinds: &HashMap<&str, Box<dyn JobKind>>, lease: Lease) {
    failpoint::JOB_LEASED.reach();
    let outcome = match kinds.get(lease.job.kind.as_str()) {
        Some(kind) => guarded(app, kind.as_ref(), &lease).await,
        None => Err(Problem::internal(format!("no job of kind {}", lease.job.kind))),
    };
    settle(app, &lease, &Ending::of(&lease.job, outcome)).await;
}

/// What is to become of a job that was run.
enum Ending {
    Removed,
    PutOff(Duration, Option<String>),
}

impl Ending {
    fn of(job: &Job, outcome: Result<Outcome, Problem>) -> Self {
        match outcome {
            Ok(Outcome::Done) => {
                failpoint::JOB_DONE_NOT_REMOVED.reach();
                Self::Removed
            }
            Ok(Outcome::Again(delay)) => Self::PutOff(delay, None),
            Ok(Outcome::Waits(delay, reason)) => Self::PutOff(delay, Some(reason)),
            Err(problem) => {
                tracing::warn!(kind = job.kind, subject = %job.subject, attempts = job.attempts,
                    chain = chain(&problem), "a job failed and will be repeated");
                Self::PutOff(back_off(job.attempts), Some(problem.to_string()))
            }
        }
    }
}

/// Writes a job's end, however long the database cannot: until then it counts as running, and nobody here takes it. A
/// server that dies first leaves a lease that runs out.
async fn settle(app: &App, lease: &Lease, ending: &Ending) {
    let mut wait = FIRST_DELAY;
    loop {
        let written = match ending {
            Ending::Removed => remove(app, lease).await,
            Ending::PutOff(delay, problem) => put_off(app, &lease.token, *delay, problem.as_deref()).await,
        };
        let Err(problem) = written else { return };
        crate::api::error::log(&problem);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Runs the job, keeps its lease alive meanwhile, and turns a panic into a failure.
async fn guarded(app: &Arc<App>, kind: &dyn JobKind, lease: &Lease) -> Result<Outcome, Problem> {
    use futures::FutureExt as _;
    let work = std::panic::AssertUnwindSafe(kind.run(app, &lease.job)).catch_unwind();
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                return done.unwrap_or_else(|_| Err(Problem::internal(format!("a job of kind {} panicked", kind.name()))));
            }
            () = tokio::time::sleep(RENEW) => renew(app, lease).await,
        }
    }
}

async fn renew(app: &App, lease: &Lease) {
    let renewed = async {
        let mut tx = app.db.begin().await?;
        sqlx::query("UPDATE jobs SET lease_until = $1 WHERE id = $2 AND lease_token = $3")
            .bind(app.clock.now().plus(LEASE).as_millis())
            .bind(lease.job.id.to_string())
            .bind(&lease.token)
            .execute(&mut *tx)
            .await
            .db()?;
        tx.commit().await.db()
    };
    if let Err(problem) = renewed.await {
        crate::api::error::log(&problem);
    }
}

/// Gives a lease back; the job is due again after `delay`.
async fn put_off(app: &App, token: &str, delay: Duration, problem: Option<&str>) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    sqlx::query(
        "UPDATE jobs SET run_at = $1, last_problem = $2, lease_owner = NULL, lease_token = NULL, lease_until = NULL
         WHERE lease_token = $3",
    )
    .bind(app.clock.now().plus(delay).as_millis())
    .bind(problem)
    .bind(token)
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await.db()
}

async fn remove(app: &App, lease: &Lease) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    sqlx::query("DELETE FROM jobs WHERE id = $1 AND lease_token = $2")
        .bind(lease.job.id.to_string())
        .bind(&lease.token)
        .execute(&mut *tx)
        .await
        .db()?;
    tx.commit().await.db()
}

/// Doubles from a second up to five minutes.
fn back_off(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_and_ends() {
        let delays: Vec<u64> = [1, 2, 3, 9, 10, u64::MAX].map(|n| back_off(n).as_secs()).to_vec();
        assert_eq!(delays, [1, 2, 4, 256, 300, 300]);
    }
}
