//! Looks again at proved content that was found missing where nothing but its bytes can say that it is back: in a bucket
//! without versions another object may lie at its key.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use firmhold_core::{Problem, Timestamp};
use firmhold_store::SessionScope;
use serde_json::json;

use super::hash::digest_of;
use super::{Job, JobKind, Outcome};
use crate::App;
use crate::backends::BackendRow;
use crate::content::{self, Content, Stage};
use crate::db::{DbResult as _, Tx};

/// The kind's name.
pub const NAME: &str = "recheck";

/// Between two looks, at first; twice as long after each.
const FIRST_PAUSE: Duration = Duration::from_secs(600);
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// See the module.
#[derive(Debug)]
pub struct RecheckJob;

/// Has a content looked at, unless that is to be done anyway.
///
/// # Errors
/// Those of the database.
pub async fn begin(tx: &mut Tx, content: &Content, now: Timestamp) -> Result<(), Problem> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM jobs WHERE kind = $1 AND subject = $2 LIMIT 1")
            .bind(NAME)
            .bind(content.id.to_string())
            .fetch_optional(&mut **tx)
            .await
            .db()?;
    match found {
        Some(_) => Ok(()),
        None => super::enqueue(tx, NAME, content.organization, content.id, json!({}), now).await,
    }
}

#[async_trait]
impl JobKind for RecheckJob {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, app: &Arc<App>, job: &Job) -> Result<Outcome, Problem> {
        let (mut content, backend) = {
            let mut conn = app.db.reader().acquire().await.db()?;
            let content = content::find(&mut conn, job.subject).await?;
            if content.stage != Stage::Missing {
                return Ok(Outcome::Done);
            }
            let backend =
                BackendRow::find_uncounted(&mut conn, content.organization, content.backend).await?;
            (content, backend)
        };
        let again = Outcome::Again(pause(job.attempts));
        if !backend.state.is_live() {
            return Ok(again);
        }
        let target = app.target(&backend)?;
        let bucket = app.stores.bucket(&target, SessionScope::Read).await?;
        let body = match bucket.get(&content.key, content.version_id.as_deref(), None).await {
            Ok(body) => body,
            Err(problem) if content::is_gone(app, &target, &content, &problem).await? => return Ok(again),
            Err(problem) => return Err(problem),
        };
        content.etag = body.info.etag;
        if digest_of(body.stream).await? != (content.hash, content.size) {
            return Ok(again);
        }
        let mut tx = app.db.begin().await?;
        content::prove(&mut tx, &content, Stage::Missing, app.clock.now()).await?;
        tx.commit().await.db()?;
        Ok(Outcome::Done)
    }
}

fn pause(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}
