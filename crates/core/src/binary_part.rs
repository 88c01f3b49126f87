//! Parts of an upload (API contract 4.3).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::binary::text_enum;
use crate::{Digest, Meta, Prn, Timestamp};

/// Highest index of a part.
pub const MAX_PARTS: u32 = 10_000;
/// Smallest size of a part that is not the last: 5 MiB, an S3 limit.
pub const MIN_SIZE: u64 = 5_242_880;
/// Largest size of a part: 5 GiB, an S3 limit.
pub const MAX_SIZE: u64 = 5_368_709_120;

text_enum! {
    /// What the store has of a part.
    PartState {
        /// Nothing yet.
        Uploadable "uploadable",
        /// Size and checksum as declared.
        Valid "valid",
        /// Another size.
        InvalidSize "invalid_size",
        /// Another checksum.
        InvalidHash "invalid_hash",
    }
}

text_enum! {
    /// What set the end of a URL (rule L2).
    LimitedBy {
        /// The life that was asked for.
        Requested "requested",
        /// The role credentials end first.
        Session "session",
        /// A limit of the server or of the bucket's policy.
        Policy "policy",
    }
}

/// A part as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryPart {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// Its binary.
    pub binary_prn: Prn,
    /// 1 to [`MAX_PARTS`].
    pub index: u32,
    /// SHA-256 of the part.
    pub hash: Digest,
    /// Bytes.
    pub size: u64,
    /// See [`PartState`].
    pub state: PartState,
    /// Where and how to send it; only in the answer to PUT.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<PartUpload>,
}

/// Where and how to send a part: `PUT presigned_upload_url` with the raw bytes and these headers. `Debug` shows no URL:
/// who has it may send the part.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartUpload {
    /// The URL.
    pub presigned_upload_url: String,
    /// Headers that must be sent with it.
    pub upload_headers: BTreeMap<String, String>,
    /// The true end of the URL.
    pub expires_at: Timestamp,
    /// What set that end.
    pub limited_by: LimitedBy,
}

impl fmt::Debug for PartUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartUpload")
            .field("expires_at", &self.expires_at)
            .field("limited_by", &self.limited_by)
            .finish_non_exhaustive()
    }
}

/// Body of `PUT /binaries/{prn}/parts/{index}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PutPart {
    /// See [`BinaryPart::hash`].
    pub hash: Option<String>,
    /// See [`BinaryPart::size`].
    pub size: Option<i64>,
    /// If sent, must equal the binary's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_binary_size: Option<i64>,
    /// Bytes of every part but the last, as this client cuts the file. If sent, the open upload must not have another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_size: Option<i64>,
}
