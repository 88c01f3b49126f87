//! Binaries and their states (API contract 4).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Digest, Meta, Prn, Timestamp};

/// Largest binary: 10,000 parts of 5 GiB. The store may allow less.
pub const MAX_SIZE: u64 = 53_687_091_200_000;

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),* }

        impl $name {
            /// As written on the wire and in the database.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = crate::binary::UnknownValue;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($text => Ok(Self::$variant),)* other => Err(crate::binary::UnknownValue(other.to_owned())) }
            }
        }
    };
}
pub(crate) use text_enum;

/// A text that is none of the values that a field may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown value {0:?}")]
pub struct UnknownValue(pub String);

text_enum! {
    /// Where a binary stands between upload and signature.
    BinaryState {
        /// Takes parts.
        Uploadable "uploadable",
        /// The upload is complete.
        Hashable "hashable",
        /// The hash job has it, or will.
        Hashing "hashing",
        /// Proved: hash and size match.
        Signable "signable",
        /// Has a valid signature by a key that is not revoked.
        Signed "signed",
        /// Content deleted, the record stays.
        Destroyed "destroyed",
    }
}

text_enum! {
    /// Where a binary's content stands in the bucket.
    ContentState {
        /// Not there yet, or found missing.
        Absent "absent",
        /// There, and readable at once.
        Present "present",
        /// In a class that cannot be read at once.
        Archived "archived",
        /// Being restored.
        Restoring "restoring",
        /// Dropped, but not deleted yet.
        DeletePending "delete_pending",
        /// Deleted.
        Deleted "deleted",
    }
}

impl BinaryState {
    /// Whether a PATCH by a client may ask for the step from this state to `to` (API contract 4.2). Steps to the
    /// present state are no steps and always allowed; those that the server makes by itself are not.
    #[must_use]
    pub const fn client_may(self, to: Self, in_bundle: bool) -> bool {
        matches!(
            (self, to, in_bundle),
            (Self::Uploadable, Self::Hashable, _)
                | (Self::Hashable, Self::Hashing, _)
                | (Self::Hashable | Self::Hashing | Self::Signable, Self::Uploadable, false)
                | (Self::Signed, Self::Destroyed, _)
                | (Self::Signable, Self::Destroyed, true)
        )
    }

    /// Whether content was proved: links may be made.
    #[must_use]
    pub const fn is_proved(self) -> bool {
        matches!(self, Self::Signable | Self::Signed)
    }
}

/// A binary as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binary {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// Its artifact version.
    pub artifact_version_prn: Prn,
    /// What it runs on, such as `portable` or `imx8`.
    pub target: String,
    /// SHA-256 of the whole content.
    pub hash: Digest,
    /// Bytes, 1 to [`MAX_SIZE`].
    pub size: u64,
    /// 1–256 characters.
    pub description: Option<String>,
    /// An object of at most 1,000,000 bytes of JSON.
    pub custom_metadata: Option<serde_json::Value>,
    /// Kept by retention.
    pub pinned: bool,
    /// Where its content lives; never changes.
    pub backend_prn: Prn,
    /// See [`BinaryState`].
    pub state: BinaryState,
    /// Why the server moved it back.
    pub state_reason: Option<String>,
    /// See [`ContentState`].
    pub content_state: ContentState,
    /// Estimated end of a restore.
    pub restore_expected_at: Option<Timestamp>,
    /// Until when a restored copy can be read.
    pub restored_until: Option<Timestamp>,
    /// Since when retention has no reason to keep it.
    pub retired_at: Option<Timestamp>,
    /// When its manifest was written; null while a rewrite is due.
    pub manifest_at: Option<Timestamp>,
    /// Signatures by keys that are not revoked, oldest first.
    pub signatures: Vec<HandedSignature>,
}

/// A signature as handed to devices, inside a binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedSignature {
    /// 128 lower-case hex digits.
    pub signature: crate::Signature,
    /// The key's PRN.
    pub signing_key_prn: Prn,
    /// The key's id.
    pub keyid: String,
    /// The key as SPKI PEM.
    pub public_value: String,
}

/// Body of `POST /binaries`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateBinary {
    /// See [`Binary::artifact_version_prn`].
    pub artifact_version_prn: Option<String>,
    /// See [`Binary::target`].
    pub target: Option<String>,
    /// See [`Binary::hash`].
    pub hash: Option<String>,
    /// See [`Binary::size`].
    pub size: Option<i64>,
    /// See [`Binary::description`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// See [`Binary::custom_metadata`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<serde_json::Value>,
    /// See [`Binary::pinned`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// The backend, instead of the one that the contract's 12.1 chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_prn: Option<String>,
    /// Chosen by the client; becomes the last field of the PRN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

/// Answer of `GET /binaries/{prn}/download_url`. `Debug` shows no link: who has it may download.
#[derive(Clone, Serialize, Deserialize)]
pub struct DownloadUrl {
    /// A download link (API contract 11).
    pub download_url: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for DownloadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadUrl").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::BinaryState::{Destroyed, Hashable, Hashing, Signable, Signed, Uploadable};
    use super::*;

    #[test]
    fn clients_take_only_the_contracts_steps() {
        let mut allowed = Vec::new();
        for &from in BinaryState::ALL {
            for &to in BinaryState::ALL {
                for in_bundle in [false, true] {
                    if from.client_may(to, in_bundle) {
                        allowed.push((from, to, in_bundle));
                    }
                }
            }
        }
        assert_eq!(
            allowed,
            [
                (Uploadable, Hashable, false),
                (Uploadable, Hashable, true),
                (Hashable, Uploadable, false),
                (Hashable, Hashing, false),
                (Hashable, Hashing, true),
                (Hashing, Uploadable, false),
                (Signable, Uploadable, false),
                (Signable, Destroyed, true),
                (Signed, Destroyed, false),
                (Signed, Destroyed, true),
            ]
        );
    }
}
