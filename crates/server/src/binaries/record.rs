//! A binary's row.

use firmhold_core::{
    Binary, BinaryState, ContentState, Digest, Meta, OrganizationPrn, Prn, PrnKind, Problem, Timestamp,
};
use serde_json::Value;
use uuid::Uuid;

use super::signatures;
use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};
use crate::jobs;

macro_rules! content_state {
    () => {
        "CASE WHEN c.state IN ('stored', 'proved') THEN 'present'
              WHEN c.state IS NOT NULL THEN 'absent'
              WHEN d.state IN ('dropping', 'delete_pending') THEN 'delete_pending'
              WHEN b.state = 'destroyed' THEN 'deleted'
              ELSE 'absent' END"
    };
}

/// `content_state` of the contract as SQL, from the content that the binary has or had.
pub const CONTENT_STATE: &str = content_state!();

/// Selects what [`BinaryRow::from_row`] reads; the binary's own table is `b`.
pub const SELECT: &str = concat!(
    "SELECT b.*, ",
    content_state!(),
    " AS content_state FROM binaries b
     LEFT JOIN contents c ON c.id = b.content_id
     LEFT JOIN contents d ON d.id = b.dropped_content_id"
);

/// A binary, as kept in the database.
#[derive(Debug, Clone)]
pub struct BinaryRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Its artifact version.
    pub artifact_version: Uuid,
    /// Where its content lives.
    pub backend: Uuid,
    /// Its content, from the first part on.
    pub content: Option<Uuid>,
    /// What it runs on.
    pub target: String,
    /// SHA-256 of the content.
    pub hash: Digest,
    /// Bytes of the content.
    pub size: u64,
    /// For people.
    pub description: Option<String>,
    /// For programs.
    pub custom_metadata: Option<Value>,
    /// Kept by retention.
    pub pinned: bool,
    /// See [`BinaryState`].
    pub state: BinaryState,
    /// Why the server moved it back.
    pub state_reason: Option<String>,
    /// See [`ContentState`]; computed.
    pub content_state: ContentState,
    /// When its manifest was written; nothing while a rewrite is due.
    pub manifest_at: Option<Timestamp>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with each change.
    pub revision: u64,
}

/// What a new binary starts with.
#[derive(Debug, Clone)]
pub struct NewBinary {
    /// See [`BinaryRow`], as for all of these.
    pub id: Uuid,
    /// Whose.
    pub organization: Uuid,
    /// Of what.
    pub artifact_version: Uuid,
    /// Where.
    pub backend: Uuid,
    /// Its content, if there is some: proved with the same hash, then it is `signable` at once; or copied by an import
    /// and not proved yet, then it starts in `hashing`.
    pub content: Option<Uuid>,
    /// Whether `content` is proved.
    pub is_proved: bool,
    /// For what.
    pub target: String,
    /// What it must be.
    pub hash: Digest,
    /// How much it must be.
    pub size: u64,
    /// For people.
    pub description: Option<String>,
    /// For programs.
    pub custom_metadata: Option<Value>,
    /// Kept by retention.
    pub pinned: bool,
}

impl BinaryRow {
    /// Reads a row of [`SELECT`].
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            artifact_version: row.uuid("artifact_version_id")?,
            backend: row.uuid("backend_id")?,
            content: row.maybe_uuid("content_id")?,
            target: row.text("target")?,
            hash: row.parsed("hash")?,
            size: row.count("size")?,
            description: row.maybe_text("description")?,
            custom_metadata: row.maybe_json("custom_metadata")?,
            pinned: row.flag("pinned")?,
            state: row.parsed("state")?,
            state_reason: row.maybe_text("state_reason")?,
            content_state: row.parsed("content_state")?,
            manifest_at: row.maybe_time("manifest_at")?,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        })
    }

    /// The organization's binary with this id.
    ///
    /// # Errors
    /// [`firmhold_core::Code::NotFound`], or those of the database.
    pub async fn find(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Self, Problem> {
        Self::find_if_any(conn, organization, id).await?.ok_or_else(Problem::not_found)
    }

    /// The same, for jobs and links: nothing if it was deleted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find_if_any(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Option<Self>, Problem> {
        let sql = format!("{SELECT} WHERE b.organization_id = $1 AND b.id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
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
    pub async fn insert(tx: &mut Tx, new: &NewBinary, now: Timestamp) -> Result<(), sqlx::Error> {
        let state = match new.content {
            None => BinaryState::Uploadable,
            Some(_) if new.is_proved => BinaryState::Signable,
            Some(_) => BinaryState::Hashing,
        };
        sqlx::query(
            "INSERT INTO binaries (id, organization_id, artifact_version_id, backend_id, content_id, target, hash,
                                   size, description, custom_metadata, pinned, state, inserted_at, updated_at,
                                   manifest_revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13,
                     coalesce((SELECT manifest_revision FROM deleted_binaries
                               WHERE organization_id = $2 AND id = $1), 0))",
        )
        .bind(new.id.to_string())
        .bind(new.organization.to_string())
        .bind(new.artifact_version.to_string())
        .bind(new.backend.to_string())
        .bind(new.content.map(|id| id.to_string()))
        .bind(&new.target)
        .bind(new.hash.to_hex())
        .bind(new.size.cast_signed())
        .bind(new.description.as_deref())
        .bind(new.custom_metadata.as_ref().map(Value::to_string))
        .bind(i64::from(new.pinned))
        .bind(state.as_str())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Stores what may change of it, as the next revision. The row was read in the same transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn save(&mut self, tx: &mut Tx, now: Timestamp) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE binaries SET hash = $3, size = $4, description = $5, custom_metadata = $6, pinned = $7, state = $8,
                                 state_reason = $9, updated_at = $10, revision = revision + 1
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(self.organization.to_string())
        .bind(self.id.to_string())
        .bind(self.hash.to_hex())
        .bind(self.size.cast_signed())
        .bind(self.description.as_deref())
        .bind(self.custom_metadata.as_ref().map(Value::to_string))
        .bind(i64::from(self.pinned))
        .bind(self.state.as_str())
        .bind(self.state_reason.as_deref())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        self.revision += 1;
        self.updated_at = now;
        Ok(())
    }

    /// Gives it the content of a new attempt, or takes it away; no new revision, because no field of it shows.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn set_content(&mut self, tx: &mut Tx, content: Option<Uuid>) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE binaries SET content_id = $3,
                 dropped_content_id = CASE WHEN $3 IS NULL THEN coalesce(content_id, dropped_content_id) END
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(self.organization.to_string())
        .bind(self.id.to_string())
        .bind(content.map(|id| id.to_string()))
        .execute(&mut **tx)
        .await
        .db()?;
        self.content = content;
        Ok(())
    }

    /// Forgets it, with its parts and signatures, but for how many manifests it had.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete(&self, tx: &mut Tx) -> Result<(), Problem> {
        super::parts::forget(tx, self).await?;
        signatures::forget(tx, self.organization, self.id).await?;
        sqlx::query(
            "INSERT INTO deleted_binaries (organization_id, id, manifest_revision)
             SELECT organization_id, id, manifest_revision FROM binaries
             WHERE organization_id = $1 AND id = $2 AND manifest_revision > 0
             ON CONFLICT (organization_id, id) DO UPDATE SET manifest_revision = excluded.manifest_revision",
        )
        .bind(self.organization.to_string())
        .bind(self.id.to_string())
        .execute(&mut **tx)
        .await
        .db()?;
        sqlx::query("DELETE FROM binaries WHERE organization_id = $1 AND id = $2")
            .bind(self.organization.to_string())
            .bind(self.id.to_string())
            .execute(&mut **tx)
            .await
            .db()?;
        Ok(())
    }

    /// Its name.
    pub const fn prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::Binary, self.id)
    }

    /// As the API writes it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn to_wire(&self, conn: &mut Conn) -> Result<Binary, Problem> {
        let signatures = signatures::of_binary(conn, self.organization, self.id).await?;
        let state_reason = match self.state {
            // No field of the row: it comes and goes with the job's tries.
            BinaryState::Hashing => {
                jobs::last_problem(conn, self.organization, jobs::hash::NAME, self.id).await?
            }
            _ => self.state_reason.clone(),
        };
        Ok(Binary {
            meta: Meta {
                prn: self.prn(),
                organization_prn: OrganizationPrn(self.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            artifact_version_prn: Prn::new(
                self.organization,
                PrnKind::ArtifactVersion,
                self.artifact_version,
            ),
            target: self.target.clone(),
            hash: self.hash,
            size: self.size,
            description: self.description.clone(),
            custom_metadata: self.custom_metadata.clone(),
            pinned: self.pinned,
            backend_prn: Prn::new(self.organization, PrnKind::Backend, self.backend),
            state: self.state,
            state_reason,
            content_state: self.content_state,
            restore_expected_at: None,
            restored_until: None,
            retired_at: None,
            manifest_at: self.manifest_at,
            signatures: signatures.iter().filter_map(signatures::SignatureRow::handed).collect(),
        })
    }
}
