//! The audit log (API contract 13.2).

use firmhold_core::{Prn, Problem, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbResult as _, Tx};

/// What caused a change.
#[derive(Debug, Clone)]
pub struct Origin {
    /// In which organization.
    pub organization: Uuid,
    /// API key or device; nothing for the server itself.
    pub actor: Option<Prn>,
    /// Of the request that asked for it.
    pub request_id: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Origin {
    /// A change that the server makes by itself.
    pub const fn server(organization: Uuid, at: Timestamp) -> Self {
        Self { organization, actor: None, request_id: None, at }
    }
}

/// Records that `resource` has been `subtype` (`created`, `updated`, `deleted`, `state_changed`, …) in the transaction
/// of the change itself. `data` holds changed fields with old and new values.
///
/// INVARIANT: never a secret in `data`.
///
/// # Errors
/// Those of the database.
pub async fn record(
    tx: &mut Tx,
    origin: &Origin,
    resource: Prn,
    subtype: &str,
    data: Value,
) -> Result<(), Problem> {
    record_as(tx, origin, resource.kind.as_str(), resource, subtype, data).await
}

/// As [`record`], of a type that is not the resource's own: a link has no name, so `link.revoked` is told of its binary.
///
/// # Errors
/// Those of the database.
pub async fn record_as(
    tx: &mut Tx,
    origin: &Origin,
    kind: &str,
    resource: Prn,
    subtype: &str,
    data: Value,
) -> Result<(), Problem> {
    sqlx::query(
        "INSERT INTO events (id, organization_id, type, subtype, actor_prn, resource_prn, request_id, data, inserted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(Uuid::new_v4().to_string())
    .bind(origin.organization.to_string())
    .bind(kind)
    .bind(subtype)
    .bind(origin.actor.map(|actor| actor.to_string()))
    .bind(resource.to_string())
    .bind(origin.request_id.as_deref())
    .bind(data.to_string())
    .bind(origin.at.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}
