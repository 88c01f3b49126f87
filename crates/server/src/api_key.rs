//! Rows of API keys.

use firmhold_core::{Digest, Meta, OrganizationPrn, Prn, PrnKind, Problem, Scope, Secret, Timestamp};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::db::{DbResult as _, Row, RowExt as _, Tx};

/// Characters of a key that stay visible.
const HINT: usize = 8;

/// An API key as the API writes it; the secret is in no row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// 1–128 characters.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The products it is limited to; empty for all.
    pub product_prns: Vec<Prn>,
    /// The issuer that it was exchanged at.
    pub oidc_issuer_prn: Option<Prn>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Its first characters.
    pub hint: String,
    /// Accurate to a minute.
    pub last_used_at: Option<Timestamp>,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// 1–128 characters.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The products it is limited to; empty for all.
    pub products: Vec<Uuid>,
    /// The issuer whose token it was exchanged for.
    pub oidc_issuer: Option<Uuid>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Columns that [`from_row`] reads.
pub(crate) const SELECT: &str =
    "SELECT id, organization_id, name, scope, product_ids, oidc_issuer_id, hint, expires_at, last_used_at,
    inserted_at, updated_at, revision FROM api_keys";

/// Makes a key: its id, and its secret for the one answer that shows it.
///
/// INVARIANT: the database holds the secret's SHA-256 only. It has 256 random bits, so no slow hash is needed.
pub(crate) async fn insert(
    tx: &mut Tx,
    organization: Uuid,
    key: &NewApiKey,
    now: Timestamp,
) -> Result<(Uuid, Secret), Problem> {
    let id = Uuid::new_v4();
    let secret = Secret::random::<32>("fhk_").map_err(Problem::internal)?;
    let hint: String = secret.expose().chars().take(HINT).collect();
    sqlx::query(
        "INSERT INTO api_keys (id, organization_id, name, name_folded, scope, secret_sha256, hint, expires_at,
             inserted_at, updated_at, product_ids, oidc_issuer_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)",
    )
    .bind(id.to_string())
    .bind(organization.to_string())
    .bind(&key.name)
    .bind(key.name.to_lowercase())
    .bind(key.scope.as_str())
    .bind(Digest::of(secret.expose()).to_hex())
    .bind(hint)
    .bind(key.expires_at.map(Timestamp::as_millis))
    .bind(now.as_millis())
    .bind(json!(key.products).to_string())
    .bind(key.oidc_issuer.map(|id| id.to_string()))
    .execute(&mut **tx)
    .await
    .db()?;
    Ok((id, secret))
}

/// A key from its row.
pub(crate) fn from_row(row: &Row) -> Result<ApiKey, Problem> {
    let organization = row.uuid("organization_id")?;
    let products: Vec<Uuid> = row.json("product_ids")?;
    Ok(ApiKey {
        meta: Meta {
            prn: Prn::new(organization, PrnKind::ApiKey, row.uuid("id")?),
            organization_prn: OrganizationPrn(organization),
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        },
        name: row.text("name")?,
        scope: row.parsed("scope")?,
        product_prns: products.into_iter().map(|id| Prn::new(organization, PrnKind::Product, id)).collect(),
        oidc_issuer_prn: row
            .maybe_uuid("oidc_issuer_id")?
            .map(|id| Prn::new(organization, PrnKind::OidcIssuer, id)),
        expires_at: row.maybe_time("expires_at")?,
        hint: row.text("hint")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

/// Ends the keys that were exchanged at an issuer. Answers which.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_of_issuer(tx: &mut Tx, issuer: Uuid) -> Result<Vec<ApiKey>, Problem> {
    let sql = format!("{SELECT} WHERE oidc_issuer_id = $1 ORDER BY inserted_at, id");
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(issuer.to_string()).fetch_all(&mut **tx).await.db()?;
    sqlx::query("DELETE FROM api_keys WHERE oidc_issuer_id = $1")
        .bind(issuer.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
    rows.iter().map(from_row).collect()
}
