//! Removes what no binary uses from its bucket: an open upload, and the object as far as the role may.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use firmhold_core::{Code, Problem};
use firmhold_store::{Bucket, SessionScope, Target, VersionEntry, failpoint};

use super::{Job, JobKind, Outcome};
use crate::App;
use crate::backends::BackendRow;
use crate::content::{self, Content, Stage};
use crate::db::DbResult as _;

/// The kind's name.
pub const NAME: &str = "drop_content";

/// How long it waits for a backend that takes no writes.
const WAIT: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct DropContentJob;

#[async_trait]
impl JobKind for DropContentJob {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, app: &Arc<App>, job: &Job) -> Result<Outcome, Problem> {
        let (content, backend) = {
            let mut conn = app.db.reader().acquire().await.db()?;
            let content = content::find(&mut conn, job.subject).await?;
            if !is_wanted(&content, job) {
                return Ok(Outcome::Done);
            }
            match BackendRow::find_uncounted(&mut conn, content.organization, content.backend).await {
                Ok(backend) => (content, backend),
                // Deleted since: nothing leads to its bucket any longer.
                Err(problem) if problem.code() == Code::NotFound => return Ok(Outcome::Done),
                Err(problem) => return Err(problem),
            }
        };
        if !backend.state.takes_writes() {
            return Ok(Outcome::Again(WAIT));
        }
        let target = app.target(&backend)?;
        abort_uploads(app, &target, &content).await?;
        failpoint::DROP_ABORTED.reach();
        let end = delete(app, &target, &content).await?;
        failpoint::DROP_DELETED_NOT_NOTED.reach();
        let mut tx = app.db.begin().await?;
        content::advance(&mut tx, content.id, Stage::Dropping, end, app.clock.now()).await?;
        tx.commit().await.db()?;
        Ok(Outcome::Done)
    }
}

/// Whether there is something to drop. What came late may lie where all was gone before.
fn is_wanted(content: &Content, job: &Job) -> bool {
    let is_late = job.payload["late"].as_bool() == Some(true);
    match content.stage {
        Stage::Dropping => true,
        Stage::DeletePending | Stage::Deleted => is_late,
        Stage::Uploading | Stage::Stored | Stage::Proved | Stage::Missing => false,
    }
}

/// Aborts the upload that is known, and any that was opened just before a crash and never noted.
async fn abort_uploads(app: &App, target: &Target, content: &Content) -> Result<(), Problem> {
    let bucket = app.stores.bucket(target, SessionScope::Write).await?;
    if let Some(upload_id) = &content.upload_id {
        match bucket.abort_upload(&content.key, upload_id).await {
            Err(refused)
                if refused.code() == Code::StoreDenied
                    && is_forgotten(&*bucket, target, content, upload_id).await => {}
            aborted => aborted?,
        }
    }
    for upload in bucket.list_uploads(content.key.as_str()).await? {
        if upload.key == content.key {
            bucket.abort_upload(&content.key, &upload.upload_id).await?;
        }
    }
    Ok(())
}

/// Whether there is nothing to abort, whatever the store says: some S3-compatible stores refuse to abort an upload that
/// they do not know any more, and list no parts of it. (At AWS a refusal is one, and waits for the permission.)
async fn is_forgotten(bucket: &dyn Bucket, target: &Target, content: &Content, upload_id: &str) -> bool {
    if target.access.keys().is_none() {
        return false;
    }
    match bucket.list_parts(&content.key, upload_id).await {
        Ok(parts) => parts.is_empty(),
        Err(problem) => problem.code() == Code::ContentMissing,
    }
}

/// Deletes every version at the content's key, which is its own. What may not be deleted is tagged, so that the
/// owner's lifecycle rule finds it.
async fn delete(app: &App, target: &Target, content: &Content) -> Result<Stage, Problem> {
    let bucket = app.stores.bucket(target, SessionScope::Admin).await?;
    let mut versions = bucket.list_versions(content.key.as_str()).await?;
    versions.retain(|version| version.key == content.key);
    if versions.is_empty() {
        return Ok(Stage::Deleted);
    }
    if target.allow_delete {
        let mut refused = false;
        for version in &versions {
            match bucket.delete(&content.key, Some(&version.version_id)).await {
                Ok(()) => {}
                // A lock on the object, or a permission that was taken away: not ours to insist.
                Err(problem) if problem.code() == Code::StoreDenied => refused = true,
                Err(problem) => return Err(problem),
            }
        }
        if !refused {
            return Ok(Stage::Deleted);
        }
    }
    retire(app, target, content, &versions).await?;
    Ok(Stage::DeletePending)
}

async fn retire(
    app: &App,
    target: &Target,
    content: &Content,
    versions: &[VersionEntry],
) -> Result<(), Problem> {
    let bucket = app.stores.bucket(target, SessionScope::Write).await?;
    let mut tags = content.tags();
    tags.push(("firmhold".to_owned(), "retired".to_owned()));
    for version in versions.iter().filter(|version| !version.is_delete_marker) {
        match bucket.put_tags(&content.key, Some(&version.version_id), &tags).await {
            Ok(()) => {}
            Err(problem) if matches!(problem.code(), Code::StoreDenied | Code::ContentMissing) => {
                tracing::warn!(key = %content.key, %problem, "dropped content could not be tagged as retired");
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}
