//! The way of one entry: look, learn the hash, copy, hand over to the hash job.

use std::sync::Arc;
use std::time::Duration;

use firmhold_core::{
    Artifact, ArtifactVersion, BinaryState, Code, Digest, EntryState, ImportState, Meta, Prn, PrnKind,
    Problem, Timestamp, binary,
};
use firmhold_store::{Bucket, Stored, failpoint};
use uuid::Uuid;

use super::{EntryRow, ImportRow, access, entry, place, read};
use crate::App;
use crate::backends::BackendRow;
use crate::binaries::{self, BinaryRow, NewBinary};
use crate::catalogue::record::{self, Record as _};
use crate::content::{self, Attempt, Content, Stage};
use crate::db::{Conn, DbResult as _, RowExt as _, Tx};
use crate::events;

/// An entry that the store fails on so often is given up.
const MAX_TRIES: u64 = 8;

/// A copy that an earlier server process has asked for may still be made although nobody waits for its answer. For so
/// long after it was begun nobody begins it again.
const GRACE: Duration = Duration::from_secs(5);

/// What an entry's way needs besides itself.
#[derive(Debug)]
pub struct Adoption {
    /// The server.
    pub app: Arc<App>,
    /// The import.
    pub import: ImportRow,
    /// Where all of it happens.
    pub backend: BackendRow,
    /// Its bucket, for reads below the source prefix and writes below the backend's.
    pub bucket: Arc<dyn Bucket>,
}

/// How far an entry came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Further than before.
    Moved,
    /// The store has copied it.
    Copied,
    /// It waits for something.
    Waits,
    /// The store failed on it, and may not the next time.
    StoreFailed(Uuid),
}

/// Where an entry ends without a copy.
enum End {
    Skipped(Uuid),
    Failed(String),
    Made(Uuid, BinaryState),
}

/// What comes after the hash is known.
enum Next {
    Copy(Box<Content>),
    Wait,
    Over,
}

impl Adoption {
    /// Takes an entry that is pending or whose copy was begun as far as it goes.
    ///
    /// # Errors
    /// Only what is about the whole import: the database. What goes wrong with the one object ends in its entry.
    pub async fn step(&self, mut entry: EntryRow) -> Result<Progress, Problem> {
        let outcome = match entry.state {
            EntryState::Copying => self.copy_again(&mut entry).await,
            _ if self.import.dry_run => self.look_only(&mut entry).await,
            _ => self.adopt(&mut entry).await,
        };
        match outcome {
            Err(problem) if is_ours(&problem) => Err(problem),
            Err(problem) => self.note_problem(entry.id, &problem).await,
            done => done,
        }
    }

    async fn adopt(&self, entry: &mut EntryRow) -> Result<Progress, Problem> {
        let stated = if entry.looked { None } else { self.look(entry).await? };
        if entry.state != EntryState::Pending {
            return Ok(Progress::Moved);
        }
        let hash = match (entry.hash, stated) {
            (Some(given), Some(stated)) if given != stated => {
                return self
                    .end(entry, End::Failed(format!("has SHA-256 {stated}, not the one given")))
                    .await;
            }
            (Some(hash), _) | (None, Some(hash)) => hash,
            (None, None) => read::digest(&*self.bucket, &entry.source()?).await?,
        };
        failpoint::IMPORT_READ_NOT_NOTED.reach();
        entry.hash = Some(hash);
        match self.begin(entry, hash).await? {
            Next::Over => Ok(Progress::Moved),
            Next::Wait => Ok(Progress::Waits),
            Next::Copy(content) => self.copy(entry, &content, false).await,
        }
    }

    /// The first look: from now on it is these bytes and no others. Answers their SHA-256 if the store knows it.
    async fn look(&self, entry: &mut EntryRow) -> Result<Option<Digest>, Problem> {
        let key = firmhold_core::ObjectKey::from_stored(&entry.key);
        let info = self.bucket.head(&key, entry.version_id.as_deref()).await?;
        entry.looked = true;
        entry.size = Some(info.size);
        entry.etag = info.etag;
        entry.version_id = info.version_id.or(entry.version_id.take());
        let wrong = if info.size == 0 {
            Some("is empty: a binary has at least one byte".to_owned())
        } else if info.size > binary::MAX_SIZE {
            Some(format!("has {} bytes, more than a binary may have", info.size))
        } else if info.storage_class.as_deref().is_some_and(is_archive)
            && !is_restored(info.restore.as_deref())
        {
            let class = info.storage_class.unwrap_or_default();
            Some(format!("is archived ({class}): restore it first"))
        } else {
            None
        };
        if let Some(wrong) = wrong {
            entry.state = EntryState::Failed;
            entry.reason = Some(wrong);
        }
        self.save(entry, EntryState::Pending).await?;
        failpoint::IMPORT_LOOKED.reach();
        Ok(info.sha256)
    }

    /// A dry run: what an import would come to, as far as that can be told without reading the bytes.
    async fn look_only(&self, entry: &mut EntryRow) -> Result<Progress, Problem> {
        let stated = self.look(entry).await?;
        if entry.state != EntryState::Pending {
            return Ok(Progress::Moved);
        }
        let mut conn = self.app.db.reader().acquire().await.db()?;
        let Some(taken) = self.taken(&mut conn, entry).await? else { return Ok(Progress::Moved) };
        drop(conn);
        match entry.hash.or(stated) {
            Some(hash) => self.end(entry, judge(&taken, hash)).await,
            None if Some(taken.size) != entry.size => self.end(entry, another(&taken)).await,
            None => {
                entry.reason =
                    Some("the binary exists with this size: an import would compare the bytes".to_owned());
                entry.binary = Some(taken.id);
                self.save(entry, EntryState::Pending).await?;
                Ok(Progress::Moved)
            }
        }
    }

    /// Decides, in one transaction, what is to be done for these bytes.
    async fn begin(&self, entry: &mut EntryRow, hash: Digest) -> Result<Next, Problem> {
        let now = self.app.clock.now();
        let size = entry.source()?.size;
        let mut tx = self.app.db.begin().await?;
        if !self.is_running(&mut tx).await? {
            return Ok(Next::Over);
        }
        if let Some(end) = self.end_without_copy(&mut tx, entry, hash, now).await? {
            set_end(entry, end);
            entry.save(&mut tx, EntryState::Pending, now).await?;
            tx.commit().await.db()?;
            self.app.wake_jobs();
            return Ok(Next::Over);
        }
        if entry::is_under_way(&mut tx, self.backend.id, entry.id, hash).await? {
            entry.save(&mut tx, EntryState::Pending, now).await?;
            tx.commit().await.db()?;
            return Ok(Next::Wait);
        }
        let attempt = Attempt {
            organization: self.import.organization,
            backend: self.backend.id,
            prefix: &self.backend.prefix,
            hash,
            size,
        };
        let content = content::begin(&mut tx, attempt, now).await?;
        entry.state = EntryState::Copying;
        entry.content = Some(content.id);
        entry.part_bytes = place::part_bytes(size, self.app.config.server.copy_part_bytes);
        if !entry.save(&mut tx, EntryState::Pending, now).await? {
            return Ok(Next::Over);
        }
        tx.commit().await.db()?;
        failpoint::IMPORT_ATTEMPT_NOTED.reach();
        Ok(Next::Copy(Box::new(content)))
    }

    /// The key may not, the pair is taken, or the bytes are proved already.
    async fn end_without_copy(
        &self,
        tx: &mut Tx,
        entry: &mut EntryRow,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<End>, Problem> {
        if !access::may_write(tx, &self.import, entry.artifact).await? {
            return Ok(Some(End::Failed(access::REFUSAL.to_owned())));
        }
        if let Some(taken) = self.taken(tx, entry).await? {
            return Ok(Some(judge(&taken, hash)));
        }
        let size = entry.source()?.size;
        match content::proved(tx, self.backend.id, hash, size, &self.import.products).await? {
            Some(content) => self.make(tx, entry, hash, (content.id, true), now).await.map(Some),
            None => Ok(None),
        }
    }

    /// An entry whose copy was begun before this process, or failed in it.
    async fn copy_again(&self, entry: &mut EntryRow) -> Result<Progress, Problem> {
        if entry.updated_at.plus(GRACE) > self.app.clock.now() {
            return Ok(Progress::Waits);
        }
        let id = entry.content.ok_or_else(|| Problem::internal("a copy without content"))?;
        let content = {
            let mut conn = self.app.db.reader().acquire().await.db()?;
            content::find(&mut conn, id).await?
        };
        let is_wanted = matches!(content.stage, Stage::Uploading | Stage::Stored);
        if self.import.state != ImportState::Running || !is_wanted {
            return self.copied(entry, &content, None).await;
        }
        self.copy(entry, &content, true).await
    }

    async fn copy(&self, entry: &mut EntryRow, content: &Content, again: bool) -> Result<Progress, Problem> {
        let source = entry.source()?;
        let stored = place::copy(&self.app, &*self.bucket, content, &source, entry.part_bytes, again).await?;
        failpoint::IMPORT_COPIED_NOT_NOTED.reach();
        self.copied(entry, content, Some(&stored)).await
    }

    /// Notes the copy and makes its binary, in one transaction. Without one, or when the import was cancelled meanwhile,
    /// the content is dropped.
    async fn copied(
        &self,
        entry: &mut EntryRow,
        content: &Content,
        stored: Option<&Stored>,
    ) -> Result<Progress, Problem> {
        let now = self.app.clock.now();
        let mut tx = self.app.db.begin().await?;
        let is_running = self.is_running(&mut tx).await?;
        let kept = match stored {
            Some(stored) => content::stored(&mut tx, content.id, stored, now).await?,
            None => false,
        };
        if is_running && kept {
            let end = if !access::may_write(&mut tx, &self.import, entry.artifact).await? {
                End::Failed(access::REFUSAL.to_owned())
            } else if let Some(taken) = self.taken(&mut tx, entry).await? {
                judge(&taken, content.hash)
            } else {
                self.make(&mut tx, entry, content.hash, (content.id, false), now).await?
            };
            set_end(entry, end);
        } else if is_running {
            entry.state = EntryState::Failed;
            entry.reason = Some("its content was dropped while it was copied".to_owned());
        } else {
            entry.state = EntryState::Cancelled;
            entry.reason = None;
        }
        // With no binary of its own the content has no use; and what came after it was dropped is dropped, too.
        content::release(&mut tx, content.id, now).await?;
        if stored.is_some() && !kept {
            content::drop_late(&mut tx, content, now).await?;
        }
        entry.save(&mut tx, EntryState::Copying, now).await?;
        tx.commit().await.db()?;
        failpoint::IMPORT_HANDED_OVER.reach();
        self.app.wake_jobs();
        Ok(if stored.is_some() { Progress::Copied } else { Progress::Moved })
    }

    /// Makes the binary, and its version if there is none.
    async fn make(
        &self,
        tx: &mut Tx,
        entry: &mut EntryRow,
        hash: Digest,
        (content, is_proved): (Uuid, bool),
        now: Timestamp,
    ) -> Result<End, Problem> {
        let origin = self.import.origin(now);
        let version = match self.version(tx, entry).await? {
            Some(version) => version,
            None => match (entry.artifact, entry.version.clone()) {
                (Some(artifact), Some(version)) if self.artifact_exists(tx, artifact).await? => {
                    let prn = |kind, id| Prn::new(self.import.organization, kind, id);
                    let row = ArtifactVersion {
                        meta: Meta::new(prn(PrnKind::ArtifactVersion, Uuid::new_v4()), now),
                        artifact_prn: prn(PrnKind::Artifact, artifact),
                        version,
                        description: None,
                        custom_metadata: None,
                    };
                    record::insert(tx, &row).await.db()?;
                    let data = serde_json::json!({ "version": row.version });
                    events::record(tx, &origin, row.prn(), "created", data).await?;
                    row.id()
                }
                _ => return Ok(End::Failed("its artifact or version was deleted meanwhile".to_owned())),
            },
        };
        entry.artifact_version = Some(version);
        let new = NewBinary {
            id: Uuid::new_v4(),
            organization: self.import.organization,
            artifact_version: version,
            backend: self.backend.id,
            content: Some(content),
            is_proved,
            target: entry.target.clone().unwrap_or_default(),
            hash,
            size: entry.source()?.size,
            description: None,
            custom_metadata: None,
            pinned: false,
        };
        let made = binaries::create(tx, &new, &origin).await?;
        Ok(End::Made(made.id, made.state))
    }

    async fn artifact_exists(&self, conn: &mut Conn, id: Uuid) -> Result<bool, Problem> {
        Ok(record::find::<Artifact>(conn, self.import.organization, id).await?.is_some())
    }

    /// The version's row, if there is one.
    async fn version(&self, conn: &mut Conn, entry: &EntryRow) -> Result<Option<Uuid>, Problem> {
        let organization = self.import.organization.to_string();
        let found = match (entry.artifact_version, entry.artifact, &entry.version) {
            (Some(id), _, _) => {
                sqlx::query("SELECT id FROM artifact_versions WHERE organization_id = $1 AND id = $2")
                    .bind(organization)
                    .bind(id.to_string())
            }
            (None, Some(artifact), Some(version)) => sqlx::query(
                "SELECT id FROM artifact_versions WHERE organization_id = $1 AND artifact_id = $2 AND version = $3",
            )
            .bind(organization)
            .bind(artifact.to_string())
            .bind(version),
            _ => return Ok(None),
        };
        found.fetch_optional(conn).await.db()?.map(|row| row.uuid("id")).transpose()
    }

    /// The binary that has the entry's version and target already.
    async fn taken(&self, conn: &mut Conn, entry: &mut EntryRow) -> Result<Option<BinaryRow>, Problem> {
        let Some(version) = self.version(conn, entry).await? else { return Ok(None) };
        entry.artifact_version = Some(version);
        let row = sqlx::query(
            "SELECT id FROM binaries WHERE organization_id = $1 AND artifact_version_id = $2 AND target = $3
             AND state <> 'destroyed'",
        )
        .bind(self.import.organization.to_string())
        .bind(version.to_string())
        .bind(entry.target.as_deref())
        .fetch_optional(&mut *conn)
        .await
        .db()?;
        match row {
            Some(row) => BinaryRow::find_if_any(conn, self.import.organization, row.uuid("id")?).await,
            None => Ok(None),
        }
    }

    async fn is_running(&self, conn: &mut Conn) -> Result<bool, Problem> {
        let row = ImportRow::find_any(conn, self.import.id).await?;
        Ok(row.is_some_and(|row| row.state == ImportState::Running))
    }

    async fn save(&self, entry: &EntryRow, from: EntryState) -> Result<(), Problem> {
        let now = self.app.clock.now();
        let mut tx = self.app.db.begin().await?;
        entry.save(&mut tx, from, now).await?;
        tx.commit().await.db()
    }

    async fn end(&self, entry: &mut EntryRow, end: End) -> Result<Progress, Problem> {
        let from = entry.state;
        set_end(entry, end);
        self.save(entry, from).await?;
        Ok(Progress::Moved)
    }

    /// What is wrong with the object ends its entry. That the store failed is noted, and counted when the turn is over:
    /// it may be about this object, or about the store.
    async fn note_problem(&self, id: Uuid, problem: &Problem) -> Result<Progress, Problem> {
        tracing::warn!(import = %self.import.prn(), entry = %id, %problem, "an import's object failed");
        let (why, may_pass) = (reason(problem), problem.code().retryable() && !is_final(problem));
        self.mark(id, |entry| {
            entry.reason = Some(why);
            !may_pass
        })
        .await?;
        Ok(if may_pass { Progress::StoreFailed(id) } else { Progress::Moved })
    }

    /// Counts a failure of the store that is about this object. Tells whether it was the last that is borne.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count_try(&self, id: Uuid) -> Result<bool, Problem> {
        self.mark(id, |entry| {
            entry.tries += 1;
            entry.tries >= MAX_TRIES
        })
        .await
    }

    /// Changes an entry as it is now; where `change` says so it has failed, and its content has no use. Tells whether it
    /// has.
    async fn mark(&self, id: Uuid, change: impl FnOnce(&mut EntryRow) -> bool) -> Result<bool, Problem> {
        let now = self.app.clock.now();
        let mut tx = self.app.db.begin().await?;
        let row = sqlx::query("SELECT * FROM import_entries WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *tx)
            .await
            .db()?;
        let Some(row) = row else { return Ok(false) };
        let mut entry = EntryRow::from_row(&row)?;
        let from = entry.state;
        let is_over = change(&mut entry);
        if is_over {
            entry.state = EntryState::Failed;
        }
        entry.save(&mut tx, from, now).await?;
        if let (true, Some(content)) = (is_over, entry.content) {
            content::release(&mut tx, content, now).await?;
        }
        tx.commit().await.db()?;
        self.app.wake_jobs();
        Ok(is_over)
    }
}

fn set_end(entry: &mut EntryRow, end: End) {
    entry.reason = None;
    match end {
        End::Skipped(binary) => {
            entry.state = EntryState::Skipped;
            entry.binary = Some(binary);
        }
        End::Failed(reason) => {
            entry.state = EntryState::Failed;
            entry.reason = Some(reason);
        }
        End::Made(binary, state) => {
            entry.state = match state {
                BinaryState::Hashing => EntryState::Hashing,
                _ => EntryState::Done,
            };
            entry.binary = Some(binary);
        }
    }
}

/// What the pair's binary means for an entry with this hash.
fn judge(taken: &BinaryRow, hash: Digest) -> End {
    if taken.hash == hash { End::Skipped(taken.id) } else { another(taken) }
}

fn another(taken: &BinaryRow) -> End {
    End::Failed(format!("its version and target have another binary ({}): {}", taken.state, taken.prn()))
}

/// Classes that cannot be read at once.
fn is_archive(class: &str) -> bool {
    matches!(class, "GLACIER" | "DEEP_ARCHIVE")
}

fn is_restored(restore: Option<&str>) -> bool {
    restore.is_some_and(|text| text.contains("ongoing-request=\"false\""))
}

/// Whether the platform or its database failed, and not the store on this object.
fn is_ours(problem: &Problem) -> bool {
    matches!(
        problem.code(),
        Code::Internal
            | Code::Unavailable
            | Code::AssumeDenied
            | Code::StsFailed
            | Code::PlatformIdentity
            | Code::CredentialsMissing
    )
}

/// Whether trying again is of no use.
fn is_final(problem: &Problem) -> bool {
    matches!(problem.code(), Code::PreconditionFailed | Code::ContentMissing | Code::StoreDenied)
}

fn reason(problem: &Problem) -> String {
    match (problem.code(), problem.aws_code()) {
        (_, Some("InvalidObjectState" | "ObjectNotInActiveTierError")) => {
            "is archived: restore it first".to_owned()
        }
        (Code::ContentMissing, _) => "is not in the bucket, or this version of it is not".to_owned(),
        (Code::PreconditionFailed, _) => {
            "has changed since the import first looked at it; import it again".to_owned()
        }
        _ => problem.detail().to_string(),
    }
}
