//! What is in a backend's bucket.

use firmhold_core::{ObjectKey, Problem};
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, RowExt as _};

/// Whether content lives in the backend, is on its way into it, or is still to be deleted from it.
///
/// # Errors
/// Those of the database.
pub async fn is_used(conn: &mut Conn, backend: Uuid) -> Result<bool, Problem> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM contents WHERE backend_id = $1 AND state <> 'deleted' LIMIT 1")
            .bind(backend.to_string())
            .fetch_optional(conn)
            .await
            .db()?;
    Ok(found.is_some())
}

/// Some content that was proved in the backend, with its version.
///
/// # Errors
/// Those of the database.
pub async fn proved_object(
    conn: &mut Conn,
    backend: Uuid,
) -> Result<Option<(ObjectKey, Option<String>)>, Problem> {
    let row = sqlx::query(
        "SELECT object_key, version_id FROM contents WHERE backend_id = $1 AND state = 'proved'
         ORDER BY inserted_at DESC, id LIMIT 1",
    )
    .bind(backend.to_string())
    .fetch_optional(conn)
    .await
    .db()?;
    row.map(|row| Ok((ObjectKey::from_stored(row.text("object_key")?), row.maybe_text("version_id")?)))
        .transpose()
}
