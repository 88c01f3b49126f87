//! An entry of an import: one object of the bucket.

use firmhold_core::{Digest, EntryState, ImportEntry, Prn, PrnKind, Problem, Timestamp};
use firmhold_store::CopySource;
use uuid::Uuid;

use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};

/// Selects what [`EntryRow::from_row`] reads; what lists are ordered by stands under the name that all lists use.
pub const SELECT: &str = "SELECT * FROM (SELECT *, position AS inserted_at FROM import_entries) e";

/// An entry, as kept in the database.
#[derive(Debug, Clone)]
pub struct EntryRow {
    /// Only for cursors and writes: an entry has no PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Of which import.
    pub import: Uuid,
    /// Its place in the import, from 0.
    pub position: u64,
    /// The object.
    pub key: String,
    /// The version that is adopted.
    pub version_id: Option<String>,
    /// Its entity tag, from the first look on.
    pub etag: Option<String>,
    /// Its bytes, from the first look on.
    pub size: Option<u64>,
    /// What it is mapped to.
    pub artifact: Option<Uuid>,
    /// Which version of it.
    pub version: Option<String>,
    /// That version's row, once there is one.
    pub artifact_version: Option<Uuid>,
    /// What it runs on.
    pub target: Option<String>,
    /// SHA-256, as given or learned.
    pub hash: Option<Digest>,
    /// What became of it.
    pub binary: Option<Uuid>,
    /// The attempt that the store copies into.
    pub content: Option<Uuid>,
    /// The size of the copy's parts; nothing if it is copied in one.
    pub part_bytes: Option<u64>,
    /// Whether the object was looked at.
    pub looked: bool,
    /// How often the store failed on it.
    pub tries: u64,
    /// See [`EntryState`].
    pub state: EntryState,
    /// Why it stands there.
    pub reason: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl EntryRow {
    /// A new one of `key`, pending.
    pub fn new(organization: Uuid, import: Uuid, position: u64, key: String, now: Timestamp) -> Self {
        Self {
            id: Uuid::new_v4(),
            organization,
            import,
            position,
            key,
            version_id: None,
            etag: None,
            size: None,
            artifact: None,
            version: None,
            artifact_version: None,
            target: None,
            hash: None,
            binary: None,
            content: None,
            part_bytes: None,
            looked: false,
            tries: 0,
            state: EntryState::Pending,
            reason: None,
            updated_at: now,
        }
    }

    /// Reads a row of [`SELECT`].
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            import: row.uuid("import_id")?,
            position: row.count("position")?,
            key: row.text("source_key")?,
            version_id: row.maybe_text("source_version_id")?,
            etag: row.maybe_text("source_etag")?,
            size: row.maybe_number("size")?.map(i64::cast_unsigned),
            artifact: row.maybe_uuid("artifact_id")?,
            version: row.maybe_text("version")?,
            artifact_version: row.maybe_uuid("artifact_version_id")?,
            target: row.maybe_text("target")?,
            hash: row.maybe_parsed("hash")?,
            binary: row.maybe_uuid("binary_id")?,
            content: row.maybe_uuid("content_id")?,
            part_bytes: row.maybe_number("part_bytes")?.map(i64::cast_unsigned),
            looked: row.flag("looked")?,
            tries: row.count("tries")?,
            state: row.parsed("state")?,
            reason: row.maybe_text("reason")?,
            updated_at: row.time("updated_at")?,
        })
    }

    /// Stores a new one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn insert(&self, tx: &mut Tx) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO import_entries (id, organization_id, import_id, position, source_key, source_version_id, size,
                                         artifact_id, version, artifact_version_id, target, hash, state, reason,
                                         updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(self.id.to_string())
        .bind(self.organization.to_string())
        .bind(self.import.to_string())
        .bind(self.position.cast_signed())
        .bind(&self.key)
        .bind(self.version_id.as_deref())
        .bind(self.size.map(u64::cast_signed))
        .bind(self.artifact.map(|id| id.to_string()))
        .bind(self.version.as_deref())
        .bind(self.artifact_version.map(|id| id.to_string()))
        .bind(self.target.as_deref())
        .bind(self.hash.map(Digest::to_hex))
        .bind(self.state.as_str())
        .bind(self.reason.as_deref())
        .bind(self.updated_at.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        Ok(())
    }

    /// Stores what changes on its way. Tells whether it still stood in the state `from`: a cancel may have been first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn save(&self, tx: &mut Tx, from: EntryState, now: Timestamp) -> Result<bool, Problem> {
        let done = sqlx::query(
            "UPDATE import_entries
             SET source_version_id = $3, source_etag = $4, size = $5, artifact_version_id = $6, hash = $7, binary_id = $8,
                 content_id = $9, part_bytes = $10, looked = $11, tries = $12, state = $13, reason = $14,
                 updated_at = $15
             WHERE id = $1 AND state = $2",
        )
        .bind(self.id.to_string())
        .bind(from.as_str())
        .bind(self.version_id.as_deref())
        .bind(self.etag.as_deref())
        .bind(self.size.map(u64::cast_signed))
        .bind(self.artifact_version.map(|id| id.to_string()))
        .bind(self.hash.map(Digest::to_hex))
        .bind(self.binary.map(|id| id.to_string()))
        .bind(self.content.map(|id| id.to_string()))
        .bind(self.part_bytes.map(u64::cast_signed))
        .bind(i64::from(self.looked))
        .bind(self.tries.cast_signed())
        .bind(self.state.as_str())
        .bind(self.reason.as_deref())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        Ok(done.rows_affected() == 1)
    }

    /// The bytes that are meant, once the object was looked at.
    ///
    /// # Errors
    /// [`firmhold_core::Code::Internal`] before that: a fault of ours.
    pub fn source(&self) -> Result<CopySource, Problem> {
        let size = self.size.filter(|_| self.looked);
        Ok(CopySource {
            key: firmhold_core::ObjectKey::from_stored(&self.key),
            version_id: self.version_id.clone(),
            etag: self.etag.clone(),
            size: size.ok_or_else(|| Problem::internal("an import's object was not looked at"))?,
        })
    }

    /// As the API writes it.
    pub fn to_wire(&self) -> ImportEntry {
        let prn = |kind: PrnKind, id: Option<Uuid>| id.map(|id| Prn::new(self.organization, kind, id));
        ImportEntry {
            key: self.key.clone(),
            version_id: self.version_id.clone(),
            size: self.size,
            artifact_prn: prn(PrnKind::Artifact, self.artifact),
            version: self.version.clone(),
            artifact_version_prn: prn(PrnKind::ArtifactVersion, self.artifact_version),
            target: self.target.clone(),
            hash: self.hash,
            binary_prn: prn(PrnKind::Binary, self.binary),
            state: self.state,
            reason: self.reason.clone(),
        }
    }
}

/// The import's entries in `state` whose position is at least `from`, in order; in a dry run only those that were not
/// looked at.
///
/// # Errors
/// Those of the database.
pub async fn in_state(
    conn: &mut Conn,
    import: Uuid,
    state: EntryState,
    from: u64,
    limit: u32,
    unseen_only: bool,
) -> Result<Vec<EntryRow>, Problem> {
    let rows = sqlx::query(
        "SELECT * FROM import_entries WHERE import_id = $1 AND state = $2 AND position >= $3 AND (looked = 0 OR $4 = 0)
         ORDER BY position LIMIT $5",
    )
    .bind(import.to_string())
    .bind(state.as_str())
    .bind(from.cast_signed())
    .bind(i64::from(unseen_only))
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await
    .db()?;
    rows.iter().map(EntryRow::from_row).collect()
}

/// Gives all entries that nothing was done with yet up.
///
/// # Errors
/// Those of the database.
pub async fn cancel_pending(tx: &mut Tx, import: Uuid, now: Timestamp) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE import_entries SET state = 'cancelled', updated_at = $2 WHERE import_id = $1 AND state = 'pending'",
    )
    .bind(import.to_string())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// Brings entries whose binaries the hash job is through with to their end: the binary tells how that went, or that it
/// went another way meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn settle(tx: &mut Tx, import: Uuid, now: Timestamp) -> Result<u64, Problem> {
    let proved = sqlx::query(
        "UPDATE import_entries SET state = 'done', updated_at = $2
         WHERE import_id = $1 AND state = 'hashing'
           AND EXISTS (SELECT 1 FROM binaries b WHERE b.organization_id = import_entries.organization_id
                       AND b.id = binary_id AND b.state IN ('signable', 'signed'))",
    )
    .bind(import.to_string())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    let refused = sqlx::query(
        "UPDATE import_entries SET state = 'failed', updated_at = $2, reason = coalesce(
             (SELECT b.state_reason FROM binaries b
              WHERE b.organization_id = import_entries.organization_id AND b.id = binary_id),
             'its binary was reset, destroyed or deleted before it was proved')
         WHERE import_id = $1 AND state = 'hashing' AND NOT EXISTS (
             SELECT 1 FROM binaries b WHERE b.organization_id = import_entries.organization_id AND b.id = binary_id
             AND b.state IN ('hashing', 'signable', 'signed'))",
    )
    .bind(import.to_string())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(proved.rows_affected() + refused.rows_affected())
}

/// Whether another entry's copy with these bytes is on its way in this backend: the next one waits for it instead of
/// copying them again.
///
/// # Errors
/// Those of the database.
pub async fn is_under_way(
    conn: &mut Conn,
    backend: Uuid,
    entry: Uuid,
    hash: Digest,
) -> Result<bool, Problem> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM import_entries e JOIN imports i ON i.id = e.import_id
         WHERE e.hash = $1 AND e.state IN ('copying', 'hashing') AND i.backend_id = $2 AND e.id <> $3 LIMIT 1",
    )
    .bind(hash.to_hex())
    .bind(backend.to_string())
    .bind(entry.to_string())
    .fetch_optional(conn)
    .await
    .db()?;
    Ok(found.is_some())
}
