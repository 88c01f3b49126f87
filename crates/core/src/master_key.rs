//! The one master key of a server (design D13) and the keys that come from it.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 bytes; every other key of the server is derived from it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

/// A key for one purpose.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DerivedKey([u8; 32]);

/// What a derived key is for. Keys for two purposes tell nothing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Tokens of download links.
    Links,
    /// Cursors of lists.
    Cursors,
    /// Signs verifications: seed of the report key.
    Report,
    /// Signs manifests: seed of the catalogue key.
    Catalogue,
    /// Tokens of parts that are uploaded through the server.
    Uploads,
    /// Seals the organizations' secrets.
    Secrets,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Links => b"firmhold/links/1",
            Self::Cursors => b"firmhold/cursors/1",
            Self::Report => b"firmhold/report/1",
            Self::Catalogue => b"firmhold/catalogue/1",
            Self::Uploads => b"firmhold/uploads/1",
            Self::Secrets => b"firmhold/secrets/1",
        }
    }
}

impl MasterKey {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new one.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Its bytes, to be kept in a file that only the server can read.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key for `purpose` (HKDF-SHA-256, RFC 5869).
    pub fn derive(&self, purpose: Purpose) -> DerivedKey {
        let mut bytes = [0; 32];
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(purpose.info(), &mut bytes)
            .expect("INVARIANT: 32 bytes are within HKDF-SHA-256's 8,160");
        DerivedKey(bytes)
    }
}

impl DerivedKey {
    /// The key itself.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_are_apart_and_stable() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_ne!(key.derive(Purpose::Links).expose(), key.derive(Purpose::Cursors).expose());
        assert_eq!(
            key.derive(Purpose::Links).expose(),
            MasterKey::from_bytes([7; 32]).derive(Purpose::Links).expose()
        );
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }
}
