//! What can go wrong in the account's storage. The S3 layer gives each its AWS code.

use firmhold_core::Timestamp;

/// A refused or failed storage operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// No bucket of that name.
    #[error("no such bucket")]
    NoSuchBucket,
    /// Bucket names are global: another account has it.
    #[error("another account owns a bucket of that name")]
    BucketAlreadyExists,
    /// The caller's own account already has it.
    #[error("the account already owns a bucket of that name")]
    BucketAlreadyOwnedByYou,
    /// A version, a delete marker or an open upload is still in it.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// No current object of that key. `marker` is the delete marker that hides it, if one does.
    #[error("no such key")]
    NoSuchKey {
        /// Version id of the delete marker on top.
        marker: Option<String>,
    },
    /// The version that was asked for is a delete marker.
    #[error("the version is a delete marker")]
    IsDeleteMarker {
        /// The marker's version id.
        version_id: String,
        /// When it was written.
        last_modified: Timestamp,
    },
    /// No such version of the key.
    #[error("no such version")]
    NoSuchVersion,
    /// The upload id is unknown, completed or aborted.
    #[error("no such upload")]
    NoSuchUpload,
    /// Object Lock keeps the version.
    #[error("the version is locked")]
    Locked,
    /// A write condition (`If-Match`, `If-None-Match`) did not hold.
    #[error("the condition {0} did not hold")]
    PreconditionFailed(&'static str),
    /// `CompleteMultipartUpload` names a part that is absent or has another ETag or checksum.
    #[error("part {0} is absent or not as named")]
    InvalidPart(u32),
    /// The parts of `CompleteMultipartUpload` are not in ascending order.
    #[error("parts are not in ascending order")]
    InvalidPartOrder,
    /// A part that is not the last is under 5 MiB.
    #[error("part {part} has {size} bytes")]
    PartTooSmall {
        /// Its number.
        part: u32,
        /// Its size in bytes.
        size: u64,
    },
    /// The bytes do not have the checksum that the caller named (its header's name).
    #[error("the {0} does not match the bytes")]
    ChecksumMismatch(&'static str),
    /// The body ended before its declared length.
    #[error("the body is incomplete")]
    IncompleteBody,
    /// The body could not be read to its end: a broken connection, a chunk with a wrong signature, bytes that
    /// are not those the signature names.
    #[error("the body cannot be read: {0}")]
    BrokenBody(String),
    /// The request contradicts itself or what it refers to.
    #[error("{0}")]
    InvalidRequest(String),
    /// A row of the index cannot be read.
    #[error("the index holds a row that cannot be read: {0}")]
    Corrupt(#[from] serde_json::Error),
    /// The index failed.
    #[error("the index failed: {0}")]
    Index(#[source] Box<redb::Error>),
    /// The file system failed.
    #[error("the file system failed: {0}")]
    Io(#[from] std::io::Error),
    /// A background task died.
    #[error("a storage task ended early")]
    TaskEnded,
}

macro_rules! from_redb {
    ($($kind:ident),*) => {$(
        impl From<redb::$kind> for StorageError {
            fn from(error: redb::$kind) -> Self {
                Self::Index(Box::new(error.into()))
            }
        }
    )*};
}

from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError);
