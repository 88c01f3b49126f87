//! What a limited API key may import (API contract 13.1).

use firmhold_core::Problem;
use uuid::Uuid;

use super::ImportRow;
use crate::db::{Conn, DbResult as _, RowExt as _};

/// Why the key that asked for the import may not write for this artifact; nothing if it may. Asked for every entry once
/// its artifact is known, and again in the transaction that makes its binary: artifacts may move between products.
///
/// # Errors
/// Those of the database.
pub async fn refusal(conn: &mut Conn, import: &ImportRow, artifact: Uuid) -> Result<Option<String>, Problem> {
    if import.products.is_empty() {
        return Ok(None);
    }
    let row = sqlx::query("SELECT product_id FROM artifacts WHERE organization_id = $1 AND id = $2")
        .bind(import.organization.to_string())
        .bind(artifact.to_string())
        .fetch_optional(conn)
        .await
        .db()?;
    let product = row.map(|row| row.maybe_uuid("product_id")).transpose()?.flatten();
    if product.is_some_and(|product| import.products.contains(&product)) {
        return Ok(None);
    }
    Ok(Some("the key that asked for the import is limited to other products".to_owned()))
}
