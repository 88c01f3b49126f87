//! The database: a pool of readers and one writer.
//!
//! INVARIANT: a write transaction is never held across a call to AWS. There is one writer, and everybody waits for it.

pub mod dialect;
mod migrations;
mod row;

use std::path::Path;
use std::time::Duration;

use firmhold_core::{Code, Problem};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use row::RowExt;

/// A write transaction. It rolls back when it is dropped without [`Tx::commit`].
pub type Tx = sqlx::Transaction<'static, sqlx::Sqlite>;
/// A connection: what functions take that run inside or outside a transaction.
pub type Conn = sqlx::SqliteConnection;
/// A row that was read.
pub type Row = sqlx::sqlite::SqliteRow;
/// SQL that is put together at run time, with its parameters bound.
pub type Query = sqlx::QueryBuilder<sqlx::Sqlite>;

/// The database file's name in the data folder.
pub const FILE: &str = "firmhold.sqlite";

const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// A handle on the database; clones share it.
#[derive(Debug, Clone)]
pub struct Db {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Db {
    /// Opens the database in `data`, makes it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if the file cannot be used, or is of a newer version.
    pub async fn open(data: &Path) -> Result<Self, Problem> {
        let options = SqliteConnectOptions::new()
            .filename(data.join(FILE))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With FULL a commit is on the disk before it is acknowledged; WAL's default would lose the last ones
            // in a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let unusable = |error: sqlx::Error| {
            Problem::new(Code::LocalFile, format!("cannot open the database in {}", data.display()))
                .caused_by(error)
        };
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let writer = pool(1).connect_with(options.clone()).await.map_err(unusable)?;
        migrations::run(&writer).await?;
        let readers = pool(READERS).connect_with(options).await.map_err(unusable)?;
        Ok(Self { readers, writer })
    }

    /// Begins a transaction that writes. Others wait for it: keep it short.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if the writer is not to be had in time.
    pub async fn begin(&self) -> Result<Tx, Problem> {
        self.writer.begin_with(dialect::BEGIN_WRITE).await.db()
    }

    /// For reads outside a transaction; any `sqlx` query runs on it.
    pub const fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Whether every migration of this version has been applied.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn is_migrated(&self) -> Result<bool, Problem> {
        migrations::are_applied(&self.readers).await
    }

    /// Closes all connections; what was committed stays.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Turns errors of the database into problems.
pub trait DbResult<T> {
    /// The value, or a problem: 503 if the database is unavailable, else 500. What the database said is for the log.
    ///
    /// # Errors
    /// See above.
    fn db(self) -> Result<T, Problem>;
}

impl<T> DbResult<T> for Result<T, sqlx::Error> {
    fn db(self) -> Result<T, Problem> {
        self.map_err(|error| {
            if is_unavailable(&error) {
                Problem::new(Code::Unavailable, "the database is unavailable").caused_by(error)
            } else {
                Problem::internal(error)
            }
        })
    }
}

fn is_unavailable(error: &sqlx::Error) -> bool {
    /// Primary result codes of SQLite: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
    const UNAVAILABLE: [i32; 5] = [5, 6, 10, 13, 14];
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .is_some_and(|code| UNAVAILABLE.contains(&(code & 0xff))),
        _ => false,
    }
}

/// Whether a write failed because a unique index already has the value.
pub fn is_duplicate(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.is_unique_violation())
}
