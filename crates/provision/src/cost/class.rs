//! S3's storage classes, with what each counts at least.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Sizes below this count as this, in the classes that have a least size: 128 KB.
pub(crate) const LEAST_BYTES: u64 = 128 * 1024;
/// What each archived object adds in its own class: 32 KB.
pub(crate) const ARCHIVE_INDEX_BYTES: u64 = 32 * 1024;
/// What each archived object adds in S3 Standard: 8 KB.
pub(crate) const ARCHIVE_NAME_BYTES: u64 = 8 * 1024;

/// A storage class, by S3's own name. The rules are those of <https://aws.amazon.com/s3/pricing/>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    /// S3 Standard.
    Standard,
    /// S3 Standard-Infrequent Access.
    StandardIa,
    /// S3 Intelligent-Tiering; priced as its frequent-access tier, which is the most that it can cost.
    IntelligentTiering,
    /// S3 Glacier Instant Retrieval.
    GlacierIr,
    /// S3 Glacier Flexible Retrieval.
    Glacier,
    /// S3 Glacier Deep Archive.
    DeepArchive,
}

impl StorageClass {
    /// All of them, dearest first.
    pub const ALL: [Self; 6] = [
        Self::Standard,
        Self::IntelligentTiering,
        Self::StandardIa,
        Self::GlacierIr,
        Self::Glacier,
        Self::DeepArchive,
    ];

    /// S3's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::StandardIa => "STANDARD_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
        }
    }

    /// From S3's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// Whether an object of less than 128 KB is billed as one of 128 KB.
    pub const fn has_least_size(self) -> bool {
        matches!(self, Self::StandardIa | Self::GlacierIr)
    }

    /// Days that are billed at least, even if the object is deleted before.
    pub const fn least_days(self) -> u32 {
        match self {
            Self::Standard | Self::IntelligentTiering => 0,
            Self::StandardIa => 30,
            Self::GlacierIr | Self::Glacier => 90,
            Self::DeepArchive => 180,
        }
    }

    /// Whether an object must be restored before it can be read, and carries 40 KB of its own.
    pub const fn is_archive(self) -> bool {
        matches!(self, Self::Glacier | Self::DeepArchive)
    }
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
