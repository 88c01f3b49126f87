//! What of a backend only one may have (API contract 12.2, 12.3).

use firmhold_core::{Code, FieldErrors, Prefix, Problem};
use uuid::Uuid;

use super::BackendRow;
use super::settings::begins_with_either;
use crate::db::{Conn, DbResult as _, Row, RowExt as _};

/// Checks `row` against the organization's other backends: its name, and its part of the bucket.
///
/// # Errors
/// 409 if the name is taken or the parts overlap, 422 if an import prefix reaches into another's part.
pub async fn check(conn: &mut Conn, row: &BackendRow) -> Result<(), Problem> {
    let others = sqlx::query(
        "SELECT id, name, bucket, partition, endpoint_url, prefix, import_prefix FROM backends
         WHERE organization_id = $1 AND id <> $2",
    )
    .bind(row.organization.to_string())
    .bind(row.id.to_string())
    .fetch_all(conn)
    .await
    .db()?;
    for other in &others {
        check_pair(row, other)?;
    }
    Ok(())
}

fn check_pair(row: &BackendRow, other: &Row) -> Result<(), Problem> {
    let name = other.text("name")?;
    if name == row.name {
        return Err(Problem::new(Code::Duplicate, format!("there is a backend named {name} already")));
    }
    if other.text("bucket")? != row.bucket
        || other.text("partition")? != row.partition
        || other.maybe_text("endpoint_url")? != row.endpoint_url
    {
        return Ok(());
    }
    let prefix: Prefix = other.parsed("prefix")?;
    if prefix.overlaps(&row.prefix) {
        let detail = format!("prefix {} overlaps {prefix} of backend {name} in the same bucket", row.prefix);
        return Err(Problem::new(Code::Duplicate, detail)
            .with_hint("Choose a prefix that neither begins with the other nor is its beginning."));
    }
    let mut errors = FieldErrors::new();
    if row.import_prefix.as_deref().is_some_and(|import| reaches(import, &prefix)) {
        errors.add("import_prefix", format!("reaches into the prefix of backend {name}"));
    }
    if other.maybe_text("import_prefix")?.is_some_and(|import| reaches(&import, &row.prefix)) {
        errors.add("prefix", format!("reaches into the import_prefix of backend {name}"));
    }
    errors.into_result()
}

/// Whether another organization's backend has already proved that this part of the bucket is its own: what `row` writes,
/// or what its imports read. Asked at activation, when a live backend gets another place or `import_prefix`, and by every
/// import, so that nobody can squat on a bucket, or learn who uses it, by registering it.
///
/// # Errors
/// Those of the database.
pub async fn is_anothers(conn: &mut Conn, row: &BackendRow) -> Result<bool, Problem> {
    let others = sqlx::query(
        "SELECT id, prefix FROM backends
         WHERE organization_id <> $1 AND bucket = $2 AND partition = $3 AND coalesce(endpoint_url, '') = $4
             AND proved_at IS NOT NULL",
    )
    .bind(row.organization.to_string())
    .bind(&row.bucket)
    .bind(&row.partition)
    .bind(row.endpoint_url.as_deref().unwrap_or_default())
    .fetch_all(conn)
    .await
    .db()?;
    for other in &others {
        let theirs: Prefix = other.parsed("prefix")?;
        let import = row.import_prefix.as_deref();
        if theirs.overlaps(&row.prefix) || import.is_some_and(|import| reaches(import, &theirs)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of the two begins with the other.
fn reaches(import: &str, prefix: &Prefix) -> bool {
    begins_with_either(import, prefix.as_str())
}

/// Makes `id` the organization's default: the flag moves in the transaction that sets it on the other row.
///
/// # Errors
/// Those of the database.
pub async fn clear_default(
    conn: &mut Conn,
    organization: Uuid,
    except: Uuid,
    now: firmhold_core::Timestamp,
) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE backends SET is_default = 0, updated_at = $3, revision = revision + 1
         WHERE organization_id = $1 AND id <> $2 AND is_default = 1",
    )
    .bind(organization.to_string())
    .bind(except.to_string())
    .bind(now.as_millis())
    .execute(conn)
    .await
    .db()?;
    Ok(())
}
