//! An artifact's row.

use firmhold_core::{Artifact, Meta, OrganizationPrn, Prn, PrnKind, Problem, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};

/// An artifact, as kept in the database.
#[derive(Debug, Clone)]
pub struct ArtifactRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// 1–128 characters; not unique.
    pub name: String,
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

impl ArtifactRow {
    /// Reads a row of `artifacts`.
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            name: row.text("name")?,
            description: row.maybe_text("description")?,
            custom_metadata: row.maybe_json("custom_metadata")?,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        })
    }

    /// The organization's artifact with this id, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Option<Self>, Problem> {
        let row = sqlx::query("SELECT * FROM artifacts WHERE organization_id = $1 AND id = $2")
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
            "INSERT INTO artifacts (id, organization_id, name, name_folded, description, custom_metadata, inserted_at,
                                    updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        )
        .bind(self.id.to_string())
        .bind(self.organization.to_string())
        .bind(&self.name)
        .bind(self.name.to_lowercase())
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
            "UPDATE artifacts SET name = $2, name_folded = $3, description = $4, custom_metadata = $5, updated_at = $6,
                                  revision = revision + 1 WHERE id = $1",
        )
        .bind(self.id.to_string())
        .bind(&self.name)
        .bind(self.name.to_lowercase())
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

    /// Removes it, unless it has versions. Tells whether it went.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete(&self, tx: &mut Tx) -> Result<bool, Problem> {
        let done = sqlx::query(
            "DELETE FROM artifacts WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM artifact_versions WHERE artifact_id = $1)",
        )
        .bind(self.id.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
        Ok(done.rows_affected() == 1)
    }

    /// Its name.
    pub const fn prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::Artifact, self.id)
    }

    /// As the API writes it.
    pub fn to_wire(&self) -> Artifact {
        Artifact {
            meta: Meta {
                prn: self.prn(),
                organization_prn: OrganizationPrn(self.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            name: self.name.clone(),
            description: self.description.clone(),
            custom_metadata: self.custom_metadata.clone(),
            product_prn: None,
        }
    }
}
