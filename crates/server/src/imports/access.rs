//! What a limited API key may import (API contract 13.1).

use firmhold_core::Problem;
use uuid::Uuid;

use super::ImportRow;
use crate::catalogue::product;
use crate::db::Conn;

/// Why an entry ends that the key may not write.
pub const REFUSAL: &str = "the key that asked for the import is limited to other products";

/// Whether the key that asked for the import may write for this artifact. Asked for every entry once its artifact is
/// known, and again in each transaction that makes a binary: artifacts may move between products.
///
/// # Errors
/// Those of the database.
pub async fn may_write(conn: &mut Conn, import: &ImportRow, artifact: Option<Uuid>) -> Result<bool, Problem> {
    let Some(artifact) = artifact.filter(|_| !import.products.is_empty()) else { return Ok(true) };
    let product = product::of_artifact(conn, import.organization, artifact).await?;
    Ok(product::is_within(&import.products, product))
}
