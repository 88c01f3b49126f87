//! Artifact versions in the database.

use firmhold_core::{ArtifactVersion, Meta, Prn, PrnKind, Problem};

use super::record::{Column, Record, meta};
use crate::db::{DbResult as _, Row, RowExt as _, Tx};

impl Record for ArtifactVersion {
    const TABLE: &'static str = "artifact_versions";
    const KIND: PrnKind = PrnKind::ArtifactVersion;

    fn from_row(row: &Row) -> Result<Self, Problem> {
        let meta = meta(row, Self::KIND)?;
        Ok(Self {
            artifact_prn: Prn::new(meta.prn.organization, PrnKind::Artifact, row.uuid("artifact_id")?),
            meta,
            version: row.text("version")?,
            description: row.maybe_text("description")?,
            custom_metadata: row.maybe_json("custom_metadata")?,
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
            ("artifact_id", Column::id(Some(self.artifact_prn))),
            ("version", Column::text(&self.version)),
            ("version_folded", Column::folded(&self.version)),
            ("description", Column::Text(self.description.clone())),
            ("custom_metadata", Column::json(self.custom_metadata.as_ref())),
        ]
    }
}

/// Removes an artifact version, unless it has binaries. Tells whether it went.
///
/// # Errors
/// Those of the database.
pub async fn delete(tx: &mut Tx, version: &ArtifactVersion) -> Result<bool, Problem> {
    let done = sqlx::query(
        "DELETE FROM artifact_versions WHERE organization_id = $1 AND id = $2
         AND NOT EXISTS (SELECT 1 FROM binaries WHERE organization_id = $1 AND artifact_version_id = $2)",
    )
    .bind(version.prn().organization.to_string())
    .bind(version.id().to_string())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}
