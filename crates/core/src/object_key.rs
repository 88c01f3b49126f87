//! Where things lie in the owner's bucket (design D3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::Digest;

/// The part of the bucket that a backend may use: 1–128 of `[A-Za-z0-9/_-]`, ending in `/` (API contract 12.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prefix(String);

/// The text was not a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 128 characters of letters, digits, '/', '_' and '-', not starting with '/'")]
pub struct BadPrefix;

impl Prefix {
    /// The contract's default.
    pub const DEFAULT: &'static str = "firmhold/";

    /// As text, with its final `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `key` lies below this prefix.
    pub fn contains(&self, key: &str) -> bool {
        key.starts_with(&self.0)
    }

    /// Whether two prefixes share keys: one begins with the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }

    /// Where verification writes its probes; the only place where the role may always delete (trap T26).
    pub fn probe_prefix(&self) -> String {
        format!("{}.probe/", self.0)
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl FromStr for Prefix {
    type Err = BadPrefix;
    fn from_str(text: &str) -> Result<Self, BadPrefix> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
        if text.is_empty() || text.starts_with('/') || !text.bytes().all(allowed) {
            return Err(BadPrefix);
        }
        let ended = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        if ended.len() > 128 {
            return Err(BadPrefix);
        }
        Ok(Self(ended))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The key of an object below a backend's prefix.
///
/// INVARIANT: a key names content, never a product or version, and is written once: every attempt has its own,
/// so that a leftover can never be served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Content: `{prefix}binaries/sha256/{aa}/{hash}/{attempt}`.
    pub fn content(prefix: &Prefix, digest: Digest, attempt: Uuid) -> Self {
        Self(format!("{}{attempt}", Self::directory(prefix, digest)))
    }

    /// A manifest beside it: `…/{hash}/manifests/{binary}/{revision, ten digits}.json` (API contract 4.5).
    pub fn manifest(prefix: &Prefix, digest: Digest, binary: Uuid, revision: u64) -> Self {
        Self(format!("{}manifests/{binary}/{revision:010}.json", Self::directory(prefix, digest)))
    }

    /// The public half of the catalogue key: `{prefix}.firmhold/catalogue/{keyid}.pub`.
    pub fn catalogue_key(prefix: &Prefix, keyid: &str) -> Self {
        Self(format!("{prefix}.firmhold/catalogue/{keyid}.pub"))
    }

    /// A probe of a verification: `{prefix}.probe/{run}/{name}`.
    pub fn probe(prefix: &Prefix, run: Uuid, name: &str) -> Self {
        Self(format!("{}{run}/{name}", prefix.probe_prefix()))
    }

    /// A key that was stored before.
    pub fn from_stored(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn directory(prefix: &Prefix, digest: Digest) -> String {
        let hash = digest.to_hex();
        format!("{prefix}binaries/sha256/{}/{hash}/", hash.get(..2).unwrap_or_default())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ObjectKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_content_only() {
        let prefix: Prefix = "acme/fw".parse().unwrap();
        let digest = Digest::of("firmware-a\n");
        let id = Uuid::from_u128(7);
        insta::assert_snapshot!(ObjectKey::content(&prefix, digest, id), @"acme/fw/binaries/sha256/42/42a57c341e6c1eacf7d12ce2333f9a5687e322845a623d0124bddf29311ebccf/00000000-0000-0000-0000-000000000007");
        insta::assert_snapshot!(ObjectKey::manifest(&prefix, digest, id, 3), @"acme/fw/binaries/sha256/42/42a57c341e6c1eacf7d12ce2333f9a5687e322845a623d0124bddf29311ebccf/manifests/00000000-0000-0000-0000-000000000007/0000000003.json");
    }

    #[test]
    fn prefixes_are_plain() {
        for bad in ["", "/", "/x", "a b", "a*", "é", &"x".repeat(128)] {
            assert_eq!(bad.parse::<Prefix>(), Err(BadPrefix), "{bad}");
        }
        assert_eq!("x".repeat(127).parse::<Prefix>().unwrap().as_str().len(), 128);
        let (a, b): (Prefix, Prefix) = ("fw".parse().unwrap(), "fw/eu".parse().unwrap());
        assert!(a.overlaps(&b) && b.overlaps(&a));
        assert!(!a.overlaps(&"fw2".parse().unwrap()));
    }
}
