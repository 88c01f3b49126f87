//! The schema's history. A migration that was released is never edited.

use firmhold_core::{Code, Problem};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr as _, SqlitePool};

use super::DbResult as _;

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "platform", include_str!("../../migrations/0001_platform.sql")),
    (2, "binaries", include_str!("../../migrations/0002_binaries.sql")),
    (3, "deleted binaries", include_str!("../../migrations/0003_deleted_binaries.sql")),
    (5, "imports", include_str!("../../migrations/0005_imports.sql")),
    (6, "products", include_str!("../../migrations/0006_products.sql")),
    (7, "reaper", include_str!("../../migrations/0007_reaper.sql")),
    (8, "oidc", include_str!("../../migrations/0008_oidc.sql")),
    (9, "part size", include_str!("../../migrations/0009_part_size.sql")),
    (10, "stores", include_str!("../../migrations/0010_stores.sql")),
    (11, "jobs", include_str!("../../migrations/0011_jobs.sql")),
    (12, "ids", include_str!("../../migrations/0012_ids.sql")),
    (13, "imports", include_str!("../../migrations/0013_imports.sql")),
];

pub(super) async fn run(writer: &SqlitePool) -> Result<(), Problem> {
    apply(writer, MIGRATIONS).await
}

async fn apply(writer: &SqlitePool, migrations: &[(i64, &'static str, &'static str)]) -> Result<(), Problem> {
    let migrations = migrations.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    migrator.run(writer).await.map_err(|error| {
        Problem::new(Code::LocalFile, "cannot bring the database up to date")
            .with_hint("Was it made by a newer version of Firmhold?")
            .caused_by(error)
    })
}

pub(super) async fn are_applied(reader: &SqlitePool) -> Result<bool, Problem> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(reader)
        .await
        .db()?;
    Ok(newest == MIGRATIONS.iter().map(|migration| migration.0).max())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;

    use super::super::{Db, FILE};
    use super::*;

    /// What a server of the version before left: a binary with a part and a signature, one that was deleted, and jobs.
    const ROWS: &str = r#"
        INSERT INTO organizations VALUES ('o', 'Acme', 0, 0, 0);
        INSERT INTO artifacts (id, organization_id, name, name_folded, inserted_at, updated_at)
            VALUES ('a', 'o', 'Gateway', 'gateway', 1, 2);
        INSERT INTO artifact_versions (id, organization_id, artifact_id, version, version_folded, inserted_at, updated_at)
            VALUES ('v', 'o', 'a', '1.0.0', '1.0.0', 1, 2);
        INSERT INTO contents (id, organization_id, backend_id, hash, size, object_key, state, inserted_at, updated_at)
            VALUES ('c', 'o', 'k', 'h', 1, 'key', 'dropping', 1, 2);
        INSERT INTO binaries (id, organization_id, artifact_version_id, backend_id, content_id, target, hash, size, state,
                              manifest_revision, inserted_at, updated_at, revision)
            VALUES ('b', 'o', 'v', 'k', 'c', 'imx8', 'h', 1, 'signed', 3, 1, 2, 4);
        INSERT INTO binary_parts (id, binary_id, part_index, hash, size, verified_etag, inserted_at, updated_at)
            VALUES ('p', 'b', 1, 'h', 1, 'e', 1, 2);
        INSERT INTO signing_keys VALUES ('s', 'o', 'key', 'value', 'keyid', NULL, 0, 0, 0);
        INSERT INTO binary_signatures VALUES ('g', 'o', 'b', 's', 'x', 'raw', 1, 2, 0);
        INSERT INTO link_targets (organization_id, binary_id, content_id, ended) VALUES ('o', 'gone', 'c', 'gone');
        INSERT INTO deleted_binaries VALUES ('gone', 7);
        INSERT INTO imports (id, organization_id, backend_id, api_key_id, product_ids, source_prefix, dry_run, state,
                             listed, inserted_at, updated_at)
            VALUES ('i', 'o', 'k', 'key', '[]', 'legacy/', 0, 'running', 1, 1, 2);
        INSERT INTO import_entries (id, organization_id, import_id, position, source_key, content_id, state, updated_at)
            VALUES ('e', 'o', 'i', 0, 'legacy/x', 'c', 'copying', 2);
        INSERT INTO jobs (id, kind, subject, payload, run_at, inserted_at) VALUES
            ('1', 'hash', 'b', '{"content":"c"}', 5, 6), ('2', 'manifest', 'b', 'null', 5, 6),
            ('3', 'manifest', 'gone', '{"organization":"o"}', 5, 6), ('4', 'drop_content', 'c', '{}', 5, 6),
            ('5', 'import', 'i', '{}', 5, 6), ('6', 'reap', 'backend that is gone', '{}', 5, 6);
    "#;

    #[tokio::test]
    async fn a_database_of_the_version_before_keeps_its_rows() {
        let data = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(data.path().join(FILE)).create_if_missing(true);
        let before = SqlitePool::connect_with(options).await.unwrap();
        let released: Vec<_> = MIGRATIONS.iter().copied().filter(|(version, ..)| *version <= 10).collect();
        apply(&before, &released).await.unwrap();
        sqlx::raw_sql(ROWS).execute(&before).await.unwrap();
        before.close().await;

        let db = Db::open(data.path()).await.unwrap();
        assert!(db.is_migrated().await.unwrap());
        let count = async |sql: &'static str| -> i64 {
            sqlx::query_scalar(sql).fetch_one(db.reader()).await.unwrap()
        };
        for (expected, sql) in [
            (0, "SELECT count(*) FROM pragma_foreign_key_check"),
            (
                1,
                "SELECT count(*) FROM artifacts WHERE organization_id = 'o' AND id = 'a' AND name = 'Gateway'",
            ),
            (
                1,
                "SELECT count(*) FROM artifact_versions WHERE id = 'v' AND artifact_id = 'a' AND updated_at = 2",
            ),
            (
                1,
                "SELECT count(*) FROM binaries WHERE id = 'b' AND content_id = 'c' AND manifest_revision = 3 AND revision = 4",
            ),
            (
                1,
                "SELECT count(*) FROM binary_parts WHERE organization_id = 'o' AND binary_id = 'b' AND verified_etag = 'e'",
            ),
            (1, "SELECT count(*) FROM binary_signatures WHERE binary_id = 'b' AND signing_key_id = 's'"),
            (
                1,
                "SELECT count(*) FROM deleted_binaries WHERE organization_id = 'o' AND id = 'gone' AND manifest_revision = 7",
            ),
            (1, "SELECT count(*) FROM import_entries WHERE content_id = 'c' AND state = 'copying'"),
            (5, "SELECT count(*) FROM jobs WHERE organization_id = 'o' AND run_at = 5"),
            (5, "SELECT count(*) FROM jobs"),
        ] {
            assert_eq!(count(sql).await, expected, "{sql}");
        }
        // From now on another organization may have the same ids.
        let mut tx = db.begin().await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO artifacts (id, organization_id, name, name_folded, inserted_at, updated_at)
             VALUES ('a', 'other', 'x', 'x', 0, 0)",
        )
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        db.close().await;
    }
}
