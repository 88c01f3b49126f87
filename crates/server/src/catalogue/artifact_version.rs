//! An artifact version's row.

use firmhold_core::{ArtifactVersion, Meta, OrganizationPrn, Prn, PrnKind, Problem, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};

/// An artifact version, as kept in the database.
#[derive(Debug, Clone)]
pub struct ArtifactVersionRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Of which artifact.
    pub artifact: Uuid,
    /// 1–128 characters of free text; unique in the artifact.
    pub version: String,
    /// For people.
    pub description: Option<String>,
    /// For programs.
    pub custom_metadata: Option<Value>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with each change.
    pub revision: u64,
}

impl ArtifactVersionRow {
    /// Reads a row of `artifact_versions`.
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            artifact: row.uuid("artifact_id")?,
            version: row.text("version")?,
            description: row.maybe_text("description")?,
            custom_metadata: row.maybe_json("custom_metadata")?,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        })
    }

    /// The organization's artifact version with this id, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Option<Self>, Problem> {
        let row = sqlx::query("SELECT * FROM artifact_versions WHERE organization_id = $1 AND id = $2")
            .bind(organization.to_string())
            .bind(id.to_string())
            .fetch_optional(conn)
            .await
            .db()?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// Stores a new one.
    ///
    /// # Errors
    /// `sqlx`'s own, so that the caller can tell a duplicate.
    pub async fn insert(&self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO artifact_versions (id, organization_id, artifact_id, version, version_folded, description,
                                            custom_metadata, inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(self.id.to_string())
        .bind(self.organization.to_string())
        .bind(self.artifact.to_string())
        .bind(&self.version)
        .bind(self.version.to_lowercase())
        .bind(self.description.as_deref())
        .bind(self.custom_metadata.as_ref().map(Value::to_string))
        .bind(self.inserted_at.as_millis())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Stores what may change of it, as the next revision.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn save(&mut self, tx: &mut Tx, now: Timestamp) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE artifact_versions SET description = $2, custom_metadata = $3, updated_at = $4, revision = revision + 1
             WHERE id = $1",
        )
        .bind(self.id.to_string())
        .bind(self.description.as_deref())
        .bind(self.custom_metadata.as_ref().map(Value::to_string))
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        self.revision += 1;
        self.updated_at = now;
        Ok(())
    }

    /// Removes it, unless it has binaries. Tells whether it went.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete(&self, tx: &mut Tx) -> Result<bool, Problem> {
        let done = sqlx::query(
            "DELETE FROM artifact_versions WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM binaries WHERE artifact_version_id = $1)",
        )
        .bind(self.id.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
        Ok(done.rows_affected() == 1)
    }

    /// Its name.
    pub const fn prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::ArtifactVersion, self.id)
    }

    /// As the API writes it.
    pub fn to_wire(&self) -> ArtifactVersion {
        ArtifactVersion {
            meta: Meta {
                prn: self.prn(),
                organization_prn: OrganizationPrn(self.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            artifact_prn: Prn::new(self.organization, PrnKind::Artifact, self.artifact),
            version: self.version.clone(),
            description: self.description.clone(),
            custom_metadata: self.custom_metadata.clone(),
        }
    }
}
