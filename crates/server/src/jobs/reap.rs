//! Reaps the uploads of a backend that nobody goes on with: what they have sent costs the owner money, and no listing
//! of objects shows it. The bucket's own lifecycle rule, where there is one, does the same later.
//!
//! Each backend has one such job, which is never done: it comes back every hour for as long as the backend is there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use firmhold_core::{BinaryState, Code, Problem, Timestamp};
use firmhold_store::{SessionScope, UploadEntry, failpoint};
use serde_json::json;
use uuid::Uuid;

use super::{Job, JobKind, Outcome};
use crate::App;
use crate::backends::BackendRow;
use crate::binaries::steps;
use crate::content::{self, Content};
use crate::db::{DbResult as _, Tx};
use crate::events::Origin;

/// The kind's name.
pub const NAME: &str = "reap";

/// Between two looks at a backend.
const PAUSE: Duration = Duration::from_secs(3600);
/// How often it is tried again to delete what the role might not, or a lock held.
const TRY_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// See the module.
#[derive(Debug)]
pub struct ReapJob;

/// Gives a new backend its job.
///
/// # Errors
/// Those of the database.
pub async fn begin(tx: &mut Tx, organization: Uuid, backend: Uuid, now: Timestamp) -> Result<(), Problem> {
    super::enqueue(tx, NAME, organization, backend, json!({}), now.plus(PAUSE)).await
}

/// Takes its job from a backend that is deleted.
///
/// # Errors
/// Those of the database.
pub async fn end(tx: &mut Tx, backend: Uuid) -> Result<(), Problem> {
    sqlx::query("DELETE FROM jobs WHERE kind = $1 AND subject = $2")
        .bind(NAME)
        .bind(backend.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

#[async_trait]
impl JobKind for ReapJob {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, app: &Arc<App>, job: &Job) -> Result<Outcome, Problem> {
        let Some(backend) = find(app, job.subject).await? else { return Ok(Outcome::Done) };
        if !backend.state.takes_writes() {
            return Ok(Outcome::Again(PAUSE));
        }
        let before = app.clock.now().minus(app.config.server.abandoned_after());
        forget_abandoned(app, &backend, before).await?;
        abort_strays(app, &backend, before).await?;
        if backend.allow_delete {
            delete_again(app, &backend).await?;
        }
        Ok(Outcome::Again(PAUSE))
    }
}

/// The backend, unless it was deleted.
async fn find(app: &App, backend: Uuid) -> Result<Option<BackendRow>, Problem> {
    let mut conn = app.db.reader().acquire().await.db()?;
    BackendRow::find_any(&mut conn, backend).await
}

/// Takes their uploads from binaries whose last part was declared before `before`. A binary stays `uploadable`, and the
/// next push of it begins anew; the upload itself is aborted by the job that drops the content.
async fn forget_abandoned(app: &App, backend: &BackendRow, before: Timestamp) -> Result<(), Problem> {
    let abandoned = {
        let mut conn = app.db.reader().acquire().await.db()?;
        content::abandoned(&mut conn, backend.id, before).await?
    };
    for content in abandoned {
        let mut tx = app.db.begin().await?;
        let origin = Origin::server(backend.organization, app.clock.now());
        if forget(&mut tx, content, before, &origin).await? {
            tx.commit().await.db()?;
            failpoint::REAP_FORGOTTEN.reach();
            app.wake_jobs();
        }
    }
    Ok(())
}

/// Tells whether there was something to forget: a part may have come meanwhile.
async fn forget(tx: &mut Tx, content: Uuid, before: Timestamp, origin: &Origin) -> Result<bool, Problem> {
    if !content::is_abandoned(tx, content, before).await? {
        return Ok(false);
    }
    match content::uploader(tx, content).await? {
        Some(mut binary) if binary.state == BinaryState::Uploadable => {
            tracing::info!(binary = %binary.prn(), "an abandoned upload is reaped");
            let reason = format!("the upload was abandoned: no part of it since {before}");
            steps::abandoned(tx, &mut binary, reason, origin).await?;
        }
        Some(_) => return Ok(false),
        None => content::release(tx, content, origin.at).await?,
    }
    Ok(true)
}

/// Aborts uploads below the prefix that no row names: a server died between opening one and noting it, or between
/// losing a race for one and dropping it.
async fn abort_strays(app: &App, backend: &BackendRow, before: Timestamp) -> Result<(), Problem> {
    let bucket = app.stores.bucket(&app.target(backend)?, SessionScope::Write).await?;
    let open = match bucket.list_uploads(backend.prefix.as_str()).await {
        // There is nothing to be seen in such a store.
        Err(problem) if problem.aws_code() == Some("NotImplemented") => return Ok(()),
        listed => listed?,
    };
    // An upload that does not say how old it is may be one of this minute.
    for upload in open.into_iter().filter(|upload| upload.initiated.is_some_and(|at| at < before)) {
        let noted = {
            let mut conn = app.db.reader().acquire().await.db()?;
            content::at_key(&mut conn, backend.id, &upload.key).await?
        };
        if noted.is_some_and(|content| names(&content, &upload)) {
            continue;
        }
        tracing::info!(key = %upload.key, "an upload that no record names is aborted");
        match bucket.abort_upload(&upload.key, &upload.upload_id).await {
            Ok(()) => {}
            // Below the prefix, but not ours to abort: the others are, all the same.
            Err(problem) if problem.code() == Code::StoreDenied => {
                tracing::warn!(key = %upload.key, %problem, "an upload could not be aborted");
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

/// Whether the content's upload is this one, or will be: while none is noted, the next part takes what it finds at its key.
fn names(content: &Content, upload: &UploadEntry) -> bool {
    content.stage == content::Stage::Uploading
        && content.upload_id.as_ref().is_none_or(|noted| *noted == upload.upload_id)
}

/// Has content dropped again that could not be deleted when it was: the role may delete by now, or a lock has ended.
async fn delete_again(app: &App, backend: &BackendRow) -> Result<(), Problem> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    content::drop_again(&mut tx, backend.id, now.minus(TRY_AGAIN), now).await?;
    tx.commit().await.db()?;
    app.wake_jobs();
    Ok(())
}
