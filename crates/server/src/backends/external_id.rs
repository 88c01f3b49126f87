//! Rotation of external ids by overlap (API contract 12.3).

use firmhold_core::backend::ExternalIdMode;
use firmhold_core::{Code, Problem, Timestamp};
use serde_json::json;

use super::{BackendRow, random_external_id};
use crate::db::{DbResult as _, Tx};
use crate::events::{self, Origin};

/// Opens a rotation: from now on the trust policy names both ids.
///
/// # Errors
/// 409 if one is open.
pub async fn rotate(tx: &mut Tx, row: &mut BackendRow, origin: &Origin) -> Result<(), Problem> {
    must_have_a_role(row)?;
    if row.external_id_next.is_some() {
        return Err(Problem::new(Code::StateForbids, "a rotation is open: retire one of the two ids first"));
    }
    row.external_id_next = Some(random_external_id()?);
    row.save(tx, origin.at).await?;
    events::record(tx, origin, row.prn(), "external_id_rotated", json!({})).await
}

/// Ends a rotation by taking `id` away: with the old one the new one takes its place, with the new one all is as before.
/// An id that was retired before is no change.
///
/// # Errors
/// 422 for what was never an id of the backend; 409 for its only id, or if the role has not been seen to accept the id
/// that would remain.
pub async fn retire(tx: &mut Tx, row: &mut BackendRow, id: &str, origin: &Origin) -> Result<(), Problem> {
    must_have_a_role(row)?;
    let remaining = match &row.external_id_next {
        Some(next) if *next == id => row.external_id.clone(),
        Some(next) if row.external_id == id => next.clone(),
        None if row.external_id == id => {
            return Err(Problem::new(Code::StateForbids, "this is the backend's only external id"));
        }
        _ if is_retired(tx, row, id).await? => return Ok(()),
        _ => return Err(Problem::field("external_id", "is not an external id of this backend")),
    };
    // INVARIANT: the id that remains was seen to work, or the retirement would lock Firmhold out.
    if row.activated_at.is_some() && !row.accepted_external_ids.contains(&remaining) {
        let detail = "the role did not accept the id that would remain in the latest verification";
        return Err(Problem::new(Code::StateForbids, detail)
            .with_hint("Apply the trust policy with both ids, run `firmhold backend verify`, then retire."));
    }
    if remaining != row.external_id {
        row.external_id_mode = ExternalIdMode::Random;
    }
    row.external_id = remaining;
    row.external_id_next = None;
    row.save(tx, origin.at).await?;
    remember(tx, row, id, origin.at).await?;
    events::record(tx, origin, row.prn(), "external_id_retired", json!({})).await
}

fn must_have_a_role(row: &BackendRow) -> Result<(), Problem> {
    if row.is_by_keys() {
        let detail = "a backend with an endpoint_url has no external id: its way in is a key pair";
        return Err(Problem::new(Code::StateForbids, detail));
    }
    Ok(())
}

async fn is_retired(tx: &mut Tx, row: &BackendRow, id: &str) -> Result<bool, Problem> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM backend_retired_external_ids WHERE backend_id = $1 AND external_id = $2",
    )
    .bind(row.id.to_string())
    .bind(id)
    .fetch_optional(&mut **tx)
    .await
    .db()?;
    Ok(found.is_some())
}

async fn remember(tx: &mut Tx, row: &BackendRow, id: &str, now: Timestamp) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO backend_retired_external_ids (backend_id, external_id, retired_at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(row.id.to_string())
    .bind(id)
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// The id that a refused registration under this name was told to trust, if there was one: whoever then applies the
/// trust policy of that answer and tries again finds the same id in it.
///
/// # Errors
/// Those of the database.
pub async fn offered(
    conn: &mut crate::db::Conn,
    organization: uuid::Uuid,
    name: &str,
) -> Result<Option<String>, Problem> {
    sqlx::query_scalar(
        "SELECT external_id FROM backend_offered_external_ids WHERE organization_id = $1 AND name = $2",
    )
    .bind(organization.to_string())
    .bind(name)
    .fetch_optional(conn)
    .await
    .db()
}

/// See [`offered`].
///
/// # Errors
/// Those of the database.
pub async fn offer(tx: &mut Tx, row: &BackendRow) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO backend_offered_external_ids (organization_id, name, external_id) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, name) DO UPDATE SET external_id = excluded.external_id",
    )
    .bind(row.organization.to_string())
    .bind(&row.name)
    .bind(&row.external_id)
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// A registration has used it: the next backend of this name gets another.
///
/// # Errors
/// Those of the database.
pub async fn forget_offered(tx: &mut Tx, row: &BackendRow) -> Result<(), Problem> {
    sqlx::query("DELETE FROM backend_offered_external_ids WHERE organization_id = $1 AND name = $2")
        .bind(row.organization.to_string())
        .bind(&row.name)
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}
