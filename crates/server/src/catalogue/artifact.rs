//! Artifacts in the database.

use firmhold_core::{Artifact, Meta, PrnKind, Problem};

use super::record::{Column, Record, meta, reference};
use crate::db::{DbResult as _, Row, RowExt as _, Tx};

impl Record for Artifact {
    const TABLE: &'static str = "artifacts";
    const KIND: PrnKind = PrnKind::Artifact;

    fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            meta: meta(row, Self::KIND)?,
            name: row.text("name")?,
            description: row.maybe_text("description")?,
            custom_metadata: row.maybe_json("custom_metadata")?,
            product_prn: reference(row, "product_id", PrnKind::Product)?,
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
            ("description", Column::Text(self.description.clone())),
            ("custom_metadata", Column::json(self.custom_metadata.as_ref())),
            ("product_id", Column::id(self.product_prn)),
        ]
    }
}

/// Removes an artifact, unless it has versions. Tells whether it went.
///
/// # Errors
/// Those of the database.
pub async fn delete(tx: &mut Tx, artifact: &Artifact) -> Result<bool, Problem> {
    let done = sqlx::query(
        "DELETE FROM artifacts WHERE organization_id = $1 AND id = $2
         AND NOT EXISTS (SELECT 1 FROM artifact_versions WHERE organization_id = $1 AND artifact_id = $2)",
    )
    .bind(artifact.prn().organization.to_string())
    .bind(artifact.id().to_string())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}
