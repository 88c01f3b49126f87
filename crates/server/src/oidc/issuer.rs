//! Issuers in the database, and the one that a token fits.

use firmhold_core::oidc_issuer::subject_fits;
use firmhold_core::{Meta, OidcIssuer, Prn, PrnKind, Problem, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::token::Claims;
use crate::catalogue::record::{Column, Record, meta};
use crate::db::{Conn, DbResult as _, Query, Row, RowExt as _, Tx};

impl Record for OidcIssuer {
    const TABLE: &'static str = "oidc_issuers";
    const KIND: PrnKind = PrnKind::OidcIssuer;

    fn from_row(row: &Row) -> Result<Self, Problem> {
        let meta = meta(row, Self::KIND)?;
        let organization = meta.prn.organization;
        let products: Vec<Uuid> = row.json("product_ids")?;
        Ok(Self {
            meta,
            name: row.text("name")?,
            issuer: row.text("issuer")?,
            audience: row.text("audience")?,
            subjects: row.json("subjects")?,
            scope: row.parsed("scope")?,
            product_prns: products
                .into_iter()
                .map(|id| Prn::new(organization, PrnKind::Product, id))
                .collect(),
            max_ttl_seconds: row.number("max_ttl_seconds")?.try_into().map_err(Problem::internal)?,
            last_used_at: row.maybe_time("last_used_at")?,
        })
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn columns(&self) -> Vec<(&'static str, Column)> {
        vec![
            ("name", Column::text(&self.name)),
            ("name_folded", Column::folded(&self.name)),
            ("issuer", Column::text(&self.issuer)),
            ("audience", Column::text(&self.audience)),
            ("subjects", Column::text(json!(self.subjects).to_string())),
            ("scope", Column::text(self.scope.as_str())),
            ("product_ids", Column::text(json!(product_ids(self)).to_string())),
            ("max_ttl_seconds", Column::Number(Some(i64::from(self.max_ttl_seconds)))),
        ]
    }
}

/// The products that keys of the issuer are limited to.
pub fn product_ids(issuer: &OidcIssuer) -> Vec<Uuid> {
    issuer.product_prns.iter().map(|prn| prn.id).collect()
}

/// Whether a token with these claims may be exchanged at the issuer, as far as the claims tell.
///
/// INVARIANT: issuer and audience are compared as they are, and the audience holds the organization's UUID, so that a
/// token fits one organization only.
pub fn fits(issuer: &OidcIssuer, claims: &Claims) -> bool {
    issuer.issuer == claims.iss
        && claims.aud.as_slice().contains(&issuer.audience)
        && issuer.subjects.iter().any(|pattern| subject_fits(pattern, &claims.sub))
}

/// The issuers of any organization that the claims' `iss` and `aud` name, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn named_by(conn: &mut Conn, claims: &Claims) -> Result<Vec<OidcIssuer>, Problem> {
    if claims.aud.as_slice().is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Query::new("SELECT * FROM oidc_issuers WHERE issuer = ");
    sql.push_bind(claims.iss.clone()).push(" AND audience IN (");
    let mut audiences = sql.separated(", ");
    for audience in claims.aud.as_slice() {
        audiences.push_bind(audience.clone());
    }
    sql.push(") ORDER BY inserted_at, id");
    let rows = sql.build().fetch_all(conn).await.db()?;
    rows.iter().map(OidcIssuer::from_row).collect()
}

/// How many issuers an organization has.
///
/// # Errors
/// Those of the database.
pub async fn count(conn: &mut Conn, organization: Uuid) -> Result<i64, Problem> {
    sqlx::query_scalar("SELECT count(*) FROM oidc_issuers WHERE organization_id = $1")
        .bind(organization.to_string())
        .fetch_one(conn)
        .await
        .db()
}

/// Notes that a token was exchanged. No new revision: nothing was changed.
///
/// # Errors
/// Those of the database.
pub async fn note_use(tx: &mut Tx, issuer: &OidcIssuer, now: Timestamp) -> Result<(), Problem> {
    sqlx::query("UPDATE oidc_issuers SET last_used_at = $2 WHERE id = $1")
        .bind(issuer.id().to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// Removes the issuer.
///
/// # Errors
/// Those of the database.
pub async fn delete(tx: &mut Tx, issuer: &OidcIssuer) -> Result<(), Problem> {
    sqlx::query("DELETE FROM oidc_issuers WHERE id = $1")
        .bind(issuer.id().to_string())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}
