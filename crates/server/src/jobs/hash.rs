//! Reads an uploaded object once and compares it with what its binary says it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use firmhold_core::{BinaryState, Code, Digest, Hasher, Problem};
use firmhold_store::{SessionScope, failpoint};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::{Job, JobKind, Outcome};
use crate::App;
use crate::backends::BackendRow;
use crate::binaries::{BinaryRow, steps};
use crate::content::{self, Content};
use crate::db::DbResult as _;
use crate::events::Origin;

/// The kind's name.
pub const NAME: &str = "hash";

/// How long it waits for a backend that may not be read.
const WAIT: Duration = Duration::from_secs(10);
/// A store that sends nothing for so long has failed.
const SILENCE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct HashJob;

#[async_trait]
impl JobKind for HashJob {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, app: &Arc<App>, job: &Job) -> Result<Outcome, Problem> {
        let Some((mut content, backend)) = load(app, job).await? else { return Ok(Outcome::Done) };
        if !backend.state.is_live() {
            let reason = format!("the backend is {}: its bucket is not read", backend.state);
            return Ok(Outcome::Waits(WAIT, reason));
        }
        let target = app.target(&backend)?;
        let bucket = app.stores.bucket(&target, SessionScope::Read).await?;
        let verdict = match bucket.get(&content.key, content.version_id.as_deref(), None).await {
            Ok(body) => {
                let etag = body.info.etag;
                let verdict = compare(&content, body.stream).await?;
                content.etag = etag;
                verdict
            }
            Err(problem) if content::is_gone(app, &target, &content, &problem).await? => {
                Err("the object is not in the bucket".to_owned())
            }
            Err(problem) => return Err(problem),
        };
        failpoint::HASH_READ_NOT_NOTED.reach();
        conclude(app, job, &content, verdict).await?;
        app.wake_jobs();
        Ok(Outcome::Done)
    }
}

/// What is to be hashed; nothing if the binary has moved on meanwhile.
async fn load(app: &App, job: &Job) -> Result<Option<(Content, BackendRow)>, Problem> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let Some(row) = BinaryRow::find_if_any(&mut conn, job.organization, job.subject).await? else {
        return Ok(None);
    };
    let Some(content) = row.content.filter(|content| is_wanted(&row, job, *content)) else {
        return Ok(None);
    };
    let content = content::find(&mut conn, content).await?;
    let backend = BackendRow::find_uncounted(&mut conn, row.organization, row.backend).await?;
    Ok(Some((content, backend)))
}

fn is_wanted(row: &BinaryRow, job: &Job, content: Uuid) -> bool {
    row.state == BinaryState::Hashing && job.payload["content"].as_str() == Some(&content.to_string())
}

/// Reads all of it. The inner error says in what it differs.
async fn compare(
    content: &Content,
    stream: BoxStream<'static, Result<Bytes, Problem>>,
) -> Result<Result<(), String>, Problem> {
    let (digest, length) = digest_of(stream).await?;
    Ok(if length != content.size {
        Err(format!("size mismatch: got {length} bytes"))
    } else if digest != content.hash {
        Err(format!("sha256 mismatch: got {digest}"))
    } else {
        Ok(())
    })
}

/// SHA-256 and length of what streams by.
///
/// # Errors
/// What the stream yields; [`Code::StoreFailed`] if it goes silent.
pub(crate) async fn digest_of(
    mut stream: BoxStream<'static, Result<Bytes, Problem>>,
) -> Result<(Digest, u64), Problem> {
    let mut hasher = Hasher::new();
    loop {
        let next = tokio::time::timeout(SILENCE, stream.next()).await.map_err(|elapsed| {
            Problem::new(Code::StoreFailed, "the store went silent while the object was read")
                .caused_by(elapsed)
        })?;
        let Some(chunk) = next.transpose()? else { break };
        hasher.update(&chunk);
    }
    let length = hasher.length();
    Ok((hasher.finish(), length))
}

/// INVARIANT: only here does content become proved, and only after all of its bytes were read.
async fn conclude(
    app: &App,
    job: &Job,
    content: &Content,
    verdict: Result<(), String>,
) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    let Some(mut row) = BinaryRow::find_if_any(&mut tx, job.organization, job.subject).await? else {
        return Ok(());
    };
    if !is_wanted(&row, job, content.id) {
        return Ok(());
    }
    let origin = Origin::server(row.organization, app.clock.now());
    match verdict {
        Ok(()) => steps::proved(&mut tx, &mut row, content, &origin).await?,
        Err(reason) => {
            tracing::warn!(binary = %row.prn(), reason, "the hash job refused an upload");
            steps::refused(&mut tx, &mut row, reason, &origin).await?;
        }
    }
    tx.commit().await.db()
}
