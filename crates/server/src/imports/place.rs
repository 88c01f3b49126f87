//! Puts a source's bytes at the key of a content attempt: what is there already is taken, and only what is missing is
//! copied.

use firmhold_core::{Code, Problem};
use firmhold_store::{Bucket, CopyObject, CopySource, MAX_COPY, Stored, copy_in_parts};

use crate::App;
use crate::content::{self, Content};
use crate::db::DbResult as _;
use crate::leftover;

/// Parts of one object that the store copies at once.
const PARTS_AT_ONCE: usize = 4;

/// Has the store copy `source` to the content's own key; in parts of `part_bytes` if that is given, else in one request.
/// `again`: an earlier run may have come to any point of this, so the bucket is asked first.
///
/// # Errors
/// [`Code::PreconditionFailed`] if the source is no longer what it was; what the store answers.
pub async fn copy(
    app: &App,
    bucket: &dyn Bucket,
    content: &Content,
    source: &CopySource,
    part_bytes: Option<u64>,
    again: bool,
) -> Result<Stored, Problem> {
    if again && let Some(stored) = leftover::object(bucket, content).await? {
        return Ok(stored);
    }
    let Some(part_bytes) = part_bytes else {
        let copy = CopyObject { source: source.clone(), key: content.key.clone(), tags: content.tags() };
        return bucket.copy(&copy).await;
    };
    let upload_id = upload(app, bucket, content, again).await?;
    match copy_in_parts(bucket, &content.key, &upload_id, source, part_bytes, PARTS_AT_ONCE).await {
        // Joined by a run that did not live to note it; or its upload was dropped behind our back, and another is opened.
        Err(problem) if problem.aws_code() == Some("NoSuchUpload") => {
            match leftover::object(bucket, content).await? {
                Some(stored) => Ok(stored),
                None => {
                    forget_upload(app, content).await?;
                    Err(Problem::new(Code::StoreFailed, "the store has lost the upload").caused_by(problem))
                }
            }
        }
        done => done,
    }
}

/// The size of the parts that `size` bytes are copied in; nothing if one request does it.
pub fn part_bytes(size: u64, configured: u64) -> Option<u64> {
    (size > configured.min(MAX_COPY)).then_some(configured)
}

/// The content's open upload: the one that is noted, one that was opened and never noted, or a new one.
async fn upload(app: &App, bucket: &dyn Bucket, content: &Content, again: bool) -> Result<String, Problem> {
    if let Some(upload_id) = &content.upload_id {
        return Ok(upload_id.clone());
    }
    let left_over = if again { leftover::upload(bucket, content).await? } else { None };
    let upload_id = match left_over {
        Some(upload_id) => upload_id,
        None => bucket.create_upload(&content.key, &content.tags()).await?,
    };
    let mut tx = app.db.begin().await?;
    let ours = content::opened(&mut tx, content.id, &upload_id, app.clock.now()).await?;
    tx.commit().await.db()?;
    if ours {
        return Ok(upload_id);
    }
    // Dropped meanwhile: whoever dropped it could not know of this upload.
    bucket.abort_upload(&content.key, &upload_id).await?;
    Err(Problem::new(Code::StoreFailed, "the content was dropped while its upload was opened"))
}

async fn forget_upload(app: &App, content: &Content) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    sqlx::query("UPDATE contents SET upload_id = NULL WHERE id = $1 AND state = 'uploading'")
        .bind(content.id.to_string())
        .execute(&mut *tx)
        .await
        .db()?;
    tx.commit().await.db()
}
