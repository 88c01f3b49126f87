//! Objects put, and looked at, behind the API's back: what was in a bucket before anybody watched.

use super::blob::Draft;
use super::checksum::Algorithm;
use super::listing::Query;
use super::record::{Description, ObjectData};
use super::{Result, Storage};

/// Rows that are looked at in one step.
const PAGE: usize = 1000;

impl Storage {
    /// Makes an object as a plain PutObject would; answers its version id.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`](super::StorageError::NoSuchBucket), or if the file system fails.
    pub fn place(&self, bucket: &str, key: &str, body: &[u8]) -> Result<String> {
        let encryption = self.bucket(bucket)?.default_encryption.clone();
        let mut draft = Draft::new(self.0.blobs.clone(), Algorithm::Crc64Nvme)?;
        draft.write(body)?;
        let blob = draft.finish()?;
        let object = ObjectData {
            size: blob.size,
            etag: blob.etag(&encryption)?,
            segments: vec![blob.segment()],
            multipart: false,
            checksum: Some(blob.hashes.checksum.clone()),
            description: Description::default(),
            encryption,
        };
        Ok(self.put_object(bucket, key, blob, object, None)?.version.version_id)
    }

    /// Key and size of every version below a prefix; delete markers have no size.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`](super::StorageError::NoSuchBucket).
    pub fn versions_below(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, Option<u64>)>> {
        let mut query = Query { prefix: prefix.to_owned(), limit: PAGE, ..Query::default() };
        let mut all = Vec::new();
        loop {
            let page = self.list_versions(bucket, &query)?;
            all.extend(page.entries.into_iter().map(|(key, listed)| {
                let size = listed.version.object.map(|object| object.size);
                (key, size)
            }));
            let Some((after, after_id)) = page.next else { return Ok(all) };
            query.after = Some(after);
            query.after_id = after_id;
        }
    }
}
