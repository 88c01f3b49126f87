//! S3's checksums: five algorithms, over the whole object or composed from its parts.
//!
//! AWS, "Checking object integrity in Amazon S3": CRC64NVME exists for whole objects only, SHA-1 and SHA-256
//! are composed from parts, CRC32 and CRC32C can be either. An object that came with no checksum gets
//! CRC64NVME.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use serde::{Deserialize, Serialize};

use super::StorageError;

/// A checksum algorithm that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRC-32 (ISO-HDLC).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The name in `x-amz-checksum-algorithm` and in XML.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header that carries a value.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The algorithm of that name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name))
    }

    /// Length of a raw value in bytes.
    pub const fn value_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The type a multipart upload gets when it names none.
    pub const fn default_kind(self) -> Kind {
        match self {
            Self::Crc64Nvme => Kind::FullObject,
            _ => Kind::Composite,
        }
    }

    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// `ChecksumType`: over all bytes, or over the parts' checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Over all bytes of the object.
    FullObject,
    /// Over the concatenated raw checksums of the parts, with `-N` behind it.
    Composite,
}

impl Kind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum as S3 keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChecksum {
    /// Which algorithm.
    pub algorithm: Algorithm,
    /// What it covers.
    pub kind: Kind,
    /// Base64, with `-N` when composite.
    pub value: String,
}

/// What a multipart upload was opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadChecksum {
    /// Every part has this one.
    pub algorithm: Algorithm,
    /// And the whole gets this type.
    pub kind: Kind,
}

impl UploadChecksum {
    /// Algorithm and optional type, as CreateMultipartUpload names them.
    ///
    /// # Errors
    /// [`StorageError::InvalidRequest`] for a pair that AWS refuses: a SHA over the full object, a composite
    /// CRC64NVME.
    pub fn new(algorithm: Algorithm, kind: Option<Kind>) -> Result<Self, StorageError> {
        let kind = kind.unwrap_or(algorithm.default_kind());
        let possible = match kind {
            Kind::FullObject => algorithm.crc().is_some(),
            Kind::Composite => algorithm != Algorithm::Crc64Nvme,
        };
        if possible {
            return Ok(Self { algorithm, kind });
        }
        Err(StorageError::InvalidRequest(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_ascii_lowercase()
        )))
    }

    /// The checksum of the whole from its parts' values and sizes; `None` if a part has no (readable) value.
    pub fn whole<'a>(self, parts: impl Iterator<Item = (&'a str, u64)>) -> Option<StoredChecksum> {
        let value = match self.kind {
            Kind::Composite => composite(self.algorithm, parts.map(|(value, _)| value))?,
            Kind::FullObject => combined(self.algorithm, parts)?,
        };
        Some(StoredChecksum { algorithm: self.algorithm, kind: self.kind, value })
    }
}

fn composite<'a>(algorithm: Algorithm, parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut hasher = Hasher::new(algorithm);
    let mut count = 0_u32;
    for part in parts {
        hasher.update(&decode(algorithm, part)?);
        count += 1;
    }
    Some(format!("{}-{count}", hasher.finish()))
}

fn combined<'a>(algorithm: Algorithm, parts: impl Iterator<Item = (&'a str, u64)>) -> Option<String> {
    let crc = algorithm.crc()?;
    let mut whole: Option<u64> = None;
    for (part, size) in parts {
        let raw = decode(algorithm, part)?;
        let value = raw.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        whole = Some(match whole {
            None => value,
            Some(before) => crc_fast::checksum_combine(crc, before, value, size),
        });
    }
    let bytes = whole?.to_be_bytes();
    Some(BASE64.encode(&bytes[bytes.len() - algorithm.value_bytes()..]))
}

/// The raw value behind a Base64 text, if it has the algorithm's length.
pub fn decode(algorithm: Algorithm, value: &str) -> Option<Vec<u8>> {
    BASE64.decode(value).ok().filter(|raw| raw.len() == algorithm.value_bytes())
}

/// A running checksum.
pub struct Hasher(State);

enum State {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    /// Starts at no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Crc32 => State::Crc32(Crc32::new()),
            Algorithm::Crc32c => State::Crc32c(Crc32c::new()),
            Algorithm::Crc64Nvme => State::Crc64Nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
        })
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(hasher) => hasher.update(bytes),
            State::Crc32c(hasher) => hasher.update(bytes),
            State::Crc64Nvme(hasher) => hasher.update(bytes),
            State::Sha1(hasher) => hasher.update(bytes),
            State::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The value in Base64.
    pub fn finish(self) -> String {
        match self.0 {
            State::Crc32(hasher) => BASE64.encode(hasher.finalize()),
            State::Crc32c(hasher) => BASE64.encode(hasher.finalize()),
            State::Crc64Nvme(hasher) => BASE64.encode(hasher.finalize()),
            State::Sha1(hasher) => BASE64.encode(hasher.finalize()),
            State::Sha256(hasher) => BASE64.encode(hasher.finalize()),
        }
    }
}

/// All that is computed over a body while it streams by: MD5 for the ETag, and one checksum.
pub struct BodyHasher {
    md5: Md5,
    checksum: (Algorithm, Hasher),
}

/// What [`BodyHasher`] found.
#[derive(Debug, Clone)]
pub struct BodyHashes {
    /// Raw MD5.
    pub md5: [u8; 16],
    /// The checksum over all bytes.
    pub checksum: StoredChecksum,
}

impl BodyHasher {
    /// Starts at no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { md5: Md5::new(), checksum: (algorithm, Hasher::new(algorithm)) }
    }

    /// The checksum's algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.checksum.0
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.checksum.1.update(bytes);
    }

    /// The values.
    pub fn finish(self) -> BodyHashes {
        let (algorithm, hasher) = self.checksum;
        BodyHashes {
            md5: self.md5.finalize(),
            checksum: StoredChecksum { algorithm, kind: Kind::FullObject, value: hasher.finish() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn crcs_of_parts_combine_to_the_crc_of_the_whole() {
        let (left, right) = (b"a firmware file in ".as_slice(), b"two parts".as_slice());
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let upload = UploadChecksum::new(algorithm, Some(Kind::FullObject)).unwrap();
            let parts = [(of(algorithm, left), 19), (of(algorithm, right), 9)];
            let whole = upload.whole(parts.iter().map(|(value, size)| (value.as_str(), *size))).unwrap();
            assert_eq!(whole.value, of(algorithm, b"a firmware file in two parts"), "{algorithm:?}");
        }
    }

    #[test]
    fn a_composite_counts_its_parts() {
        let upload = UploadChecksum::new(Algorithm::Sha256, None).unwrap();
        let part = of(Algorithm::Sha256, b"x");
        let whole = upload.whole([(part.as_str(), 1), (part.as_str(), 1)].into_iter()).unwrap();
        assert!(whole.value.ends_with("=-2"), "{}", whole.value);
        assert_eq!(whole.kind, Kind::Composite);
    }

    #[test]
    fn impossible_pairs_are_refused() {
        assert!(UploadChecksum::new(Algorithm::Sha256, Some(Kind::FullObject)).is_err());
        assert!(UploadChecksum::new(Algorithm::Crc64Nvme, Some(Kind::Composite)).is_err());
    }
}
