//! Bytes changed behind the API's back: what a hostile or broken store could do.

use super::blob::Draft;
use super::checksum::{Algorithm, BodyHashes, StoredChecksum, UploadChecksum};
use super::object::Pinned;
use super::record::{ObjectData, Segment};
use super::{Result, Storage, StorageError};

impl Storage {
    /// XORs the byte at `offset` of an object with `xor` and makes checksums and ETag fit, so that the bytes
    /// are served without complaint. Version id and dates stay.
    ///
    /// # Errors
    /// As [`find`](Self::find); [`StorageError::InvalidRequest`] when `offset` is past the end or `xor` is 0.
    pub fn tamper(&self, bucket: &str, key: &str, version: Option<&str>, offset: u64, xor: u8) -> Result<()> {
        let pinned = self.pin(bucket, key, version)?;
        if offset >= pinned.object.size || xor == 0 {
            return Err(StorageError::InvalidRequest("no byte would change".to_owned()));
        }
        let version_id = pinned.version.version_id.clone();
        let (position, start) = locate(&pinned.object.segments, offset);
        let old = pinned.object.segments[position].clone();
        let algorithm = pinned.object.checksum.as_ref().map_or(Algorithm::Crc64Nvme, |c| c.algorithm);
        let mut draft = Draft::new(self.0.blobs.clone(), algorithm)?;
        let mut here = start;
        let Pinned { mut object, lease, .. } = pinned;
        self.0.blobs.read_blocking(&object.segments, start, old.size, lease, |chunk| {
            let mut chunk = chunk.to_vec();
            if let Some(byte) = usize::try_from(offset.wrapping_sub(here)).ok().and_then(|i| chunk.get_mut(i))
            {
                *byte ^= xor;
            }
            here += chunk.len() as u64;
            draft.write(&chunk)
        })?;
        let mut blob = draft.finish()?;
        blob.place()?;
        refit(
            &mut object,
            position,
            Segment { checksum: old.checksum.clone(), ..blob.segment() },
            &blob.hashes,
        )?;
        self.update_version(bucket, key, &version_id, |stored| *stored = object)?;
        blob.keep();
        self.discard(&[old]);
        Ok(())
    }
}

/// Which segment holds `offset`, and where in the object it starts.
fn locate(segments: &[Segment], offset: u64) -> (usize, u64) {
    let mut start = 0;
    for (position, segment) in segments.iter().enumerate() {
        if offset < start + segment.size {
            return (position, start);
        }
        start += segment.size;
    }
    (0, 0)
}

/// Puts the changed segment in and makes the record fit it.
fn refit(object: &mut ObjectData, position: usize, mut changed: Segment, hashes: &BodyHashes) -> Result<()> {
    changed.checksum = changed.checksum.map(|_| hashes.checksum.value.clone());
    object.segments[position] = changed;
    if !object.multipart {
        object.checksum = object.checksum.is_some().then(|| hashes.checksum.clone());
        if !object.encryption.is_kms() {
            object.etag = hex::encode(hashes.md5);
        }
        return Ok(());
    }
    // The other parts' MD5s are not kept, so the new ETag is any that has the right form.
    object.etag = format!("{}-{}", super::random_hex::<16>()?, object.segments.len());
    if let Some(StoredChecksum { algorithm, kind, .. }) = object.checksum.take() {
        let parts = object.segments.iter().filter_map(|part| Some((part.checksum.as_deref()?, part.size)));
        let complete = parts.clone().count() == object.segments.len();
        object.checksum = complete.then(|| UploadChecksum { algorithm, kind }.whole(parts)).flatten();
    }
    Ok(())
}
