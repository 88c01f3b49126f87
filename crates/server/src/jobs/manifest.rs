//! Writes manifests beside content (API contract 4.5).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use firmhold_core::{Code, Digest, ObjectKey, Problem, Timestamp};
use firmhold_store::{Bucket, PutObject, SessionScope, failpoint};
use serde_json::Value;
use uuid::Uuid;

use super::{Job, JobKind, Outcome};
use crate::App;
use crate::backends::BackendRow;
use crate::binaries::BinaryRow;
use crate::binaries::manifest::{self, LastManifest};
use crate::db::{DbResult as _, RowExt as _};

/// The kind's name.
pub const NAME: &str = "manifest";

/// How long it waits for a backend that takes no writes.
const WAIT: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct ManifestJob;

/// A manifest that is to be written.
struct Due {
    backend: BackendRow,
    hash: Digest,
    revision: u64,
    document: Value,
    written_at: Timestamp,
    /// Which request for a manifest of a living binary this one answers.
    answers: Option<i64>,
}

#[async_trait]
impl JobKind for ManifestJob {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, app: &Arc<App>, job: &Job) -> Result<Outcome, Problem> {
        let Some(backend) = backend_of(app, job).await? else { return Ok(Outcome::Done) };
        if !backend.state.takes_writes() {
            return Ok(Outcome::Again(WAIT));
        }
        let due = if job.payload.is_null() {
            take(app, job, backend).await?
        } else {
            let last: LastManifest =
                serde_json::from_value(job.payload.clone()).map_err(Problem::internal)?;
            Some(Due {
                backend,
                hash: last.hash,
                revision: last.revision,
                document: last.document,
                written_at: last.written_at,
                answers: None,
            })
        };
        let Some(due) = due else { return Ok(Outcome::Done) };
        failpoint::MANIFEST_REVISION_TAKEN.reach();
        write(app, job.subject, &due).await?;
        failpoint::MANIFEST_PUT_NOT_NOTED.reach();
        if let Some(wanted) = due.answers {
            note(app, job, wanted, due.written_at).await?;
        }
        Ok(Outcome::Done)
    }
}

/// Where the manifest goes; nothing if the binary or the backend is no longer there.
async fn backend_of(app: &App, job: &Job) -> Result<Option<BackendRow>, Problem> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let backend = if job.payload.is_null() {
        match BinaryRow::find_if_any(&mut conn, job.organization, job.subject).await? {
            Some(row) => row.backend,
            None => return Ok(None),
        }
    } else {
        let last: LastManifest = serde_json::from_value(job.payload.clone()).map_err(Problem::internal)?;
        last.backend
    };
    match BackendRow::find_uncounted(&mut conn, job.organization, backend).await {
        // Deleted since: nothing leads to its bucket any longer.
        Err(problem) if problem.code() == Code::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Takes the next revision for what the binary is now; nothing if the newest manifest already says it.
async fn take(app: &App, job: &Job, backend: BackendRow) -> Result<Option<Due>, Problem> {
    let mut tx = app.db.begin().await?;
    let row = sqlx::query(
        "SELECT manifest_wanted, coalesce(content_id, dropped_content_id) AS content FROM binaries
         WHERE organization_id = $1 AND id = $2 AND manifest_wanted > manifest_written
             AND state IN ('signable', 'signed', 'destroyed')",
    )
    .bind(job.organization.to_string())
    .bind(job.subject.to_string())
    .fetch_optional(&mut *tx)
    .await
    .db()?;
    let Some(row) = row else { return Ok(None) };
    let (wanted, Some(content)) = (row.number("manifest_wanted")?, row.maybe_uuid("content")?) else {
        return Ok(None);
    };
    let Some(binary) = BinaryRow::find_if_any(&mut tx, job.organization, job.subject).await? else {
        return Ok(None);
    };
    let document = manifest::document(&mut tx, &binary, content, binary.state.as_str()).await?;
    let revision = manifest::next_revision(&mut tx, binary.organization, binary.id).await?;
    tx.commit().await.db()?;
    Ok(Some(Due {
        backend,
        hash: binary.hash,
        revision,
        document,
        written_at: app.clock.now(),
        answers: Some(wanted),
    }))
}

async fn write(app: &App, binary: Uuid, due: &Due) -> Result<(), Problem> {
    let target = app.target(&due.backend)?;
    let bucket = app.stores.bucket(&target, SessionScope::Write).await?;
    let reader = app.stores.bucket(&target, SessionScope::Read).await?;
    let public = app.keys.catalogue.public();
    let key = ObjectKey::catalogue_key(&target.prefix, &public.keyid());
    // Listed, not read: to a role that may list only below a prefix S3 says 403 of what is not there.
    if !reader.list(key.as_str(), None, 1).await?.objects.iter().any(|object| object.key == key) {
        put_once(&*bucket, key, public.to_pem().into_bytes(), "application/x-pem-file").await?;
    }
    let key = ObjectKey::manifest(&target.prefix, due.hash, binary, due.revision);
    let body = manifest::seal(&app.keys.catalogue, due.document.clone(), due.written_at)?;
    put_once(&*bucket, key, body, "application/json").await
}

/// Puts an object at a key where none is. One that is there was put by a run that was cut off, with these bytes.
async fn put_once(
    bucket: &dyn Bucket,
    key: ObjectKey,
    body: Vec<u8>,
    media_type: &str,
) -> Result<(), Problem> {
    let put = PutObject {
        content_type: Some(media_type.to_owned()),
        if_none_match: true,
        ..PutObject::new(key, body)
    };
    match bucket.put(put).await {
        Err(problem) if problem.code() == Code::PreconditionFailed => Ok(()),
        done => done.map(drop),
    }
}

/// Notes the time, unless the binary has changed since.
async fn note(app: &App, job: &Job, wanted: i64, at: Timestamp) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    sqlx::query(
        "UPDATE binaries SET manifest_written = max(manifest_written, $3),
             manifest_at = CASE WHEN manifest_wanted = $3 THEN $4 END
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(job.organization.to_string())
    .bind(job.subject.to_string())
    .bind(wanted)
    .bind(at.as_millis())
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await.db()
}
