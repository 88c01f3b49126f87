//! A new binary, in the transaction of what makes it.

use firmhold_core::{BinaryState, Code, Problem};
use serde_json::json;

use super::{BinaryRow, NewBinary, links, manifest};
use crate::db::{Tx, is_duplicate};
use crate::events::{self, Origin};
use crate::jobs;

/// Stores a new binary. One whose content is proved already can be linked to and described at once; one whose content an
/// import has just copied goes to the hash job.
///
/// # Errors
/// [`Code::Duplicate`] if the pair of version and target, or the id, is taken.
pub async fn create(tx: &mut Tx, new: &NewBinary, origin: &Origin) -> Result<BinaryRow, Problem> {
    BinaryRow::insert(tx, new, origin.at).await.map_err(|error| {
        if is_duplicate(&error) {
            Problem::new(
                Code::Duplicate,
                "a binary of this artifact version for this target, or one with this id, exists",
            )
        } else {
            Problem::internal(error)
        }
    })?;
    let row = BinaryRow::find(tx, new.organization, new.id).await?;
    match (row.state, new.content) {
        (BinaryState::Signable, Some(content)) => {
            links::open(tx, new.organization, new.id, content).await?;
            manifest::due(tx, new.organization, new.id, origin.at).await?;
        }
        (BinaryState::Hashing, Some(content)) => {
            let payload = json!({ "content": content });
            jobs::enqueue(tx, jobs::hash::NAME, new.organization, new.id, payload, origin.at).await?;
        }
        _ => {}
    }
    let data = json!({ "target": row.target, "hash": row.hash, "size": row.size, "state": row.state });
    events::record(tx, origin, row.prn(), "created", data).await?;
    Ok(row)
}
