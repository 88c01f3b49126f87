//! What an account keeps besides buckets, roles and users: keys, topics, alarms, rules, trails and their records, as
//! JSON rows of one redb file. An acknowledged change is on the disk.

use std::path::Path;
use std::sync::Arc;

use firmhold_core::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws_error::AwsError;
use crate::query::internal_failure;
use crate::storage::StorageError;

type Result<T> = std::result::Result<T, StorageError>;

/// `KIND NUL ACCOUNT NUL REGION NUL NAME`
const ROWS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rows");
/// `KIND NUL ACCOUNT NUL REGION NUL`, milliseconds, a number: what only ever is added to, in order of time.
const LINES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("lines");
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");

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
        transaction.open_table(LINES)?;
        transaction.open_table(COUNTERS)?;
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
        self.below(&row_key::<T>(home, ""))
    }

    /// All rows of a kind, of all accounts and regions.
    pub(crate) fn everywhere<T: Row>(&self) -> Result<Vec<T>> {
        self.below(&format!("{}\0", T::KIND))
    }

    fn below<T: Row>(&self, prefix: &str) -> Result<Vec<T>> {
        let table = self.0.begin_read()?.open_table(ROWS)?;
        let mut rows = Vec::new();
        for entry in table.range(prefix..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(prefix) {
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

    /// Adds lines, all or none.
    pub(crate) fn add<T: Row>(&self, lines: &[Line<'_, T>]) -> Result<()> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(LINES)?;
            let mut counters = transaction.open_table(COUNTERS)?;
            let mut sequence = counters.get("lines")?.map_or(0, |value| value.value());
            for line in lines {
                let key = line_key::<T>(line.home, line.time, sequence);
                table.insert(key.as_slice(), serde_json::to_vec(line.row)?.as_slice())?;
                sequence += 1;
            }
            counters.insert("lines", sequence)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Removes the lines of a kind that are older than that, of all places.
    pub(crate) fn forget<T: Row>(&self, before: Timestamp) -> Result<()> {
        let (from, to) = (format!("{}\0", T::KIND).into_bytes(), format!("{}\x01", T::KIND).into_bytes());
        let range = || from.as_slice()..to.as_slice();
        let before = sortable(before);
        let old = |key: &[u8]| key.rchunks(8).nth(1).is_some_and(|time| time < before.as_slice());
        let table = self.0.begin_read()?.open_table(LINES)?;
        let mut keys = table.range(range())?;
        // Most often there is nothing: then nothing is written, either.
        if !keys.try_fold(false, |found, entry| Ok::<_, StorageError>(found || old(entry?.0.value())))? {
            return Ok(());
        }
        let transaction = self.0.begin_write()?;
        transaction.open_table(LINES)?.retain_in(range(), |key, _| !old(key))?;
        transaction.commit()?;
        Ok(())
    }

    /// The lines of one place from `from` up to, but not at, `to`, oldest first.
    pub(crate) fn lines<T: Row>(&self, home: Home<'_>, from: Timestamp, to: Timestamp) -> Result<Vec<T>> {
        let table = self.0.begin_read()?.open_table(LINES)?;
        let (from, to) = (line_key::<T>(home, from, 0), line_key::<T>(home, to, 0));
        let mut rows = Vec::new();
        if from < to {
            for entry in table.range(from.as_slice()..to.as_slice())? {
                rows.push(serde_json::from_slice(entry?.1.value())?);
            }
        }
        Ok(rows)
    }

    /// All lines of a kind, by place and time.
    pub(crate) fn all_lines<T: Row>(&self) -> Result<Vec<T>> {
        let table = self.0.begin_read()?.open_table(LINES)?;
        let prefix = format!("{}\0", T::KIND).into_bytes();
        let mut rows = Vec::new();
        for entry in table.range(prefix.as_slice()..)? {
            let (key, value) = entry?;
            if !key.value().starts_with(&prefix) {
                break;
            }
            rows.push(serde_json::from_slice(value.value())?);
        }
        Ok(rows)
    }
}

/// A line to be added.
pub(crate) struct Line<'a, T> {
    pub(crate) home: Home<'a>,
    pub(crate) time: Timestamp,
    pub(crate) row: &'a T,
}

fn row_key<T: Row>(home: Home<'_>, name: &str) -> String {
    format!("{}\0{}\0{}\0{name}", T::KIND, home.account, home.region)
}

fn line_key<T: Row>(home: Home<'_>, time: Timestamp, sequence: u64) -> Vec<u8> {
    let mut key = row_key::<T>(home, "").into_bytes();
    key.extend_from_slice(&sortable(time));
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// Times before 1970 do not come up; they would sort first.
fn sortable(time: Timestamp) -> [u8; 8] {
    u64::try_from(time.as_millis()).unwrap_or(0).to_be_bytes()
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
        assert_eq!(records.everywhere::<Note>().unwrap().len(), 3);
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

    #[test]
    fn lines_come_in_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(&dir.path().join("records.redb")).unwrap();
        let at = Timestamp::from_secs;
        let lines = [(30, "c"), (10, "a"), (10, "b"), (20, "x")].map(|(time, text)| (at(time), note(text)));
        for (time, row) in &lines {
            records.add(&[Line { home: HOME, time: *time, row }]).unwrap();
        }
        assert_eq!(records.lines::<Note>(HOME, at(10), at(20)).unwrap(), [note("a"), note("b")]);
        assert_eq!(records.lines::<Note>(HOME, at(0), at(40)).unwrap().len(), 4);
        assert!(records.lines::<Note>(HOME, at(40), at(0)).unwrap().is_empty());
        assert!(records.lines::<Note>(OTHER, at(0), at(40)).unwrap().is_empty());
        records.forget::<Note>(at(20)).unwrap();
        assert_eq!(records.all_lines::<Note>().unwrap(), [note("x"), note("c")]);
    }
}
