//! What an account keeps besides buckets, roles and users: keys, topics, alarms, rules, trails and their records, as
//! JSON rows of one redb file. An acknowledged change is on the disk.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws_error::AwsError;
use crate::query::internal_failure;
use crate::storage::StorageError;

type Result<T> = std::result::Result<T, StorageError>;

/// `KIND NUL ACCOUNT NUL REGION NUL NAME`
const ROWS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rows");
/// redb keeps this much in memory; its own default is 1 GiB.
const CACHE_BYTES: usize = 2 * 1024 * 1024;

/// Where a row is at home: its account and region. A global thing has an empty region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Home<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

impl Home<'_> {
    /// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

/// A kind of row with a name.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// Told apart by this in the file; never changed once there are files.
    const KIND: &'static str;
}

/// The file. Clones share it; calls block on the disk.
#[derive(Clone)]
pub(crate) struct Records(Arc<Database>);

impl Records {
    /// Opens the file, making it when it is new.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ROWS)?;
        transaction.commit()?;
        Ok(Self(Arc::new(database)))
    }

    /// One row.
    pub(crate) fn get<T: Row>(&self, home: Home<'_>, name: &str) -> Result<Option<T>> {
        let table = self.0.begin_read()?.open_table(ROWS)?;
        let row = table.get(row_key::<T>(home, name).as_str())?;
        row.map(|row| Ok(serde_json::from_slice(row.value())?)).transpose()
    }

    /// All rows of a kind in one place, by name.
    pub(crate) fn all<T: Row>(&self, home: Home<'_>) -> Result<Vec<T>> {
        let prefix = &row_key::<T>(home, "");
        let table = self.0.begin_read()?.open_table(ROWS)?;
        let mut rows = Vec::new();
        for entry in table.range(prefix.as_str()..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(prefix.as_str()) {
                break;
            }
            rows.push(serde_json::from_slice(value.value())?);
        }
        Ok(rows)
    }

    /// Writes a row, making or replacing it.
    pub(crate) fn put<T: Row>(&self, home: Home<'_>, name: &str, row: &T) -> Result<()> {
        let transaction = self.0.begin_write()?;
        let bytes = serde_json::to_vec(row)?;
        transaction.open_table(ROWS)?.insert(row_key::<T>(home, name).as_str(), bytes.as_slice())?;
        transaction.commit()?;
        Ok(())
    }

    /// Removes a row; answers whether it was there.
    pub(crate) fn remove<T: Row>(&self, home: Home<'_>, name: &str) -> Result<bool> {
        let transaction = self.0.begin_write()?;
        let was = transaction.open_table(ROWS)?.remove(row_key::<T>(home, name).as_str())?.is_some();
        transaction.commit()?;
        Ok(was)
    }

    /// Changes a row as one step: `change` gets what is there and answers what is to be there.
    pub(crate) fn change<T: Row, A, E: From<StorageError>>(
        &self,
        home: Home<'_>,
        name: &str,
        change: impl FnOnce(&mut Option<T>) -> std::result::Result<A, E>,
    ) -> std::result::Result<A, E> {
        let transaction = self.0.begin_write().map_err(StorageError::from)?;
        let answer = {
            let mut table = transaction.open_table(ROWS).map_err(StorageError::from)?;
            let key = row_key::<T>(home, name);
            let mut row = match table.get(key.as_str()).map_err(StorageError::from)? {
                Some(row) => Some(serde_json::from_slice(row.value()).map_err(StorageError::from)?),
                None => None,
            };
            let answer = change(&mut row)?;
            match row {
                Some(row) => {
                    let bytes = serde_json::to_vec(&row).map_err(StorageError::from)?;
                    table.insert(key.as_str(), bytes.as_slice()).map_err(StorageError::from)?;
                }
                None => {
                    table.remove(key.as_str()).map_err(StorageError::from)?;
                }
            }
            answer
        };
        transaction.commit().map_err(StorageError::from)?;
        Ok(answer)
    }
}

fn row_key<T: Row>(home: Home<'_>, name: &str) -> String {
    format!("{}\0{}\0{}\0{name}", T::KIND, home.account, home.region)
}

impl From<StorageError> for AwsError {
    fn from(error: StorageError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the records failed");
        internal_failure()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note(String);

    impl Row for Note {
        const KIND: &'static str = "note";
    }

    #[derive(Serialize, Deserialize)]
    struct Notebook;

    impl Row for Notebook {
        const KIND: &'static str = "notebook";
    }

    const HOME: Home<'_> = Home { account: "111122223333", region: "us-west-2" };
    const OTHER: Home<'_> = Home { account: "111122223333", region: "us-west-1" };

    fn note(text: &str) -> Note {
        Note(text.to_owned())
    }

    #[test]
    fn rows_are_kept_apart_by_kind_and_place_and_survive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.redb");
        let records = Records::open(&path).unwrap();
        records.put(HOME, "b", &note("two")).unwrap();
        records.put(HOME, "a", &note("one")).unwrap();
        records.put(OTHER, "a", &note("three")).unwrap();
        records.put(HOME, "a", &Notebook).unwrap();
        drop(records);
        let records = Records::open(&path).unwrap();
        assert_eq!(records.all::<Note>(HOME).unwrap(), [note("one"), note("two")]);
        assert_eq!(records.all::<Note>(OTHER).unwrap(), [note("three")]);
        assert!(records.remove::<Note>(OTHER, "a").unwrap());
        assert!(!records.remove::<Note>(OTHER, "a").unwrap());
        assert_eq!(records.get::<Note>(OTHER, "a").unwrap(), None);
    }

    #[test]
    fn a_change_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.redb")).unwrap();
        let failed: Result<()> = records.change(HOME, "a", |row: &mut Option<Note>| {
            *row = Some(note("half"));
            Err(StorageError::NoSuchBucket)
        });
        assert!(failed.is_err());
        assert_eq!(records.get::<Note>(HOME, "a").unwrap(), None);
    }
}
