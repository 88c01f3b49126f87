//! The upload of a binary's content: opened with the first part, sent straight to the bucket by the client, completed
//! here.

use std::sync::Arc;
use std::time::Duration;

use firmhold_core::backend::UploadMode;
use firmhold_core::binary_part::{PartState, PartUpload};
use firmhold_core::{
    BinaryPart, BinaryState, Code, Digest, FieldErrors, LimitedBy, Problem, Timestamp, UploadToken,
};
use firmhold_store::{Bucket, SessionScope, Stored, StoredPart, TicketRequest, failpoint};
use uuid::Uuid;

use super::{BinaryRow, part_upload, parts};
use crate::App;
use crate::backends::BackendRow;
use crate::content::{self, Attempt, Content, Stage};
use crate::db::{DbResult as _, Tx};
use crate::events::Origin;
use crate::leftover;

/// What a client declares of a part.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// 1 to 10,000.
    pub index: u32,
    /// SHA-256 of its bytes.
    pub hash: Digest,
    /// How many they are.
    pub size: u64,
    /// Bytes of every part but the last, as this client cuts the file, if it says so.
    pub part_size: Option<u64>,
}

/// Declares a part and signs the URL that it is sent to.
///
/// # Errors
/// [`Code::StateForbids`] unless the binary is `uploadable`; [`Code::PartSizeDiffers`] if another client has begun with
/// parts of another size; what the store answers.
pub async fn put_part(
    app: &Arc<App>,
    backend: &BackendRow,
    binary: &BinaryRow,
    declared: Declared,
) -> Result<BinaryPart, Problem> {
    let Declared { index, hash, size, part_size } = declared;
    let (mut content, mut upload_id) = open(app, backend, binary).await?;
    if was_declared(app, binary, declared).await?
        && is_lost(app, backend, &content, &upload_id, binary).await?
    {
        forget_upload(app, binary, content.id).await?;
        (content, upload_id) = open(app, backend, binary).await?;
    }
    let attempt = content.id;
    let upload = match backend.upload_mode {
        UploadMode::Direct => direct(app, backend, &content, upload_id, declared).await?,
        UploadMode::Proxy => through_us(app, binary, &content, declared)?,
    };
    failpoint::PART_SIGNED.reach();
    let mut tx = app.db.begin().await?;
    let now = BinaryRow::find(&mut tx, binary.organization, binary.id).await?;
    must_be_uploadable(&now)?;
    // INVARIANT: no part is declared for another attempt than the one that its URL is for.
    if now.content != Some(attempt) {
        return Err(Problem::new(Code::StateForbids, "the upload was begun anew meanwhile"));
    }
    if let Some(part_size) = part_size {
        must_fit(content::claim_part_size(&mut tx, attempt, part_size).await?, part_size)?;
    }
    let row = parts::declare(&mut tx, binary, index, hash, size, app.clock.now()).await?;
    content::touch(&mut tx, content.id, app.clock.now()).await?;
    tx.commit().await.db()?;
    failpoint::PART_DECLARED.reach();
    Ok(row.to_wire(binary, PartState::Uploadable, Some(upload)))
}

/// Straight to the store.
async fn direct(
    app: &App,
    backend: &BackendRow,
    content: &Content,
    upload_id: String,
    declared: Declared,
) -> Result<PartUpload, Problem> {
    let Declared { index, hash, size, .. } = declared;
    let request =
        TicketRequest::PutPart { key: content.key.clone(), upload_id, number: index, size, sha256: hash };
    let ticket = app.stores.ticket(&app.target(backend)?, request, app.config.server.ticket_seconds).await?;
    Ok(PartUpload {
        presigned_upload_url: ticket.url,
        upload_headers: ticket.headers,
        expires_at: ticket.expires_at,
        limited_by: ticket.limited_by,
    })
}

/// Through the server, because the store does not check what it is sent.
fn through_us(
    app: &App,
    binary: &BinaryRow,
    content: &Content,
    declared: Declared,
) -> Result<PartUpload, Problem> {
    let life = Duration::from_secs(u64::from(app.config.server.ticket_seconds));
    let token = UploadToken {
        binary: binary.id,
        attempt: content.id,
        index: u16::try_from(declared.index).map_err(Problem::internal)?,
        size: declared.size,
        sha256: declared.hash,
        expires_at: Timestamp::from_secs(app.clock.now().as_secs()).plus(life),
    };
    Ok(PartUpload {
        presigned_upload_url: format!("{}/u/{}", app.public_url, app.keys.uploads.mint(&token)),
        upload_headers: [(part_upload::CHECKSUM.to_owned(), declared.hash.to_base64())].into(),
        expires_at: token.expires_at,
        limited_by: LimitedBy::Requested,
    })
}

/// Whether this very part was declared before: then its URL did not do, or its sender was cut off.
async fn was_declared(app: &App, binary: &BinaryRow, part: Declared) -> Result<bool, Problem> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let known = parts::find(&mut conn, binary, part.index).await?;
    Ok(known.is_some_and(|known| (known.hash, known.size) == (part.hash, part.size)))
}

/// Asks the store whether it still has the upload. By that a session that has ended before its time is found out, too,
/// and the next URL is signed by a new one: only the store can tell, and it has told nobody but the client.
async fn is_lost(
    app: &App,
    backend: &BackendRow,
    content: &Content,
    upload_id: &str,
    binary: &BinaryRow,
) -> Result<bool, Problem> {
    let declared = {
        let mut conn = app.db.reader().acquire().await.db()?;
        parts::of_binary(&mut conn, binary).await?
    };
    let bucket = app.stores.bucket(&app.target(backend)?, SessionScope::Write).await?;
    Ok(known_parts(&*bucket, content, upload_id, &declared).await?.is_none())
}

/// The parts of a binary with what the store has of each.
///
/// # Errors
/// What the store answers.
pub async fn list_parts(
    app: &App,
    backend: &BackendRow,
    binary: &BinaryRow,
) -> Result<Vec<BinaryPart>, Problem> {
    let (declared, content) = {
        let mut conn = app.db.reader().acquire().await.db()?;
        let declared = parts::of_binary(&mut conn, binary).await?;
        let content = match binary.content {
            Some(content) => Some(content::find(&mut conn, content).await?),
            None => None,
        };
        (declared, content)
    };
    // Completion took each part with its checksum.
    let all_taken = || declared.iter().map(|part| part.to_wire(binary, PartState::Valid, None)).collect();
    let stored = match content {
        Some(content @ Content { stage: Stage::Uploading, upload_id: Some(_), .. }) => {
            let bucket = app.stores.bucket(&app.target(backend)?, SessionScope::Write).await?;
            let upload_id = content.upload_id.as_deref().unwrap_or_default();
            match known_parts(&*bucket, &content, upload_id, &declared).await? {
                Some(stored) => parts::believed(backend.upload_mode, content.id, &declared, stored),
                // Joined by a server that died before it noted it, or aborted behind our back.
                None if leftover::object(&*bucket, &content).await?.is_some() => return Ok(all_taken()),
                None => Vec::new(),
            }
        }
        Some(Content { stage: Stage::Stored | Stage::Proved | Stage::Missing, .. }) => return Ok(all_taken()),
        _ => Vec::new(),
    };
    let wire = declared.iter().map(|part| {
        let found = stored.iter().find(|stored| stored.number == part.index);
        part.to_wire(binary, part.state(found), None)
    });
    Ok(wire.collect())
}

/// The size of the parts of the open upload, if a client has said it.
///
/// # Errors
/// Those of the database.
pub async fn part_size(app: &App, binary: &BinaryRow) -> Result<Option<u64>, Problem> {
    let Some(content) = binary.content else { return Ok(None) };
    let mut conn = app.db.reader().acquire().await.db()?;
    content::part_size(&mut conn, content).await
}

/// Drops the open upload with all its parts: the next part opens another. Does nothing if there is none.
///
/// # Errors
/// [`Code::StateForbids`] unless the binary is `uploadable`, and once the upload is complete.
pub async fn drop_parts(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    must_be_uploadable(row)?;
    if let Some(content) = row.content {
        must_be_open(&content::find(tx, content).await?)?;
    }
    parts::forget(tx, row).await?;
    super::steps::drop_content(tx, row, origin).await
}

/// Completes the upload, after all parts are found right. Does nothing if that was done before.
///
/// The store may take minutes, in which a client, or a proxy before us, loses its patience. What was begun comes to its
/// end all the same, and who asks again waits for that end.
///
/// # Errors
/// [`Code::InvalidFields`] with every problem under `parts`; what the store answers.
pub async fn complete(app: &Arc<App>, backend: &BackendRow, binary: &BinaryRow) -> Result<(), Problem> {
    let (app, backend, binary) = (Arc::clone(app), backend.clone(), binary.clone());
    let completing = tokio::spawn(async move { complete_now(&app, &backend, &binary).await });
    completing.await.map_err(Problem::internal)?
}

async fn complete_now(app: &App, backend: &BackendRow, binary: &BinaryRow) -> Result<(), Problem> {
    let _one_at_a_time = app.binary_locks.lock(binary.organization, binary.id).await;
    let (declared, content) = {
        let mut conn = app.db.reader().acquire().await.db()?;
        let row = BinaryRow::find(&mut conn, binary.organization, binary.id).await?;
        if row.state != BinaryState::Uploadable {
            // Another request was first; what that means is judged with the row in hand.
            return Ok(());
        }
        let content = row.content.ok_or_else(|| wrong_parts(vec!["no part was uploaded".to_owned()]))?;
        (parts::of_binary(&mut conn, binary).await?, content::find(&mut conn, content).await?)
    };
    if content.stage != Stage::Uploading {
        return Ok(());
    }
    let bucket = app.stores.bucket(&app.target(backend)?, SessionScope::Write).await?;
    let stored = match join(&*bucket, backend.upload_mode, &content, &declared, binary.size).await? {
        Joined::Now(stored) => stored,
        Joined::Gone => match leftover::object(&*bucket, &content).await? {
            Some(stored) => stored,
            None => {
                forget_upload(app, binary, content.id).await?;
                let gone = "the upload is no longer in the bucket; put all parts again";
                return Err(wrong_parts(vec![gone.to_owned()]));
            }
        },
    };
    failpoint::COMPLETE_JOINED_NOT_NOTED.reach();
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if !content::stored(&mut tx, content.id, &stored, now).await? {
        // Reset while the store joined the parts: whoever dropped the content could not know of the object.
        content::drop_late(&mut tx, &content, now).await?;
    }
    tx.commit().await.db()?;
    failpoint::COMPLETE_NOTED.reach();
    Ok(())
}

enum Joined {
    Now(Stored),
    /// The store knows no such upload.
    Gone,
}

async fn join(
    bucket: &dyn Bucket,
    mode: UploadMode,
    content: &Content,
    declared: &[parts::PartRow],
    size: u64,
) -> Result<Joined, Problem> {
    let Some(upload_id) = &content.upload_id else { return Ok(Joined::Gone) };
    let Some(stored) = known_parts(bucket, content, upload_id, declared).await? else {
        return Ok(Joined::Gone);
    };
    let stored = parts::believed(mode, content.id, declared, stored);
    let chosen = parts::assemble(declared, &stored, size).map_err(wrong_parts)?;
    match bucket.complete_upload(&content.key, upload_id, &chosen).await {
        Ok(stored) => Ok(Joined::Now(stored)),
        Err(problem) if problem.code() == Code::ContentMissing => Ok(Joined::Gone),
        Err(problem) => Err(problem),
    }
}

/// What the store has of an upload; nothing if it knows no such upload.
async fn known_parts(
    bucket: &dyn Bucket,
    content: &Content,
    upload_id: &str,
    declared: &[parts::PartRow],
) -> Result<Option<Vec<StoredPart>>, Problem> {
    match bucket.list_parts(&content.key, upload_id).await {
        Ok(stored) if parts::are_forgotten(content.id, declared, &stored) => Ok(None),
        Ok(stored) => Ok(Some(stored)),
        Err(problem) if problem.code() == Code::ContentMissing => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// The binary's open upload. The first part opens it, at a key of its own.
async fn open(app: &App, backend: &BackendRow, binary: &BinaryRow) -> Result<(Content, String), Problem> {
    let _one_at_a_time = app.binary_locks.lock(binary.organization, binary.id).await;
    let (mut content, is_new) = attempt(app, backend, binary).await?;
    if let Some(upload_id) = content.upload_id.take() {
        return Ok((content, upload_id));
    }
    let bucket = app.stores.bucket(&app.target(backend)?, SessionScope::Write).await?;
    let found = if is_new { None } else { leftover::upload(&*bucket, &content).await? };
    let upload_id = match found {
        Some(upload_id) => upload_id,
        None => bucket.create_upload(&content.key, &content.tags()).await?,
    };
    failpoint::UPLOAD_OPENED_NOT_NOTED.reach();
    let mut tx = app.db.begin().await?;
    let ours = content::opened(&mut tx, content.id, &upload_id, app.clock.now()).await?;
    let now = content::find(&mut tx, content.id).await?;
    tx.commit().await.db()?;
    if ours {
        return Ok((content, upload_id));
    }
    // Another server was first, or the binary was reset meanwhile.
    bucket.abort_upload(&content.key, &upload_id).await?;
    match now {
        Content { stage: Stage::Uploading, upload_id: Some(theirs), .. } => Ok((content, theirs)),
        _ => Err(Problem::new(Code::StateForbids, "the binary was reset meanwhile")),
    }
}

/// The attempt that parts belong to; a new one if there is none that still takes parts. Tells whether it is new.
async fn attempt(app: &App, backend: &BackendRow, binary: &BinaryRow) -> Result<(Content, bool), Problem> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let mut row = BinaryRow::find(&mut tx, binary.organization, binary.id).await?;
    must_be_uploadable(&row)?;
    if let Some(id) = row.content {
        let content = content::find(&mut tx, id).await?;
        if content.stage == Stage::Uploading {
            return Ok((content, false));
        }
        must_be_open(&content)?;
        // Found missing, and the client uploads anew: a key is never written twice.
        let origin = Origin::server(row.organization, now);
        super::steps::drop_content(&mut tx, &mut row, &origin).await?;
    }
    let attempt = Attempt {
        organization: row.organization,
        backend: row.backend,
        prefix: &backend.prefix,
        hash: row.hash,
        size: row.size,
    };
    let content = content::begin(&mut tx, attempt, now).await?;
    row.set_content(&mut tx, Some(content.id)).await?;
    tx.commit().await.db()?;
    failpoint::UPLOAD_ATTEMPT_NOTED.reach();
    Ok((content, true))
}

/// The store has lost the upload: the next part opens another.
async fn forget_upload(app: &App, binary: &BinaryRow, lost: Uuid) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    let mut row = BinaryRow::find(&mut tx, binary.organization, binary.id).await?;
    // Another request may have opened the next one by now.
    if row.state == BinaryState::Uploadable && row.content == Some(lost) {
        let origin = Origin::server(row.organization, app.clock.now());
        super::steps::drop_content(&mut tx, &mut row, &origin).await?;
    }
    tx.commit().await.db()
}

/// Goes on only while the binary takes parts.
///
/// # Errors
/// [`Code::StateForbids`].
pub fn must_be_uploadable(row: &BinaryRow) -> Result<(), Problem> {
    if row.state == BinaryState::Uploadable {
        return Ok(());
    }
    Err(Problem::new(Code::StateForbids, format!("the binary is {}: it takes no parts", row.state)))
}

/// Goes on unless the upload is complete and only the binary's own state is not yet noted: the object is right then, and
/// one of two clients that upload the same file must not throw it away.
fn must_be_open(content: &Content) -> Result<(), Problem> {
    if !matches!(content.stage, Stage::Stored | Stage::Proved) {
        return Ok(());
    }
    Err(Problem::new(Code::StateForbids, "the upload is complete: ask for the state `hashable`"))
}

fn must_fit(claimed: Option<u64>, part_size: u64) -> Result<(), Problem> {
    match claimed {
        Some(claimed) if claimed == part_size => Ok(()),
        Some(claimed) => {
            let detail = format!("the open upload has parts of {claimed} bytes, not {part_size}");
            let extra = serde_json::json!({ "part_size": claimed });
            Err(Problem::new(Code::PartSizeDiffers, detail).with_extra(extra))
        }
        None => Err(Problem::new(Code::StateForbids, "the upload was completed meanwhile")),
    }
}

fn wrong_parts(problems: Vec<String>) -> Problem {
    Problem::fields(FieldErrors([("parts".to_owned(), problems)].into()))
}
