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
];

pub(super) async fn run(writer: &SqlitePool) -> Result<(), Problem> {
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
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
