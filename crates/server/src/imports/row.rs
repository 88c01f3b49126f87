//! An import's row.

use firmhold_core::{
    Import, ImportCounts, ImportState, Meta, OrganizationPrn, Prn, PrnKind, Problem, Timestamp,
};
use serde_json::json;
use uuid::Uuid;

use crate::binaries::steps::changed;
use crate::db::{Conn, DbResult as _, Row, RowExt as _, Tx};
use crate::events::{self, Origin};
use crate::jobs;

/// Selects what [`ImportRow::from_row`] reads.
pub const SELECT: &str = "SELECT * FROM imports i";

/// An import, as kept in the database.
#[derive(Debug, Clone)]
pub struct ImportRow {
    /// The last part of its PRN.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Whose bucket is read and written.
    pub backend: Uuid,
    /// The key that asked for it: the actor of what it makes.
    pub api_key: Uuid,
    /// The products that this key was limited to; empty for all.
    pub products: Vec<Uuid>,
    /// What of the bucket is read.
    pub source_prefix: String,
    /// How keys are read; nothing if entries were given.
    pub mapping: Option<String>,
    /// Instead of `{artifact}`.
    pub artifact: Option<Uuid>,
    /// Instead of `{target}`.
    pub target: Option<String>,
    /// Whether nothing is copied.
    pub dry_run: bool,
    /// See [`ImportState`].
    pub state: ImportState,
    /// The last key that was listed.
    pub listed_to: Option<String>,
    /// Whether all keys were listed.
    pub listed: bool,
    /// What the entries came to, once nothing is to come any more.
    pub final_counts: Option<ImportCounts>,
    /// Turns of its job, one after the other, in which the store failed on something.
    pub store_failures: u64,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with each change.
    pub revision: u64,
}

impl ImportRow {
    /// Reads a row of [`SELECT`].
    ///
    /// # Errors
    /// If a column is not what it should be.
    pub fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            backend: row.uuid("backend_id")?,
            api_key: row.uuid("api_key_id")?,
            products: row.json("product_ids")?,
            source_prefix: row.text("source_prefix")?,
            mapping: row.maybe_text("mapping")?,
            artifact: row.maybe_uuid("artifact_id")?,
            target: row.maybe_text("target")?,
            dry_run: row.flag("dry_run")?,
            state: row.parsed("state")?,
            listed_to: row.maybe_text("listed_to")?,
            listed: row.flag("listed")?,
            final_counts: row.maybe_json("final_counts")?,
            store_failures: row.count("store_failures")?,
            finished_at: row.maybe_time("finished_at")?,
            inserted_at: row.time("inserted_at")?,
            updated_at: row.time("updated_at")?,
            revision: row.count("revision")?,
        })
    }

    /// The import with this id, for jobs; nothing if there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn find_any(conn: &mut Conn, id: Uuid) -> Result<Option<Self>, Problem> {
        let row = sqlx::query("SELECT * FROM imports WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(conn)
            .await
            .db()?;
        row.as_ref().map(Self::from_row).transpose()
    }

    /// The organization's import with this id.
    ///
    /// # Errors
    /// [`firmhold_core::Code::NotFound`], or those of the database.
    pub async fn find(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<Self, Problem> {
        let found = Self::find_any(conn, id).await?;
        found.filter(|row| row.organization == organization).ok_or_else(Problem::not_found)
    }

    /// Stores a new one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn insert(&self, tx: &mut Tx) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO imports (id, organization_id, backend_id, api_key_id, product_ids, source_prefix, mapping,
                                  artifact_id, target, dry_run, state, listed, inserted_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
        )
        .bind(self.id.to_string())
        .bind(self.organization.to_string())
        .bind(self.backend.to_string())
        .bind(self.api_key.to_string())
        .bind(json!(self.products).to_string())
        .bind(&self.source_prefix)
        .bind(self.mapping.as_deref())
        .bind(self.artifact.map(|id| id.to_string()))
        .bind(self.target.as_deref())
        .bind(i64::from(self.dry_run))
        .bind(self.state.as_str())
        .bind(i64::from(self.listed))
        .bind(self.inserted_at.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        Ok(())
    }

    /// Notes how far the bucket was listed; `end` if that was all of it. No new revision, because no field of it shows.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn save_listed(&mut self, tx: &mut Tx, to: Option<String>, end: bool) -> Result<(), Problem> {
        sqlx::query("UPDATE imports SET listed_to = coalesce($2, listed_to), listed = $3 WHERE id = $1")
            .bind(self.id.to_string())
            .bind(to.as_deref())
            .bind(i64::from(end))
            .execute(&mut **tx)
            .await
            .db()?;
        self.listed_to = to.or(self.listed_to.take());
        self.listed = end;
        Ok(())
    }

    /// Notes how many turns of its job in a row the store has failed in; no new revision.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn save_failures(&mut self, tx: &mut Tx, failures: u64) -> Result<(), Problem> {
        if failures != self.store_failures {
            sqlx::query("UPDATE imports SET store_failures = $2 WHERE id = $1")
                .bind(self.id.to_string())
                .bind(failures.cast_signed())
                .execute(&mut **tx)
                .await
                .db()?;
            self.store_failures = failures;
        }
        Ok(())
    }

    /// Keeps what the entries came to, so that nobody counts them again: nothing is to come any more.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keep_counts(&mut self, tx: &mut Tx) -> Result<(), Problem> {
        let counts = counts(tx, self.id).await?;
        sqlx::query("UPDATE imports SET final_counts = $2 WHERE id = $1")
            .bind(self.id.to_string())
            .bind(json!(counts).to_string())
            .execute(&mut **tx)
            .await
            .db()?;
        self.final_counts = Some(counts);
        Ok(())
    }

    /// Ends it. The row was read in the same transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn finish(&mut self, tx: &mut Tx, state: ImportState, origin: &Origin) -> Result<(), Problem> {
        let before = std::mem::replace(&mut self.state, state);
        sqlx::query(
            "UPDATE imports SET state = $2, finished_at = $3, updated_at = $3, revision = revision + 1 WHERE id = $1",
        )
        .bind(self.id.to_string())
        .bind(state.as_str())
        .bind(origin.at.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
        self.revision += 1;
        self.updated_at = origin.at;
        self.finished_at = Some(origin.at);
        let data = json!({ "state": changed(before.as_str(), state.as_str()) });
        events::record(tx, origin, self.prn(), "state_changed", data).await
    }

    /// For the events of what it makes: asked for by its key, done by the server at `at`.
    pub fn origin(&self, at: Timestamp) -> Origin {
        let actor = Prn::new(self.organization, PrnKind::ApiKey, self.api_key);
        Origin { actor: Some(actor), ..Origin::server(self.organization, at) }
    }

    /// Its name.
    pub const fn prn(&self) -> Prn {
        Prn::new(self.organization, PrnKind::Import, self.id)
    }

    /// As the API writes it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn to_wire(&self, conn: &mut Conn) -> Result<Import, Problem> {
        Ok(Import {
            meta: Meta {
                prn: self.prn(),
                organization_prn: OrganizationPrn(self.organization),
                inserted_at: self.inserted_at,
                updated_at: self.updated_at,
                revision: self.revision,
            },
            backend_prn: Prn::new(self.organization, PrnKind::Backend, self.backend),
            source_prefix: self.source_prefix.clone(),
            mapping: self.mapping.clone(),
            artifact_prn: self.artifact.map(|id| Prn::new(self.organization, PrnKind::Artifact, id)),
            target: self.target.clone(),
            dry_run: self.dry_run,
            state: self.state,
            state_reason: match self.state {
                ImportState::Running => {
                    jobs::last_problem(conn, self.organization, jobs::import::NAME, self.id).await?
                }
                ImportState::Done | ImportState::Cancelled => None,
            },
            counts: match self.final_counts {
                Some(counts) => counts,
                None => counts(conn, self.id).await?,
            },
            finished_at: self.finished_at,
        })
    }
}

/// How many entries of an import stand where.
///
/// # Errors
/// Those of the database.
pub async fn counts(conn: &mut Conn, import: Uuid) -> Result<ImportCounts, Problem> {
    let rows = sqlx::query(
        "SELECT state, count(*) AS entries, coalesce(sum(size), 0) AS bytes FROM import_entries
         WHERE import_id = $1 GROUP BY state",
    )
    .bind(import.to_string())
    .fetch_all(conn)
    .await
    .db()?;
    let mut counts = ImportCounts::default();
    for row in &rows {
        let state: firmhold_core::EntryState = row.parsed("state")?;
        *counts.of(state) = row.count("entries")?;
        if state != firmhold_core::EntryState::Unmapped {
            counts.bytes += row.count("bytes")?;
        }
    }
    Ok(counts)
}

/// How many imports of an organization run.
///
/// # Errors
/// Those of the database.
pub async fn running(conn: &mut Conn, organization: Uuid) -> Result<i64, Problem> {
    sqlx::query_scalar("SELECT count(*) FROM imports WHERE organization_id = $1 AND state = 'running'")
        .bind(organization.to_string())
        .fetch_one(conn)
        .await
        .db()
}

/// Whether an import runs on the backend that reads outside of `below`.
///
/// # Errors
/// Those of the database.
pub async fn is_running(conn: &mut Conn, backend: Uuid, below: Option<&str>) -> Result<bool, Problem> {
    let prefixes: Vec<String> =
        sqlx::query_scalar("SELECT source_prefix FROM imports WHERE backend_id = $1 AND state = 'running'")
            .bind(backend.to_string())
            .fetch_all(conn)
            .await
            .db()?;
    Ok(prefixes.iter().any(|prefix| below.is_none_or(|below| !prefix.starts_with(below))))
}
