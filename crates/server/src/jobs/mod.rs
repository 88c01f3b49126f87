//! Work that goes on after an answer. A job is a leased row: it survives `kill -9`, and is repeated with back-off
//! until it is done.

pub mod drop_content;
pub mod hash;
pub mod import;
mod load;
pub mod manifest;
pub mod reap;
pub mod recheck;
mod runner;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use firmhold_core::{Problem, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::App;
use crate::db::{Conn, DbResult as _, Tx};

pub(crate) use runner::run;

/// A job that was taken.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// [`JobKind::name`].
    pub kind: String,
    /// Whose it is.
    pub organization: Uuid,
    /// What it is about. Jobs of one kind about one subject run one after the other.
    pub subject: Uuid,
    /// Further input.
    pub payload: Value,
    /// How often it was taken, this time included.
    pub attempts: u64,
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its row goes.
    Done,
    /// It goes on after this time; no failure.
    Again(Duration),
    /// It cannot go on, for this reason, and is taken again after this time; no failure of its own.
    Waits(Duration, String),
}

/// A kind of job.
///
/// INVARIANT: a run may be cut off anywhere and is then repeated from the start, so it must be harmless twice.
#[async_trait]
pub trait JobKind: Send + Sync {
    /// As in the rows.
    fn name(&self) -> &'static str;

    /// Does it.
    ///
    /// # Errors
    /// Any problem: the job is repeated with back-off. What will never succeed must end as [`Outcome::Done`].
    async fn run(&self, app: &Arc<App>, job: &Job) -> Result<Outcome, Problem>;
}

/// Every kind of job that this server runs.
fn kinds() -> Vec<Box<dyn JobKind>> {
    vec![
        Box::new(hash::HashJob),
        Box::new(manifest::ManifestJob),
        Box::new(drop_content::DropContentJob),
        Box::new(import::ImportJob),
        Box::new(reap::ReapJob),
        Box::new(recheck::RecheckJob),
    ]
}

/// What kept the job of this kind about `subject` from its end when it was last tried, if anything did.
///
/// # Errors
/// Those of the database.
pub async fn last_problem(
    conn: &mut Conn,
    organization: Uuid,
    kind: &str,
    subject: Uuid,
) -> Result<Option<String>, Problem> {
    sqlx::query_scalar(
        "SELECT last_problem FROM jobs
         WHERE kind = $1 AND subject = $2 AND organization_id = $3 AND last_problem IS NOT NULL ORDER BY run_at DESC LIMIT 1",
    )
    .bind(kind)
    .bind(subject.to_string())
    .bind(organization.to_string())
    .fetch_optional(conn)
    .await
    .db()
}

/// Adds a job in the transaction of what it follows from. Call [`App::wake_jobs`] after the commit.
///
/// # Errors
/// Those of the database.
pub async fn enqueue(
    tx: &mut Tx,
    kind: &str,
    organization: Uuid,
    subject: Uuid,
    payload: Value,
    run_at: Timestamp,
) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO jobs (id, kind, organization_id, subject, payload, run_at, inserted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(Uuid::new_v4().to_string())
    .bind(kind)
    .bind(organization.to_string())
    .bind(subject.to_string())
    .bind(payload.to_string())
    .bind(run_at.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}
