//! Listings: objects, versions and open uploads, by prefix and delimiter, a page at a time.

use redb::ReadableDatabase;

use super::record::{ObjectData, UploadRecord, VersionRecord};
use super::{Result, Storage, StorageError, index};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Keys that have it behind the prefix are folded into one common prefix. Empty: no folding.
    pub delimiter: String,
    /// Where to go on: behind this key or common prefix.
    pub after: Option<String>,
    /// And behind this version or upload of it.
    pub after_id: Option<String>,
    /// At most so many entries and common prefixes together.
    pub limit: usize,
}

/// A page of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// Keys and what they hold, in order.
    pub entries: Vec<(String, T)>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// Where the next page starts, when there is one: the last key or common prefix, and the last id.
    pub next: Option<(String, Option<String>)>,
}

/// A version in a listing.
#[derive(Debug)]
pub struct ListedVersion {
    /// The record.
    pub version: VersionRecord,
    /// Whether it is on top of its key.
    pub is_latest: bool,
}

/// Gathers a page.
struct Pager<'a, T> {
    query: &'a Query,
    page: Page<T>,
    last: Option<(String, Option<String>)>,
}

impl<'a, T> Pager<'a, T> {
    fn new(query: &'a Query) -> Self {
        Self { query, page: Page { entries: Vec::new(), prefixes: Vec::new(), next: None }, last: None }
    }

    /// Whether there is room for one more; else the page ends before it.
    fn has_room(&mut self) -> bool {
        if self.page.entries.len() + self.page.prefixes.len() < self.query.limit {
            return true;
        }
        self.page.next = self.last.take();
        false
    }

    fn entry(&mut self, key: String, id: Option<String>, value: T) {
        self.last = Some((key.clone(), id));
        self.page.entries.push((key, value));
    }

    fn prefix(&mut self, prefix: String) {
        self.last = Some((prefix.clone(), None));
        self.page.prefixes.push(prefix);
    }
}

impl Query {
    /// The common prefix that `key` folds into.
    fn fold(&self, key: &str) -> Option<String> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(self.prefix.as_str())?;
        let end = rest.find(self.delimiter.as_str())? + self.delimiter.len();
        Some(format!("{}{}", self.prefix, rest.get(..end)?))
    }

    /// The first row that the page may hold, when it does not go on inside a key.
    fn start(&self, bucket: &str) -> Vec<u8> {
        let first = index::bound(bucket, &self.prefix);
        let Some(after) = &self.after else { return first };
        let behind = match self.fold(after).as_ref() == Some(after) {
            true => index::after_prefix(bucket, after),
            false => index::after_key(bucket, after),
        };
        behind.max(first)
    }
}

impl Storage {
    /// Current objects.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`].
    pub fn list_objects(&self, bucket: &str, query: &Query) -> Result<Page<(VersionRecord, ObjectData)>> {
        self.bucket(bucket)?;
        let table = self.0.index.begin_read()?.open_table(index::VERSIONS)?;
        let mut pager = Pager::new(query);
        let mut from = query.start(bucket);
        loop {
            let Some(row) = index::first_from::<VersionRecord>(&table, bucket, &from)? else { break };
            if !row.key.starts_with(&query.prefix) {
                break;
            }
            from = index::after_key(bucket, &row.key);
            let mut version = row.value;
            let Some(object) = version.object.take() else { continue };
            if !pager.has_room() {
                break;
            }
            match query.fold(&row.key) {
                Some(prefix) => {
                    from = index::after_prefix(bucket, &prefix);
                    pager.prefix(prefix);
                }
                None => pager.entry(row.key, None, (version, object)),
            }
        }
        Ok(pager.page)
    }

    /// All versions and delete markers.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`].
    pub fn list_versions(&self, bucket: &str, query: &Query) -> Result<Page<ListedVersion>> {
        self.bucket(bucket)?;
        let table = self.0.index.begin_read()?.open_table(index::VERSIONS)?;
        let mut pager = Pager::new(query);
        let (mut from, mut last_key) = (query.start(bucket), None);
        if let (Some(key), Some(id)) = (&query.after, &query.after_id) {
            let versions = index::versions_of(&table, bucket, key)?;
            if let Some((row, _)) = versions.iter().find(|(_, version)| version.version_id == *id) {
                (from, last_key) = (just_behind(row), Some(key.clone()));
            }
        }
        loop {
            let Some(row) = index::first_from::<VersionRecord>(&table, bucket, &from)? else { break };
            if !row.key.starts_with(&query.prefix) || !pager.has_room() {
                break;
            }
            if let Some(prefix) = query.fold(&row.key) {
                from = index::after_prefix(bucket, &prefix);
                pager.prefix(prefix);
                continue;
            }
            from = just_behind(&row.row);
            let is_latest = last_key.as_ref() != Some(&row.key);
            last_key = Some(row.key.clone());
            let id = row.value.version_id.clone();
            pager.entry(row.key, Some(id), ListedVersion { version: row.value, is_latest });
        }
        Ok(pager.page)
    }

    /// Open multipart uploads.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`].
    pub fn list_uploads(&self, bucket: &str, query: &Query) -> Result<Page<UploadRecord>> {
        self.bucket(bucket)?;
        let table = self.0.index.begin_read()?.open_table(index::UPLOADS)?;
        let mut pager = Pager::new(query);
        let mut from = query.start(bucket);
        if let (Some(key), Some(id)) = (&query.after, &query.after_id) {
            match index::upload(&table, bucket, key, id) {
                Ok((row, _)) => from = just_behind(&row),
                Err(StorageError::NoSuchUpload) => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            let Some(row) = index::first_from::<UploadRecord>(&table, bucket, &from)? else { break };
            if !row.key.starts_with(&query.prefix) || !pager.has_room() {
                break;
            }
            if let Some(prefix) = query.fold(&row.key) {
                from = index::after_prefix(bucket, &prefix);
                pager.prefix(prefix);
                continue;
            }
            from = just_behind(&row.row);
            let id = row.value.upload_id.clone();
            pager.entry(row.key, Some(id), row.value);
        }
        Ok(pager.page)
    }
}

fn just_behind(row: &[u8]) -> Vec<u8> {
    let mut next = row.to_vec();
    next.push(0);
    next
}
