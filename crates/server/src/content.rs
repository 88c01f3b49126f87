//! Content: one object in a backend's bucket, made by one upload attempt, and shared by every binary with its hash
//! once it is proved (design D3).

use std::fmt;
use std::str::FromStr;

use firmhold_core::{Code, Digest, ObjectKey, Prefix, Problem, Timestamp};
use firmhold_store::{SessionScope, Stored, Target, VersionEntry};
use serde_json::json;
use uuid::Uuid;

use crate::App;
use crate::binaries::{BinaryRow, SELECT};
use crate::db::{Conn, DbResult as _, Query, Row, RowExt as _, Tx};
use crate::jobs;

/// Where a content stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its multipart upload is open, or about to be.
    Uploading,
    /// The upload is complete; nobody has looked at the bytes.
    Stored,
    /// The bytes have the hash and the size.
    Proved,
    /// Was proved, and the store has said that it is gone.
    Missing,
    /// No binary uses it; its job has not deleted it yet.
    Dropping,
    /// It could not be deleted: the role may not, or a lock holds it.
    DeletePending,
    /// Deleted, or there never was an object.
    Deleted,
}

const STAGES: [(Stage, &str); 7] = [
    (Stage::Uploading, "uploading"),
    (Stage::Stored, "stored"),
    (Stage::Proved, "proved"),
    (Stage::Missing, "missing"),
    (Stage::Dropping, "dropping"),
    (Stage::DeletePending, "delete_pending"),
    (Stage::Deleted, "deleted"),
];

impl Stage {
    /// As kept in the database.
    pub fn as_str(self) -> &'static str {
        STAGES.iter().find(|(stage, _)| *stage == self).map_or("", |(_, text)| text)
    }
}

impl FromStr for Stage {
    type Err = UnknownStage;
    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        STAGES.iter().find(|(_, known)| *known == text).map(|(stage, _)| *stage).ok_or(UnknownStage)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no stage.
#[derive(Debug, thiserror::Error)]
#[error("unknown stage of a content")]
pub struct UnknownStage;

/// A content, as kept in the database.
#[derive(Debug, Clone)]
pub struct Content {
    /// The attempt: the last part of its key.
    pub id: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Where it lies.
    pub backend: Uuid,
    /// What its bytes must be.
    pub hash: Digest,
    /// How many they must be.
    pub size: u64,
    /// Its key. INVARIANT: an attempt has a key of its own, which is written once.
    pub key: ObjectKey,
    /// Its multipart upload, while that is open.
    pub upload_id: Option<String>,
    /// The version that completion made; all reads name it.
    pub version_id: Option<String>,
    /// The store's own entity tag.
    pub etag: Option<String>,
    /// See [`Stage`].
    pub stage: Stage,
}

const COLUMNS: &str =
    "id, organization_id, backend_id, hash, size, object_key, upload_id, version_id, etag, state";

impl Content {
    fn from_row(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.uuid("id")?,
            organization: row.uuid("organization_id")?,
            backend: row.uuid("backend_id")?,
            hash: row.parsed("hash")?,
            size: row.count("size")?,
            key: ObjectKey::from_stored(row.text("object_key")?),
            upload_id: row.maybe_text("upload_id")?,
            version_id: row.maybe_text("version_id")?,
            etag: row.maybe_text("etag")?,
            stage: row.parsed("state")?,
        })
    }

    /// Whether an object at its key, or the version of it that is named, is the one that was proved. A version has its
    /// bytes for ever; without one only the entity tag tells.
    pub fn is_same(&self, etag: Option<&str>) -> bool {
        self.version_id.is_some() || self.etag.as_deref() == etag
    }

    /// The tags that its object gets (API contract 4.5).
    pub fn tags(&self) -> Vec<firmhold_store::Tag> {
        vec![("firmhold-org".to_owned(), self.organization.to_string())]
    }
}

/// The content with this id.
///
/// # Errors
/// If the database fails, or there is none: ids come from the database itself.
pub async fn find(conn: &mut Conn, id: Uuid) -> Result<Content, Problem> {
    let sql = format!("SELECT {COLUMNS} FROM contents WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_one(conn).await.db()?;
    Content::from_row(&row)
}

/// Proved content of a backend with this hash and size, which a new binary can use as it is. With `products` it is
/// content that a binary of one of them uses: a key that is limited to them must not get at another product's content
/// by naming its hash.
///
/// # Errors
/// If the database fails.
pub async fn proved(
    conn: &mut Conn,
    backend: Uuid,
    hash: Digest,
    size: u64,
    products: &[Uuid],
) -> Result<Option<Content>, Problem> {
    let mut sql =
        Query::new(format!("SELECT {COLUMNS} FROM contents WHERE state = 'proved' AND backend_id = "));
    sql.push_bind(backend.to_string()).push(" AND hash = ").push_bind(hash.to_hex());
    sql.push(" AND size = ").push_bind(size.cast_signed());
    if !products.is_empty() {
        sql.push(
            " AND EXISTS (SELECT 1 FROM binaries b
             JOIN artifact_versions v ON v.organization_id = b.organization_id AND v.id = b.artifact_version_id
             JOIN artifacts a ON a.organization_id = v.organization_id AND a.id = v.artifact_id
             WHERE b.content_id = contents.id AND a.product_id IN (",
        );
        let mut ids = sql.separated(", ");
        for product in products {
            ids.push_bind(product.to_string());
        }
        sql.push("))");
    }
    let row = sql.push(" ORDER BY inserted_at, id LIMIT 1").build().fetch_optional(conn).await.db()?;
    row.as_ref().map(Content::from_row).transpose()
}

/// What a new attempt is for.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Whose.
    pub organization: Uuid,
    /// Where.
    pub backend: Uuid,
    /// Below what.
    pub prefix: &'a Prefix,
    /// What.
    pub hash: Digest,
    /// How much.
    pub size: u64,
}

/// Makes a new attempt with a key of its own; its upload is to be opened.
///
/// # Errors
/// If the database fails.
pub async fn begin(tx: &mut Tx, attempt: Attempt<'_>, now: Timestamp) -> Result<Content, Problem> {
    let id = Uuid::new_v4();
    let key = ObjectKey::content(attempt.prefix, attempt.hash, id);
    sqlx::query(
        "INSERT INTO contents (id, organization_id, backend_id, hash, size, object_key, state, inserted_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'uploading', $7, $7)",
    )
    .bind(id.to_string())
    .bind(attempt.organization.to_string())
    .bind(attempt.backend.to_string())
    .bind(attempt.hash.to_hex())
    .bind(attempt.size.cast_signed())
    .bind(key.as_str())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(Content {
        id,
        organization: attempt.organization,
        backend: attempt.backend,
        hash: attempt.hash,
        size: attempt.size,
        key,
        upload_id: None,
        version_id: None,
        etag: None,
        stage: Stage::Uploading,
    })
}

/// Notes the upload that was opened, unless another process was first. Tells whether this one counts.
///
/// # Errors
/// If the database fails.
pub async fn opened(tx: &mut Tx, id: Uuid, upload_id: &str, now: Timestamp) -> Result<bool, Problem> {
    let done = sqlx::query(
        "UPDATE contents SET upload_id = $2, updated_at = $3
         WHERE id = $1 AND state = 'uploading' AND upload_id IS NULL",
    )
    .bind(id.to_string())
    .bind(upload_id)
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Makes `part_size` the size of the open upload's parts, unless another one was first. The size that counts now;
/// nothing if the content takes no parts any longer.
///
/// # Errors
/// If the database fails.
pub async fn claim_part_size(tx: &mut Tx, id: Uuid, part_size: u64) -> Result<Option<u64>, Problem> {
    sqlx::query(
        "UPDATE contents SET part_size = coalesce(part_size, $2) WHERE id = $1 AND state = 'uploading'
         RETURNING part_size",
    )
    .bind(id.to_string())
    .bind(part_size.cast_signed())
    .fetch_optional(&mut **tx)
    .await
    .db()?
    .map(|row| row.count("part_size"))
    .transpose()
}

/// The size that was claimed for the parts of a content, if any was.
///
/// # Errors
/// If the database fails.
pub async fn part_size(conn: &mut Conn, id: Uuid) -> Result<Option<u64>, Problem> {
    let size: Option<i64> = sqlx::query_scalar("SELECT part_size FROM contents WHERE id = $1")
        .bind(id.to_string())
        .fetch_one(conn)
        .await
        .db()?;
    Ok(size.map(i64::cast_unsigned))
}

/// Notes that the upload is complete. Tells whether the content still was wanted.
///
/// # Errors
/// If the database fails.
pub async fn stored(tx: &mut Tx, id: Uuid, stored: &Stored, now: Timestamp) -> Result<bool, Problem> {
    let done = sqlx::query(
        "UPDATE contents SET state = 'stored', upload_id = NULL, version_id = $2, etag = $3, updated_at = $4
         WHERE id = $1 AND state = 'uploading'",
    )
    .bind(id.to_string())
    .bind(stored.version_id.as_deref())
    .bind(stored.etag.as_deref())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(done.rows_affected() == 1)
}

/// Notes that all bytes of a content were read and found right, as the object with its present entity tag: what a store
/// answers to the end of an upload may be another one than it has later.
///
/// # Errors
/// If the database fails.
pub async fn prove(tx: &mut Tx, content: &Content, from: Stage, now: Timestamp) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE contents SET state = 'proved', etag = $3, updated_at = $4 WHERE id = $1 AND state = $2",
    )
    .bind(content.id.to_string())
    .bind(from.as_str())
    .bind(content.etag.as_deref())
    .bind(now.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    Ok(())
}

/// Moves a content from one stage to another. Tells whether it was in the first.
///
/// # Errors
/// If the database fails.
pub async fn advance(tx: &mut Tx, id: Uuid, from: Stage, to: Stage, now: Timestamp) -> Result<bool, Problem> {
    let done = sqlx::query("UPDATE contents SET state = $3, updated_at = $4 WHERE id = $1 AND state = $2")
        .bind(id.to_string())
        .bind(from.as_str())
        .bind(to.as_str())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(done.rows_affected() == 1)
}

/// Drops a content if no binary uses it any longer: its upload and its object go, as far as the role may.
///
/// # Errors
/// If the database fails.
pub async fn release(tx: &mut Tx, id: Uuid, now: Timestamp) -> Result<(), Problem> {
    let dropped = sqlx::query(
        "UPDATE contents SET state = 'dropping', updated_at = $2
         WHERE id = $1 AND state IN ('uploading', 'stored', 'proved', 'missing')
           AND NOT EXISTS (SELECT 1 FROM binaries WHERE content_id = $1)
         RETURNING id, organization_id",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .fetch_all(&mut **tx)
    .await
    .db()?;
    have_dropped(tx, &dropped, now).await
}

/// Has a content looked after that something was put into after it was dropped: its job may have come to its end before.
///
/// # Errors
/// If the database fails.
pub async fn drop_late(tx: &mut Tx, content: &Content, now: Timestamp) -> Result<(), Problem> {
    let payload = json!({ "late": true });
    jobs::enqueue(tx, jobs::drop_content::NAME, content.organization, content.id, payload, now).await
}

/// Notes that the upload goes on.
///
/// # Errors
/// If the database fails.
pub async fn touch(tx: &mut Tx, id: Uuid, now: Timestamp) -> Result<(), Problem> {
    sqlx::query("UPDATE contents SET updated_at = $2 WHERE id = $1 AND state = 'uploading'")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .db()?;
    Ok(())
}

/// What makes an upload an abandoned one: it is open, has not gone on since `$2`, and no import copies into it. An import
/// waits for as long as its store fails, and ends its copies itself.
const ABANDONED: &str = "state = 'uploading' AND updated_at < $2 AND NOT EXISTS (
    SELECT 1 FROM import_entries e WHERE e.content_id = contents.id AND e.state = 'copying')";

/// A backend's uploads that have not gone on since `before`.
///
/// # Errors
/// If the database fails.
pub async fn abandoned(conn: &mut Conn, backend: Uuid, before: Timestamp) -> Result<Vec<Uuid>, Problem> {
    let sql = format!("SELECT id FROM contents WHERE backend_id = $1 AND {ABANDONED} ORDER BY id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(backend.to_string())
        .bind(before.as_millis())
        .fetch_all(conn)
        .await
        .db()?;
    rows.iter().map(|row| row.uuid("id")).collect()
}

/// Whether this upload still has not.
///
/// # Errors
/// If the database fails.
pub async fn is_abandoned(conn: &mut Conn, id: Uuid, before: Timestamp) -> Result<bool, Problem> {
    let sql = format!("SELECT 1 FROM contents WHERE id = $1 AND {ABANDONED}");
    let found: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string())
        .bind(before.as_millis())
        .fetch_optional(conn)
        .await
        .db()?;
    Ok(found.is_some())
}

/// The binary that a content is uploaded for; content is shared only once it is proved.
///
/// # Errors
/// If the database fails.
pub async fn uploader(conn: &mut Conn, id: Uuid) -> Result<Option<BinaryRow>, Problem> {
    let sql = format!("{SELECT} WHERE b.content_id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(conn).await.db()?;
    row.as_ref().map(BinaryRow::from_row).transpose()
}

/// The content of a backend whose key this is.
///
/// # Errors
/// If the database fails.
pub async fn at_key(conn: &mut Conn, backend: Uuid, key: &ObjectKey) -> Result<Option<Content>, Problem> {
    let sql = format!("SELECT {COLUMNS} FROM contents WHERE backend_id = $1 AND object_key = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(backend.to_string())
        .bind(key.as_str())
        .fetch_optional(conn)
        .await
        .db()?;
    row.as_ref().map(Content::from_row).transpose()
}

/// Has a backend's content deleted again that could not be deleted before `before`.
///
/// # Errors
/// If the database fails.
pub async fn drop_again(
    tx: &mut Tx,
    backend: Uuid,
    before: Timestamp,
    now: Timestamp,
) -> Result<(), Problem> {
    let rows = sqlx::query(
        "UPDATE contents SET state = 'dropping', updated_at = $3
         WHERE backend_id = $1 AND state = 'delete_pending' AND updated_at < $2 RETURNING id, organization_id",
    )
    .bind(backend.to_string())
    .bind(before.as_millis())
    .bind(now.as_millis())
    .fetch_all(&mut **tx)
    .await
    .db()?;
    have_dropped(tx, &rows, now).await
}

/// Gives each of these contents, which are in [`Stage::Dropping`] now, the job that drops it.
async fn have_dropped(tx: &mut Tx, contents: &[Row], now: Timestamp) -> Result<(), Problem> {
    for row in contents {
        let (id, organization) = (row.uuid("id")?, row.uuid("organization_id")?);
        jobs::enqueue(tx, jobs::drop_content::NAME, organization, id, json!({}), now).await?;
    }
    Ok(())
}

/// Whether an object version that could not be read is gone from its bucket, and not merely out of reach. To a role
/// that may list only below a prefix S3 says 403 of what is not there, so that a listing has the last word
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>, "Permissions").
///
/// # Errors
/// What the listing answers.
pub async fn is_gone(
    app: &App,
    target: &Target,
    content: &Content,
    problem: &Problem,
) -> Result<bool, Problem> {
    match (problem.code(), problem.aws_code()) {
        // Archived: there, but not at once.
        (_, Some("InvalidObjectState")) => return Ok(false),
        (Code::ContentMissing, _) => return Ok(true),
        (Code::StoreDenied, _) => {}
        _ => return Ok(false),
    }
    let bucket = app.stores.bucket(target, SessionScope::Read).await?;
    let versions = bucket.list_versions(content.key.as_str()).await?;
    let is_it = |version: &VersionEntry| match &content.version_id {
        Some(id) => version.version_id == *id,
        None => version.is_latest,
    };
    Ok(!versions.iter().any(|entry| entry.key == content.key && !entry.is_delete_marker && is_it(entry)))
}
