//! Multipart uploads: opened, fed, listed, completed, aborted.
//!
//! Completing copies no bytes: the parts' blobs become the object's segments.

use md5::{Digest, Md5};
use redb::{ReadableDatabase, WriteTransaction};

use super::blob::ReceivedBlob;
use super::checksum::{Algorithm, Kind, StoredChecksum, UploadChecksum};
use super::object::{Condition, Written, check, insert_version};
use super::record::{Description, Encryption, ObjectData, PartRecord, Segment, UploadRecord};
use super::{Result, Storage, StorageError, index};

/// Every part but the last has at least this many bytes (5 MiB).
pub const MIN_PART_SIZE: u64 = 5 * 1024 * 1024;

/// What CreateMultipartUpload says.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Who opens it.
    pub initiator: String,
    /// Checksum algorithm and type, if named.
    pub checksum: Option<UploadChecksum>,
    /// The future object's description.
    pub description: Description,
    /// And its encryption.
    pub encryption: Encryption,
}

/// A part as CompleteMultipartUpload names it.
#[derive(Debug, Clone)]
pub struct NamedPart {
    /// Its number.
    pub number: u32,
    /// Its ETag without quotes.
    pub etag: String,
    /// Its checksum in the upload's algorithm, if given.
    pub checksum: Option<String>,
}

/// What CompleteMultipartUpload says.
#[derive(Debug, Clone, Default)]
pub struct Completion {
    /// The parts, in order.
    pub parts: Vec<NamedPart>,
    /// The checksum of the whole, if given.
    pub checksum: Option<(Algorithm, String)>,
    /// `x-amz-checksum-type`, if given.
    pub checksum_kind: Option<Kind>,
    /// `x-amz-mp-object-size`, if given.
    pub size: Option<u64>,
    /// `If-None-Match` or `If-Match`.
    pub condition: Option<Condition>,
}

impl Storage {
    /// Opens an upload and answers its id.
    ///
    /// # Errors
    /// [`StorageError::NoSuchBucket`].
    pub fn create_upload(&self, bucket: &str, key: &str, new: NewUpload) -> Result<UploadRecord> {
        let upload = UploadRecord {
            upload_id: super::random_hex::<32>()?,
            initiated: self.now(),
            initiator: new.initiator,
            checksum: new.checksum,
            description: new.description,
            encryption: new.encryption,
        };
        self.write(|transaction| {
            index::bucket(transaction, bucket)?;
            let row = index::upload_row(bucket, key, index::next_sequence(transaction)?);
            let mut table = transaction.open_table(index::UPLOADS)?;
            table.insert(row.as_slice(), index::encode(&upload)?.as_slice())?;
            Ok(())
        })?;
        Ok(upload)
    }

    /// An open upload.
    ///
    /// # Errors
    /// [`StorageError::NoSuchUpload`], [`StorageError::NoSuchBucket`].
    pub fn upload(&self, bucket: &str, key: &str, upload_id: &str) -> Result<UploadRecord> {
        self.bucket(bucket)?;
        let table = self.0.index.begin_read()?.open_table(index::UPLOADS)?;
        Ok(index::upload(&table, bucket, key, upload_id)?.1)
    }

    /// The parts uploaded so far, by number.
    ///
    /// # Errors
    /// As [`upload`](Self::upload).
    pub fn parts(&self, bucket: &str, key: &str, upload_id: &str) -> Result<(UploadRecord, Vec<PartRecord>)> {
        self.bucket(bucket)?;
        let transaction = self.0.index.begin_read()?;
        let (_, upload) = index::upload(&transaction.open_table(index::UPLOADS)?, bucket, key, upload_id)?;
        Ok((upload, index::parts(&transaction.open_table(index::PARTS)?, upload_id)?))
    }

    /// Adds a part, or replaces the one of that number.
    ///
    /// # Errors
    /// [`StorageError::NoSuchUpload`] when it was completed or aborted while the bytes arrived.
    pub fn put_part(
        &self,
        (bucket, key, upload_id): (&str, &str, &str),
        number: u32,
        mut blob: ReceivedBlob,
    ) -> Result<PartRecord> {
        blob.place()?;
        let now = self.now();
        let (part, replaced) = self.write(|transaction| {
            let (_, upload) =
                index::upload(&transaction.open_table(index::UPLOADS)?, bucket, key, upload_id)?;
            let part = PartRecord {
                number,
                size: blob.size,
                etag: blob.etag(&upload.encryption)?,
                blob: blob.id.clone(),
                checksum: Some(blob.hashes.checksum.clone()),
                last_modified: now,
            };
            let row = index::part_row(upload_id, number);
            let mut table = transaction.open_table(index::PARTS)?;
            let before = table.insert(row.as_slice(), index::encode(&part)?.as_slice())?;
            let replaced: Option<PartRecord> =
                before.map(|before| index::decode(before.value())).transpose()?;
            Ok((part, replaced))
        })?;
        blob.keep();
        self.0.blobs.discard(replaced.iter().map(|part| part.blob.as_str()));
        Ok(part)
    }

    /// Turns the named parts into the current object; the others go.
    ///
    /// # Errors
    /// What AWS refuses: an unknown upload or part, parts out of order or too small, checksums that differ,
    /// a size that differs, a condition that does not hold. The upload stays open then.
    pub fn complete_upload(
        &self,
        (bucket, key, upload_id): (&str, &str, &str),
        completion: &Completion,
    ) -> Result<Written> {
        let now = self.now();
        let (written, replaced, unused) = self.write(|transaction| {
            let facts = index::bucket(transaction, bucket)?;
            let (row, upload) =
                index::upload(&transaction.open_table(index::UPLOADS)?, bucket, key, upload_id)?;
            let parts = index::parts(&transaction.open_table(index::PARTS)?, upload_id)?;
            let chosen = choose(&upload, &parts, &completion.parts)?;
            let object = assemble(upload, &chosen, completion)?;
            check(transaction, bucket, key, completion.condition.as_ref())?;
            let unused = parts.iter().filter(|part| !chosen.iter().any(|c| c.number == part.number));
            let unused: Vec<String> = unused.map(|part| part.blob.clone()).collect();
            let (written, replaced) =
                insert_version(transaction, &facts, key, Some(object), self.written_now(now))?;
            remove_upload(transaction, &row, upload_id)?;
            Ok((written, replaced, unused))
        })?;
        self.discard(&replaced);
        self.0.blobs.discard(unused.iter().map(String::as_str));
        self.replicate_soon(&written.version);
        Ok(written)
    }

    /// Drops an upload and its parts.
    ///
    /// # Errors
    /// [`StorageError::NoSuchUpload`], [`StorageError::NoSuchBucket`].
    pub fn abort_upload(&self, bucket: &str, key: &str, upload_id: &str) -> Result<()> {
        self.bucket(bucket)?;
        let blobs = self.write(|transaction| {
            let (row, _) = index::upload(&transaction.open_table(index::UPLOADS)?, bucket, key, upload_id)?;
            remove_upload(transaction, &row, upload_id)
        })?;
        self.0.blobs.discard(blobs.iter().map(String::as_str));
        Ok(())
    }

    /// Drops every upload between two bounds; answers the blobs that are free.
    pub(super) fn drop_uploads(
        transaction: &WriteTransaction,
        from: &[u8],
        to: &[u8],
    ) -> Result<Vec<String>> {
        let uploads: Vec<(Vec<u8>, UploadRecord)> =
            index::rows(&transaction.open_table(index::UPLOADS)?, from, to)?;
        let mut blobs = Vec::new();
        for (row, upload) in uploads {
            blobs.extend(remove_upload(transaction, &row, &upload.upload_id)?);
        }
        Ok(blobs)
    }
}

/// Removes the rows of an upload and its parts; answers the parts' blobs.
fn remove_upload(transaction: &WriteTransaction, row: &[u8], upload_id: &str) -> Result<Vec<String>> {
    transaction.open_table(index::UPLOADS)?.remove(row)?;
    let mut table = transaction.open_table(index::PARTS)?;
    let parts = index::parts(&table, upload_id)?;
    let (from, to) = (index::start_of_parts(upload_id), index::end_of_parts(upload_id));
    table.retain_in(from.as_slice()..to.as_slice(), |_, _| false)?;
    Ok(parts.into_iter().map(|part| part.blob).collect())
}

/// The uploaded parts that the caller names, proved to be those it means.
fn choose<'a>(
    upload: &UploadRecord,
    uploaded: &'a [PartRecord],
    named: &[NamedPart],
) -> Result<Vec<&'a PartRecord>> {
    if named.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        return Err(StorageError::InvalidPartOrder);
    }
    let composite = upload.checksum.filter(|checksum| checksum.kind == Kind::Composite);
    let mut chosen = Vec::with_capacity(named.len());
    for wanted in named {
        let part = uploaded
            .iter()
            .find(|part| part.number == wanted.number && part.etag == wanted.etag)
            .ok_or(StorageError::InvalidPart(wanted.number))?;
        match (&wanted.checksum, composite) {
            (Some(value), _) if part.checksum.as_ref().is_none_or(|stored| stored.value != *value) => {
                return Err(StorageError::InvalidPart(wanted.number));
            }
            (None, Some(checksum)) => {
                return Err(StorageError::InvalidRequest(format!(
                    "The upload was created using a {} checksum. The complete request must include the \
                     checksum for each part. It was missing for part {} in the request.",
                    checksum.algorithm.name().to_ascii_lowercase(),
                    wanted.number
                )));
            }
            _ => {}
        }
        chosen.push(part);
    }
    let all_but_last = chosen.split_last().map_or(&[][..], |(_, rest)| rest);
    match all_but_last.iter().find(|part| part.size < MIN_PART_SIZE) {
        Some(part) => Err(StorageError::PartTooSmall { part: part.number, size: part.size }),
        None => Ok(chosen),
    }
}

/// The object that the chosen parts make.
fn assemble(upload: UploadRecord, chosen: &[&PartRecord], completion: &Completion) -> Result<ObjectData> {
    let size: u64 = chosen.iter().map(|part| part.size).sum();
    if completion.size.is_some_and(|stated| stated != size) {
        return Err(StorageError::InvalidRequest(
            "The provided 'x-amz-mp-object-size' header does not match what was computed.".to_owned(),
        ));
    }
    let checksum = whole_checksum(&upload, chosen, completion)?;
    let shown = upload.checksum.is_some();
    let segments = chosen.iter().map(|part| Segment {
        blob: part.blob.clone(),
        size: part.size,
        checksum: part.checksum.as_ref().filter(|_| shown).map(|stored| stored.value.clone()),
    });
    Ok(ObjectData {
        size,
        etag: multipart_etag(chosen),
        segments: segments.collect(),
        multipart: true,
        checksum,
        description: upload.description,
        encryption: upload.encryption,
    })
}

/// MD5 over the parts' raw MD5s, and how many there are.
fn multipart_etag(parts: &[&PartRecord]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

fn whole_checksum(
    upload: &UploadRecord,
    chosen: &[&PartRecord],
    completion: &Completion,
) -> Result<Option<StoredChecksum>> {
    // Without an algorithm of its own an upload gets CRC64NVME, from parts that got it too.
    let plan =
        upload.checksum.unwrap_or(UploadChecksum { algorithm: Algorithm::Crc64Nvme, kind: Kind::FullObject });
    if completion.checksum_kind.is_some_and(|kind| kind != plan.kind) {
        return Err(StorageError::InvalidRequest(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same \
             checksum mode.",
            plan.kind.name()
        )));
    }
    let values = chosen.iter().filter_map(|part| {
        let stored = part.checksum.as_ref().filter(|stored| stored.algorithm == plan.algorithm)?;
        Some((stored.value.as_str(), part.size))
    });
    let whole = match values.clone().count() == chosen.len() {
        true => plan.whole(values),
        false => None,
    };
    if let Some((algorithm, stated)) = &completion.checksum {
        let same = whole.as_ref().is_some_and(|whole| {
            let bare = whole.value.rsplit_once('-').map_or(whole.value.as_str(), |(bare, _)| bare);
            whole.algorithm == *algorithm && (whole.value == *stated || bare == stated)
        });
        if !same {
            return Err(StorageError::ChecksumMismatch(algorithm.header()));
        }
    }
    Ok(whole)
}
