//! What links lead to: one proved content of one binary, by a number that is never used again.

use firmhold_core::{Code, Problem, Timestamp};
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, RowExt as _, Tx};

/// Why links lead nowhere any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The binary was reset, destroyed or deleted.
    Gone,
    /// They were revoked.
    Revoked,
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Revoked => "revoked",
        }
    }
}

/// Where a number leads.
#[derive(Debug, Clone)]
pub struct LinkTarget {
    /// Whose.
    pub organization: Uuid,
    /// Which binary.
    pub binary: Uuid,
    /// Which content.
    pub content: Uuid,
    /// Whether and why it has ended.
    pub ended: Option<End>,
}

/// Makes new links possible: from now on they lead to this content.
///
/// # Errors
/// Those of the database.
pub async fn open(tx: &mut Tx, organization: Uuid, binary: Uuid, content: Uuid) -> Result<(), Problem> {
    sqlx::query("INSERT INTO link_targets (organization_id, binary_id, content_id) VALUES ($1, $2, $3)")
        .bind(organization.to_string())
        .bind(binary.to_string())
        .bind(content.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// Ends all links of a binary that were made so far. Tells whether there can have been any.
///
/// # Errors
/// Those of the database.
pub async fn end(tx: &mut Tx, organization: Uuid, binary: Uuid, end: End) -> Result<bool, Problem> {
    let done = sqlx::query(
        "UPDATE link_targets SET ended = $3 WHERE organization_id = $1 AND binary_id = $2 AND ended IS NULL",
    )
    .bind(organization.to_string())
    .bind(binary.to_string())
    .bind(end.as_str())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() > 0)
}

/// The number that new links of a binary carry.
///
/// # Errors
/// Those of the database; [`Code::StateForbids`] if there is none.
pub async fn number(conn: &mut Conn, organization: Uuid, binary: Uuid) -> Result<u64, Problem> {
    let number: Option<i64> = sqlx::query_scalar(
        "SELECT number FROM link_targets WHERE organization_id = $1 AND binary_id = $2 AND ended IS NULL
         ORDER BY number DESC LIMIT 1",
    )
    .bind(organization.to_string())
    .bind(binary.to_string())
    .fetch_optional(conn)
    .await
    .db()?;
    number
        .and_then(|number| u64::try_from(number).ok())
        .ok_or_else(|| Problem::new(Code::StateForbids, "the binary has no proved content"))
}

/// Where a number leads; nothing if it was never given out.
///
/// # Errors
/// Those of the database.
pub async fn target(conn: &mut Conn, number: u64) -> Result<Option<LinkTarget>, Problem> {
    let row = sqlx::query("SELECT * FROM link_targets WHERE number = $1")
        .bind(number.cast_signed())
        .fetch_optional(conn)
        .await
        .db()?;
    let Some(row) = row else { return Ok(None) };
    let ended = row.maybe_text("ended")?;
    Ok(Some(LinkTarget {
        organization: row.uuid("organization_id")?,
        binary: row.uuid("binary_id")?,
        content: row.uuid("content_id")?,
        ended: ended.map(|text| if text == "revoked" { End::Revoked } else { End::Gone }),
    }))
}

/// Revokes one link until the time it would have ended at. Tells whether it was not revoked before. Revocations of
/// links that have ended meanwhile go.
///
/// # Errors
/// Those of the database.
pub async fn revoke_one(
    tx: &mut Tx,
    organization: Uuid,
    token_hash: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, Problem> {
    sqlx::query("DELETE FROM revoked_links WHERE expires_at <= $1")
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
    let done = sqlx::query(
        "INSERT INTO revoked_links (token_hash, organization_id, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (token_hash) DO NOTHING",
    )
    .bind(token_hash)
    .bind(organization.to_string())
    .bind(expires_at.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Whether this very link was revoked.
///
/// # Errors
/// Those of the database.
pub async fn is_revoked(conn: &mut Conn, token_hash: &str) -> Result<bool, Problem> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM revoked_links WHERE token_hash = $1")
        .bind(token_hash)
        .fetch_optional(conn)
        .await
        .db()?;
    Ok(found.is_some())
}
