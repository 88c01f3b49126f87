//! A key.

use std::collections::BTreeMap;

use firmhold_core::Timestamp;
use firmhold_iam::ContextValue;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws_error::AwsError;
use crate::call::epoch;
use crate::records::{Home, Row};

/// A symmetric key for encryption. No `Debug`: it holds the key itself.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) account: String,
    pub(super) region: String,
    /// A UUID.
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) description: String,
    pub(super) state: KeyState,
    /// Whether AWS made it, as it makes `aws/s3`.
    pub(super) aws_managed: bool,
    /// The policy as it was put, byte for byte.
    pub(super) policy: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) rotation: Option<Rotation>,
    /// 32 bytes in hex.
    pub(super) material: String,
}

impl Row for Key {
    const KIND: &'static str = "kms-key";
}

/// What a key is good for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum KeyState {
    Enabled,
    Disabled,
    /// Gone at `at`; nothing works with it until then but to cancel it.
    PendingDeletion {
        at: Timestamp,
    },
}

/// Automatic rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rotation {
    pub(super) days: u32,
    pub(super) since: Timestamp,
}

impl Key {
    pub(super) fn home(&self) -> Home<'_> {
        Home { account: &self.account, region: &self.region }
    }

    pub(super) fn arn(&self) -> String {
        self.home().arn("kms", &format!("key/{}", self.id))
    }

    /// Whether its deletion has come.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        matches!(self.state, KeyState::PendingDeletion { at } if at <= now)
    }

    /// Refuses what a key that waits for its deletion cannot do.
    pub(super) fn check_not_pending(&self) -> Result<(), AwsError> {
        match self.state {
            KeyState::PendingDeletion { .. } => Err(AwsError::new(
                400,
                "KMSInvalidStateException",
                format!("{} is pending deletion.", self.arn()),
            )),
            KeyState::Enabled | KeyState::Disabled => Ok(()),
        }
    }

    /// Refuses what only an enabled key can do.
    pub(super) fn check_enabled(&self) -> Result<(), AwsError> {
        self.check_not_pending()?;
        match self.state {
            KeyState::Disabled => {
                Err(AwsError::new(400, "DisabledException", format!("{} is disabled.", self.arn())))
            }
            _ => Ok(()),
        }
    }

    /// The condition keys of what is done with it
    /// (<https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>).
    pub(super) fn condition_keys(&self, aliases: &[String]) -> Vec<(String, ContextValue)> {
        let mut keys: Vec<(String, ContextValue)> = vec![
            ("kms:KeySpec".to_owned(), "SYMMETRIC_DEFAULT".into()),
            ("kms:KeyUsage".to_owned(), "ENCRYPT_DECRYPT".into()),
            ("kms:KeyOrigin".to_owned(), "AWS_KMS".into()),
        ];
        if !aliases.is_empty() {
            keys.push(("kms:ResourceAliases".to_owned(), aliases.to_vec().into()));
        }
        keys.extend(self.tags.iter().map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.into())));
        keys
    }

    /// `KeyMetadata`
    pub(super) fn metadata(&self) -> Value {
        let (state, deletion) = match self.state {
            KeyState::Enabled => ("Enabled", None),
            KeyState::Disabled => ("Disabled", None),
            KeyState::PendingDeletion { at } => ("PendingDeletion", Some(at)),
        };
        let mut metadata = json!({
            "AWSAccountId": self.account,
            "KeyId": self.id,
            "Arn": self.arn(),
            "CreationDate": epoch(self.created),
            "Enabled": self.state == KeyState::Enabled,
            "Description": self.description,
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": state,
            "Origin": "AWS_KMS",
            "KeyManager": if self.aws_managed { "AWS" } else { "CUSTOMER" },
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": false,
        });
        if let Some(at) = deletion {
            metadata["DeletionDate"] = epoch(at);
        }
        metadata
    }
}
