//! The steps of a binary's state machine (API contract 4.2), each inside the transaction of what causes it.

use firmhold_core::{BinaryState, Problem};
use serde_json::{Value, json};

use super::{BinaryRow, links, manifest, parts, signatures};
use crate::content::{self, Content, Stage};
use crate::db::Tx;
use crate::events::{self, Origin};
use crate::jobs;

/// `uploadable` → `hashable`: the upload is complete.
///
/// # Errors
/// Those of the database, as for all of these.
pub async fn upload_complete(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    enter(tx, row, BinaryState::Hashable, None, origin).await
}

/// `hashable` → `hashing`: the hash job gets it.
///
/// # Errors
/// See above.
pub async fn start_hashing(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    enter(tx, row, BinaryState::Hashing, None, origin).await?;
    let payload = json!({ "content": row.content });
    jobs::enqueue(tx, jobs::hash::NAME, row.organization, row.id, payload, origin.at).await
}

/// `hashing` → `signable`: the bytes are what they should be.
///
/// # Errors
/// See above.
pub async fn proved(
    tx: &mut Tx,
    row: &mut BinaryRow,
    content: &Content,
    origin: &Origin,
) -> Result<(), Problem> {
    content::prove(tx, content, Stage::Stored, origin.at).await?;
    links::open(tx, row.organization, row.id, content.id).await?;
    enter(tx, row, BinaryState::Signable, None, origin).await?;
    manifest::due(tx, row.organization, row.id, origin.at).await
}

/// `hashing` → `uploadable`: the bytes are others, or gone. Parts count as wrong, the object is dropped.
///
/// # Errors
/// See above.
pub async fn refused(
    tx: &mut Tx,
    row: &mut BinaryRow,
    reason: String,
    origin: &Origin,
) -> Result<(), Problem> {
    parts::refuse(tx, row, origin.at).await?;
    drop_content(tx, row, origin).await?;
    enter(tx, row, BinaryState::Uploadable, Some(reason), origin).await
}

/// In `uploadable`: nobody has gone on with its upload for long. What came of it is dropped.
///
/// # Errors
/// See above.
pub async fn abandoned(
    tx: &mut Tx,
    row: &mut BinaryRow,
    reason: String,
    origin: &Origin,
) -> Result<(), Problem> {
    let before = row.state_reason.take();
    parts::forget(tx, row).await?;
    drop_content(tx, row, origin).await?;
    let data = json!({ "state_reason": changed(before, reason.as_str()) });
    row.state_reason = Some(reason);
    row.save(tx, origin.at).await?;
    events::record(tx, origin, row.prn(), "updated", data).await
}

/// `hashable`, `hashing` or `signable` → `uploadable`: a client starts anew. Parts and object are dropped.
///
/// # Errors
/// See above.
pub async fn reset(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    let was_proved = row.state.is_proved();
    parts::forget(tx, row).await?;
    if was_proved {
        manifest::last(tx, row, BinaryState::Uploadable.as_str(), origin.at).await?;
    }
    drop_content(tx, row, origin).await?;
    enter(tx, row, BinaryState::Uploadable, None, origin).await
}

/// `signed`, or `signable` in a bundle → `destroyed`: the content goes, the record stays.
///
/// # Errors
/// See above.
pub async fn destroy(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    manifest::last(tx, row, BinaryState::Destroyed.as_str(), origin.at).await?;
    drop_content(tx, row, origin).await?;
    enter(tx, row, BinaryState::Destroyed, None, origin).await
}

/// Between `signable` and `signed`, by whether a key that is not revoked has signed; and a new manifest.
///
/// # Errors
/// See above.
pub async fn signatures_changed(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    if row.state.is_proved() {
        let signed = signatures::is_signed(tx, row.organization, row.id).await?;
        let state = if signed { BinaryState::Signed } else { BinaryState::Signable };
        if state == row.state {
            row.save(tx, origin.at).await?;
        } else {
            enter(tx, row, state, None, origin).await?;
        }
    }
    manifest::due(tx, row.organization, row.id, origin.at).await
}

/// In `uploadable`: other content is expected, so what came so far is of no use.
///
/// # Errors
/// See above.
pub async fn expect_other_content(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    parts::forget(tx, row).await?;
    signatures::forget(tx, row.organization, row.id).await?;
    drop_content(tx, row, origin).await
}

/// Takes its content from a binary and ends its links; the content goes with the last binary that uses it.
///
/// # Errors
/// See above.
pub async fn drop_content(tx: &mut Tx, row: &mut BinaryRow, origin: &Origin) -> Result<(), Problem> {
    links::end(tx, row.organization, row.id, links::End::Gone).await?;
    if let Some(content) = row.content {
        row.set_content(tx, None).await?;
        content::release(tx, content, origin.at).await?;
    }
    Ok(())
}

async fn enter(
    tx: &mut Tx,
    row: &mut BinaryRow,
    state: BinaryState,
    reason: Option<String>,
    origin: &Origin,
) -> Result<(), Problem> {
    let before = std::mem::replace(&mut row.state, state);
    row.state_reason = reason;
    row.save(tx, origin.at).await?;
    let mut data = json!({ "state": changed(before.as_str(), state.as_str()) });
    if let (Some(data), Some(reason)) = (data.as_object_mut(), &row.state_reason) {
        data.insert("state_reason".to_owned(), Value::from(reason.as_str()));
    }
    events::record(tx, origin, row.prn(), "state_changed", data).await
}

/// A changed field in the data of an event.
pub fn changed(old: impl Into<Value>, new: impl Into<Value>) -> Value {
    json!({ "old": old.into(), "new": new.into() })
}
