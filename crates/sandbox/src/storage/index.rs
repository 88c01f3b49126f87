//! The index: tables of the redb file and how their keys sort.
//!
//! Versions and uploads are keyed `bucket NUL key NUL sequence`. Bucket names and keys cannot contain NUL (the
//! S3 layer refuses such keys: XML could not carry them), and NUL sorts before everything else, so rows come
//! in S3's order: UTF-8 binary order of keys, and within a key newest first (the sequence is inverted) for
//! versions and oldest first for uploads.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StorageError;
use super::record::{BucketFacts, PartRecord, UploadRecord, VersionRecord};

type Result<T> = std::result::Result<T, StorageError>;

pub const BUCKETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("buckets");
pub const VERSIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("versions");
pub const UPLOADS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("uploads");
pub const PARTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("parts");
/// What is to be copied to another bucket, by when it is due.
pub const REPLICATIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("replications");
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");

/// redb keeps this much in memory; its own default is 1 GiB.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
const SEQUENCE_BYTES: usize = 8;
/// The counter of the milliseconds that the state is ahead of the clock.
pub const STATE_AHEAD: &str = "state_ahead_millis";
/// The counter of when lifecycle was worked last, in milliseconds since 1970.
pub const LIFECYCLE_RAN: &str = "lifecycle_ran_millis";

/// Opens the index, making its tables.
pub fn open(path: &Path) -> Result<Database> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(path)?;
    let transaction = database.begin_write()?;
    transaction.open_table(BUCKETS)?;
    transaction.open_table(VERSIONS)?;
    transaction.open_table(UPLOADS)?;
    transaction.open_table(PARTS)?;
    transaction.open_table(REPLICATIONS)?;
    transaction.open_table(COUNTERS)?;
    transaction.commit()?;
    Ok(database)
}

/// `bucket NUL rest`: the lower bound of everything in a bucket whose key is at least `rest`.
pub fn bound(bucket: &str, rest: &str) -> Vec<u8> {
    let mut bound = Vec::with_capacity(bucket.len() + rest.len() + 2);
    bound.extend_from_slice(bucket.as_bytes());
    bound.push(0);
    bound.extend_from_slice(rest.as_bytes());
    bound
}

/// The bound behind everything in a bucket.
pub fn end_of_bucket(bucket: &str) -> Vec<u8> {
    let mut bound = bucket.as_bytes().to_vec();
    bound.push(1);
    bound
}

/// The bound behind all rows of one key.
pub fn after_key(bucket: &str, key: &str) -> Vec<u8> {
    let mut bound = bound(bucket, key);
    bound.push(1);
    bound
}

/// The bound behind all keys with a prefix: the byte FF is in no UTF-8 text.
pub fn after_prefix(bucket: &str, prefix: &str) -> Vec<u8> {
    let mut bound = bound(bucket, prefix);
    bound.push(0xFF);
    bound
}

/// First row of one key.
pub fn start_of_key(bucket: &str, key: &str) -> Vec<u8> {
    let mut bound = bound(bucket, key);
    bound.push(0);
    bound
}

fn row(bucket: &str, key: &str, sequence: u64) -> Vec<u8> {
    let mut row = start_of_key(bucket, key);
    row.extend_from_slice(&sequence.to_be_bytes());
    row
}

/// The row of a new version: sorts before all older ones of its key.
pub fn version_row(bucket: &str, key: &str, sequence: u64) -> Vec<u8> {
    row(bucket, key, !sequence)
}

/// The row of a new upload: sorts behind all older ones of its key.
pub fn upload_row(bucket: &str, key: &str, sequence: u64) -> Vec<u8> {
    row(bucket, key, sequence)
}

/// The row of a part.
pub fn part_row(upload_id: &str, number: u32) -> Vec<u8> {
    let mut row = start_of_parts(upload_id);
    row.extend_from_slice(&number.to_be_bytes());
    row
}

/// First row of an upload's parts.
pub fn start_of_parts(upload_id: &str) -> Vec<u8> {
    bound(upload_id, "")
}

/// The bound behind an upload's parts.
pub fn end_of_parts(upload_id: &str) -> Vec<u8> {
    end_of_bucket(upload_id)
}

/// The S3 key in a row of the versions or uploads table.
pub fn key_of(row: &[u8], bucket: &str) -> String {
    let start = bucket.len() + 1;
    let end = row.len().saturating_sub(SEQUENCE_BYTES + 1).max(start);
    String::from_utf8_lossy(row.get(start..end).unwrap_or_default()).into_owned()
}

/// Reads a row's value.
pub fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T> {
    Ok(serde_json::from_slice(value)?)
}

/// Writes a row's value.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

/// A row of the versions or uploads table.
pub struct Row<T> {
    /// Its place in the table.
    pub row: Vec<u8>,
    /// The S3 key.
    pub key: String,
    /// The value.
    pub value: T,
}

/// The first row at or behind `from`, still in `bucket`.
pub fn first_from<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    bucket: &str,
    from: &[u8],
) -> Result<Option<Row<T>>> {
    let end = end_of_bucket(bucket);
    if from >= end.as_slice() {
        return Ok(None);
    }
    let Some(entry) = table.range(from..end.as_slice())?.next() else { return Ok(None) };
    let (row, value) = entry?;
    let row = row.value().to_vec();
    Ok(Some(Row { key: key_of(&row, bucket), value: decode(value.value())?, row }))
}

/// All rows between two bounds.
pub fn rows<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    from: &[u8],
    to: &[u8],
) -> Result<Vec<(Vec<u8>, T)>> {
    let mut found = Vec::new();
    for entry in table.range(from..to)? {
        let (row, value) = entry?;
        found.push((row.value().to_vec(), decode(value.value())?));
    }
    Ok(found)
}

/// All versions of a key, newest first.
pub fn versions_of(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    bucket: &str,
    key: &str,
) -> Result<Vec<(Vec<u8>, VersionRecord)>> {
    rows(table, &start_of_key(bucket, key), &after_key(bucket, key))
}

/// The newest version of a key.
pub fn newest(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    bucket: &str,
    key: &str,
) -> Result<Option<(Vec<u8>, VersionRecord)>> {
    let (from, to) = (start_of_key(bucket, key), after_key(bucket, key));
    let Some(entry) = table.range(from.as_slice()..to.as_slice())?.next() else { return Ok(None) };
    let (row, value) = entry?;
    Ok(Some((row.value().to_vec(), decode(value.value())?)))
}

/// One open upload of a key.
pub fn upload(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    bucket: &str,
    key: &str,
    upload_id: &str,
) -> Result<(Vec<u8>, UploadRecord)> {
    let open: Vec<(Vec<u8>, UploadRecord)> =
        rows(table, &start_of_key(bucket, key), &after_key(bucket, key))?;
    open.into_iter().find(|(_, upload)| upload.upload_id == upload_id).ok_or(StorageError::NoSuchUpload)
}

/// The parts of an upload, by number.
pub fn parts(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    upload_id: &str,
) -> Result<Vec<PartRecord>> {
    let parts: Vec<(Vec<u8>, PartRecord)> =
        rows(table, &start_of_parts(upload_id), &end_of_parts(upload_id))?;
    Ok(parts.into_iter().map(|(_, part)| part).collect())
}

/// The bucket as this transaction sees it.
pub fn bucket(transaction: &WriteTransaction, name: &str) -> Result<BucketFacts> {
    let table = transaction.open_table(BUCKETS)?;
    let row = table.get(name)?.ok_or(StorageError::NoSuchBucket)?;
    decode(row.value())
}

/// The next number of the one counter that orders versions and uploads.
pub fn next_sequence(transaction: &WriteTransaction) -> Result<u64> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let sequence = counters.get("sequence")?.map_or(0, |value| value.value());
    counters.insert("sequence", sequence + 1)?;
    Ok(sequence)
}

/// A counter; 0 before it is set.
pub fn counter(transaction: &ReadTransaction, name: &str) -> Result<u64> {
    Ok(transaction.open_table(COUNTERS)?.get(name)?.map_or(0, |value| value.value()))
}

/// Sets a counter.
pub fn set_counter(transaction: &WriteTransaction, name: &str, value: u64) -> Result<()> {
    transaction.open_table(COUNTERS)?.insert(name, value)?;
    Ok(())
}

/// The row of something that is due at `millis`: sorts by that, then in the order of queueing.
pub fn due_row(millis: i64, sequence: u64) -> Vec<u8> {
    let mut row = u64::try_from(millis).unwrap_or(0).to_be_bytes().to_vec();
    row.extend_from_slice(&sequence.to_be_bytes());
    row
}

/// Every blob that a row names.
pub fn referenced_blobs(transaction: &ReadTransaction) -> Result<std::collections::HashSet<String>> {
    let mut blobs = std::collections::HashSet::new();
    for entry in transaction.open_table(VERSIONS)?.range::<&[u8]>(..)? {
        let version: VersionRecord = decode(entry?.1.value())?;
        let segments = version.object.into_iter().flat_map(|object| object.segments);
        blobs.extend(segments.map(|segment| segment.blob));
    }
    for entry in transaction.open_table(PARTS)?.range::<&[u8]>(..)? {
        let part: PartRecord = decode(entry?.1.value())?;
        blobs.insert(part.blob);
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sort_as_s3_lists() {
        let mut rows = [
            version_row("b", "a", 1),
            version_row("b", "a", 2),
            version_row("b", "a!", 3),
            version_row("b", "a/b", 0),
            version_row("b", "é", 9),
        ];
        rows.sort();
        let keys: Vec<String> = rows.iter().map(|row| key_of(row, "b")).collect();
        assert_eq!(keys, ["a", "a", "a!", "a/b", "é"]);
        assert_eq!(rows[0], version_row("b", "a", 2), "the newest version of a key comes first");
        assert!(after_key("b", "a") > rows[1] && after_key("b", "a") < rows[2]);
        assert!(after_prefix("b", "a") > rows[3] && after_prefix("b", "a") < rows[4]);
    }
}
