//! Ed25519 signatures over a digest (API contract 4.4).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::binary::text_enum;
use crate::{Meta, Prn, Timestamp};

/// 64 bytes; 128 hex digits on the wire, read in any case and written in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

/// The text was not 128 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an Ed25519 signature as 128 hex digits")]
pub struct BadSignature;

impl Signature {
    /// From the 64 raw bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl FromStr for Signature {
    type Err = BadSignature;
    fn from_str(text: &str) -> Result<Self, BadSignature> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| BadSignature)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

text_enum! {
    /// Which form of a digest was signed.
    MessageForm {
        /// Its 32 raw bytes.
        Raw "raw",
        /// Its 64 ASCII hex digits.
        Hex "hex",
    }
}

/// A binary's signature as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinarySignature {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// Whose `hash` it is over.
    pub binary_prn: Prn,
    /// The signature.
    pub signature: Signature,
    /// By which key.
    pub signing_key_prn: Prn,
    /// That key's id.
    pub keyid: String,
    /// The form that verified.
    pub message_form: MessageForm,
    /// The key's.
    pub revoked_at: Option<Timestamp>,
}

/// Body of `POST /binary_signatures`: exactly one of the two names of the key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateBinarySignature {
    /// See [`BinarySignature::binary_prn`].
    pub binary_prn: Option<String>,
    /// See [`BinarySignature::signature`].
    pub signature: Option<String>,
    /// The key by PRN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key_prn: Option<String>,
    /// The key by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key_keyid: Option<String>,
}
