//! Products in the database.

use firmhold_core::{Meta, PrnKind, Problem, Product};
use uuid::Uuid;

use super::record::{self, Column, Record, meta, reference};
use crate::db::{Conn, DbResult as _, Row, RowExt as _};

impl Record for Product {
    const TABLE: &'static str = "products";
    const KIND: PrnKind = PrnKind::Product;

    fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            meta: meta(row, Self::KIND)?,
            name: row.text("name")?,
            archived: row.flag("archived")?,
            backend_prn: reference(row, "backend_id", PrnKind::Backend)?,
            delivery_mode: row.maybe_parsed("delivery_mode")?,
            retention: None,
            allowed_regions: None,
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
            ("archived", Column::flag(self.archived)),
            ("backend_id", Column::id(self.backend_prn)),
            ("delivery_mode", Column::Text(self.delivery_mode.map(|mode| mode.as_str().to_owned()))),
        ]
    }
}

/// Whether all of these are products of the organization.
///
/// # Errors
/// Those of the database.
pub async fn all_exist(conn: &mut Conn, organization: Uuid, ids: &[Uuid]) -> Result<bool, Problem> {
    for id in ids {
        if record::find::<Product>(conn, organization, *id).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The product of an artifact version's artifact, if it has one.
///
/// # Errors
/// Those of the database.
pub async fn of_version(
    conn: &mut Conn,
    organization: Uuid,
    version: Uuid,
) -> Result<Option<Product>, Problem> {
    let row = sqlx::query(
        "SELECT p.* FROM products p JOIN artifacts a ON a.product_id = p.id
         JOIN artifact_versions v ON v.organization_id = a.organization_id AND v.artifact_id = a.id
         WHERE v.organization_id = $1 AND v.id = $2",
    )
    .bind(organization.to_string())
    .bind(version.to_string())
    .fetch_optional(conn)
    .await
    .db()?;
    row.as_ref().map(Product::from_row).transpose()
}

/// The product of an artifact, if it has one; nothing also if there is no such artifact.
///
/// # Errors
/// Those of the database.
pub async fn of_artifact(
    conn: &mut Conn,
    organization: Uuid,
    artifact: Uuid,
) -> Result<Option<Uuid>, Problem> {
    let row = sqlx::query("SELECT product_id FROM artifacts WHERE organization_id = $1 AND id = $2")
        .bind(organization.to_string())
        .bind(artifact.to_string())
        .fetch_optional(conn)
        .await
        .db()?;
    row.map_or(Ok(None), |row| row.maybe_uuid("product_id"))
}

/// Whether a key that is limited to `limit` (to nothing, if that is empty) may write what belongs to `product`.
///
/// INVARIANT: what belongs to no product is written by unlimited keys only.
pub fn is_within(limit: &[Uuid], product: Option<Uuid>) -> bool {
    limit.is_empty() || product.is_some_and(|product| limit.contains(&product))
}

/// Whether a product names the backend.
///
/// # Errors
/// Those of the database.
pub async fn names_backend(conn: &mut Conn, backend: Uuid) -> Result<bool, Problem> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM products WHERE backend_id = $1 LIMIT 1")
        .bind(backend.to_string())
        .fetch_optional(conn)
        .await
        .db()?;
    Ok(found.is_some())
}
