//! A part that goes through the server, because its store does not check what it is sent (API contract 4.3, end).

use bytes::Bytes;
use firmhold_core::{Code, Problem, UploadToken};
use firmhold_store::PartPut;
use futures::stream::BoxStream;

use super::upload::must_be_uploadable;
use super::{BinaryRow, parts};
use crate::App;
use crate::backends::BackendRow;
use crate::content::{self, Content, Stage};
use crate::db::{Conn, DbResult as _};

/// The header that a part is declared with, as at S3.
pub const CHECKSUM: &str = "x-amz-checksum-sha256";

/// The right to send one part, as its token says it.
///
/// # Errors
/// [`Code::LinkUnknown`] for a token that is not ours, [`Code::LinkExpired`] for one whose time is over.
pub fn read(app: &App, token: &str) -> Result<UploadToken, Problem> {
    let again = "Put the part again (`PUT /binaries/{prn}/parts/{index}`): the answer has a new URL.";
    let part = app.keys.uploads.read(token).map_err(|bad| {
        Problem::new(Code::LinkUnknown, "the upload URL is unknown or was altered")
            .with_hint(again)
            .caused_by(bad)
    })?;
    if part.is_over(app.clock.now()) {
        return Err(Problem::new(Code::LinkExpired, "the upload URL has expired").with_hint(again));
    }
    Ok(part)
}

/// Sends the part on to the store, one chunk at a time, and takes down that it is there. The store's entity tag comes
/// back.
///
/// INVARIANT: a part is taken down only after the store had all of its bytes from us, and these were what was declared.
///
/// # Errors
/// [`Code::PartMismatch`] and [`Code::BodyTooLarge`] for other bytes; [`Code::StateForbids`] if the upload has moved on;
/// [`Code::BackendNotWritable`]; what the store answers.
pub async fn receive(
    app: &App,
    part: &UploadToken,
    body: BoxStream<'static, Result<Bytes, Problem>>,
) -> Result<String, Problem> {
    let (content, backend) = {
        let mut conn = app.db.reader().acquire().await.db()?;
        find(&mut conn, part).await?
    };
    let upload_id = content.upload_id.as_deref().ok_or_else(moved_on)?;
    let put = PartPut {
        key: &content.key,
        upload_id,
        number: u32::from(part.index),
        size: part.size,
        sha256: part.sha256,
    };
    let sent = match app.stores.send_part(&app.target(&backend)?, &put, body).await {
        // Completed or dropped meanwhile.
        Err(problem) if problem.code() == Code::ContentMissing => return Err(moved_on().caused_by(problem)),
        sent => sent?,
    };
    let mut tx = app.db.begin().await?;
    // The upload may have been reset while the bytes went through: then they are of no use, and go with it.
    find(&mut tx, part).await?;
    if !parts::verified(&mut tx, content.organization, part, &sent.etag).await? {
        return Err(declared_anew());
    }
    content::touch(&mut tx, content.id, app.clock.now()).await?;
    tx.commit().await.db()?;
    Ok(sent.etag)
}

/// The upload that the part belongs to, if that still takes parts, and this part as it was declared: what an old URL brings
/// must not take the place of a newer part.
async fn find(conn: &mut Conn, part: &UploadToken) -> Result<(Content, BackendRow), Problem> {
    // An attempt is never forgotten, and knows whose it is.
    let content = content::find(&mut *conn, part.attempt).await?;
    let binary = BinaryRow::find_if_any(&mut *conn, content.organization, part.binary).await?;
    let binary = binary.ok_or_else(moved_on)?;
    must_be_uploadable(&binary)?;
    if binary.content != Some(part.attempt) {
        return Err(moved_on());
    }
    if content.stage != Stage::Uploading {
        return Err(moved_on());
    }
    let declared = parts::find(&mut *conn, &binary, u32::from(part.index)).await?;
    if declared.is_none_or(|declared| (declared.hash, declared.size) != (part.sha256, part.size)) {
        return Err(declared_anew());
    }
    let backend = BackendRow::find_uncounted(&mut *conn, binary.organization, binary.backend).await?;
    backend.must_take_writes()?;
    Ok((content, backend))
}

fn declared_anew() -> Problem {
    Problem::new(Code::StateForbids, "the part was declared anew meanwhile")
}

fn moved_on() -> Problem {
    Problem::new(Code::StateForbids, "the upload that this part belongs to is over")
}
