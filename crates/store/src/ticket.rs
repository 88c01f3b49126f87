//! Tickets: presigned URLs of the store that say when they end (rules L1 and L2).

use std::collections::BTreeMap;

use firmhold_core::{Digest, LimitedBy, ObjectKey, Timestamp};

/// What a ticket shall allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketRequest {
    /// Reading an object version. Only the host is signed.
    Get {
        /// Where it lies.
        key: ObjectKey,
        /// Which version; the newest without it.
        version: Option<String>,
    },
    /// Sending one part; `content-length;host;x-amz-checksum-sha256` are signed.
    PutPart {
        /// Where the object will lie.
        key: ObjectKey,
        /// The upload.
        upload_id: String,
        /// 1 to 10,000.
        number: u32,
        /// Bytes of the part.
        size: u64,
        /// SHA-256 of the part.
        sha256: Digest,
    },
}

/// A presigned URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Holds the session's token: whoever has it has what it allows. Not to be logged.
    pub url: String,
    /// Headers that must be sent with it.
    pub headers: BTreeMap<String, String>,
    /// When it really ends.
    pub expires_at: Timestamp,
    /// What set that end.
    pub limited_by: LimitedBy,
}
