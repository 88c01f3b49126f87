//! Checksums in the shape of s3s's inputs and outputs, which have a field per algorithm.

use s3s::dto::{ChecksumAlgorithm, ChecksumType};
use s3s::{S3Result, s3_error};

use crate::storage::checksum::{Algorithm, Kind, StoredChecksum};

/// One value per algorithm, at most one of them set.
#[derive(Debug, Default, Clone)]
pub struct Fields {
    /// CRC32
    pub crc32: Option<String>,
    /// CRC32C
    pub crc32c: Option<String>,
    /// CRC64NVME
    pub crc64nvme: Option<String>,
    /// SHA1
    pub sha1: Option<String>,
    /// SHA256
    pub sha256: Option<String>,
}

impl Fields {
    /// The value of one algorithm.
    pub fn of(algorithm: Algorithm, value: &str) -> Self {
        let (mut fields, value) = (Self::default(), Some(value.to_owned()));
        match algorithm {
            Algorithm::Crc32 => fields.crc32 = value,
            Algorithm::Crc32c => fields.crc32c = value,
            Algorithm::Crc64Nvme => fields.crc64nvme = value,
            Algorithm::Sha1 => fields.sha1 = value,
            Algorithm::Sha256 => fields.sha256 = value,
        }
        fields
    }

    /// The stored checksum's value.
    pub fn stored(checksum: Option<&StoredChecksum>) -> Self {
        checksum.map(|c| Self::of(c.algorithm, &c.value)).unwrap_or_default()
    }

    /// Which one is set.
    pub fn given(self) -> Option<(Algorithm, String)> {
        [
            (Algorithm::Crc32, self.crc32),
            (Algorithm::Crc32c, self.crc32c),
            (Algorithm::Crc64Nvme, self.crc64nvme),
            (Algorithm::Sha1, self.sha1),
            (Algorithm::Sha256, self.sha256),
        ]
        .into_iter()
        .find_map(|(algorithm, value)| Some((algorithm, value?)))
    }
}

/// Writes [`Fields`] into an output that has the five of them.
macro_rules! put_checksums {
    ($output:expr, $fields:expr) => {{
        let fields: $crate::s3::checksums::Fields = $fields;
        $output.checksum_crc32 = fields.crc32;
        $output.checksum_crc32c = fields.crc32c;
        $output.checksum_crc64nvme = fields.crc64nvme;
        $output.checksum_sha1 = fields.sha1;
        $output.checksum_sha256 = fields.sha256;
    }};
}

/// Reads [`Fields`] from an input that has the five of them.
macro_rules! checksums_in {
    ($input:expr) => {
        $crate::s3::checksums::Fields {
            crc32: $input.checksum_crc32.clone(),
            crc32c: $input.checksum_crc32c.clone(),
            crc64nvme: $input.checksum_crc64nvme.clone(),
            sha1: $input.checksum_sha1.clone(),
            sha256: $input.checksum_sha256.clone(),
        }
    };
}

pub(super) use {checksums_in, put_checksums};

/// An algorithm by its name.
pub fn algorithm(name: &ChecksumAlgorithm) -> S3Result<Algorithm> {
    Algorithm::parse(name.as_str()).ok_or_else(|| {
        s3_error!(
            InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
             [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    })
}

/// A type by its name.
pub fn kind(name: &ChecksumType) -> S3Result<Kind> {
    [Kind::FullObject, Kind::Composite]
        .into_iter()
        .find(|kind| kind.name() == name.as_str())
        .ok_or_else(|| s3_error!(InvalidRequest, "Value for x-amz-checksum-type header is invalid."))
}

/// As s3s wants it.
pub fn type_of(kind: Kind) -> ChecksumType {
    ChecksumType::from_static(kind.name())
}

/// As s3s wants it.
pub fn algorithm_of(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from_static(algorithm.name())
}
