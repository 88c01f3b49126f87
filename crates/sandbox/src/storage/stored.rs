//! All that a bucket's owner pays for: versions, delete markers, and parts of open uploads.

use firmhold_core::Timestamp;
use redb::ReadableDatabase;

use super::record::{PartRecord, UploadRecord, VersionRecord};
use super::{Result, Storage, index};

/// A version, a delete marker or a part.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// When it came.
    pub since: Timestamp,
    /// Its storage class; `None` for the standard one.
    pub class: Option<&'a str>,
    /// Bytes; `None` for a delete marker.
    pub size: Option<u64>,
}

impl Storage {
    /// Tells of everything in a bucket.
    ///
    /// # Errors
    /// If the index fails.
    pub fn for_each_stored(&self, bucket: &str, mut tell: impl FnMut(Stored<'_>)) -> Result<()> {
        let transaction = self.0.index.begin_read()?;
        let (from, to) = (index::bound(bucket, ""), index::end_of_bucket(bucket));
        for entry in transaction.open_table(index::VERSIONS)?.range(from.as_slice()..to.as_slice())? {
            let version: VersionRecord = index::decode(entry?.1.value())?;
            let object = version.object.as_ref();
            tell(Stored {
                since: version.last_modified,
                class: object.and_then(|object| object.description.storage_class.as_deref()),
                size: object.map(|object| object.size),
            });
        }
        let parts = transaction.open_table(index::PARTS)?;
        for entry in transaction.open_table(index::UPLOADS)?.range(from.as_slice()..to.as_slice())? {
            let upload: UploadRecord = index::decode(entry?.1.value())?;
            for part in index::parts(&parts, &upload.upload_id)? {
                let PartRecord { last_modified, size, .. } = part;
                let class = upload.description.storage_class.as_deref();
                tell(Stored { since: last_modified, class, size: Some(size) });
            }
        }
        Ok(())
    }
}
