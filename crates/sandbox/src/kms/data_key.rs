//! GenerateDataKey and Decrypt, called directly.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firmhold_iam::ContextValue;
use serde::Deserialize;
use serde_json::json;

use super::key::Key;
use super::{Kms, about, invalid};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::query::internal_failure;

/// Bytes of a nonce of AES-GCM.
const NONCE: usize = 12;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey {
    key_id: String,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt {
    ciphertext_blob: String,
    key_id: Option<String>,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    #[serde(default)]
    dry_run: bool,
}

impl GenerateDataKey {
    fn length(&self) -> Result<usize, AwsError> {
        match (self.key_spec.as_deref(), self.number_of_bytes) {
            (Some("AES_256"), None) => Ok(32),
            (Some("AES_128"), None) => Ok(16),
            (None, Some(bytes @ 1..=1024)) => Ok(bytes),
            _ => Err(invalid("Please specify either number of bytes or key spec.")),
        }
    }
}

impl Kms {
    pub(super) fn generate_data_key(&self, call: &Call<'_>) -> Answer {
        let input: GenerateDataKey = call.input()?;
        let length = input.length()?;
        let found = self.find(call.home, &input.key_id, call.caller, call.action, call.now)?;
        let keys = context_keys(&input.encryption_context);
        let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        about(call, &found.key);
        self.allow(call.caller, call.action, &found.key, found.alias.as_deref(), &keys)?;
        found.key.check_enabled()?;
        refuse_dry_run(input.dry_run)?;
        let mut plaintext = vec![0; length];
        getrandom::fill(&mut plaintext).map_err(|_| internal_failure())?;
        let blob = seal(&found.key, &input.encryption_context, &plaintext).ok_or_else(internal_failure)?;
        Ok(json!({
            "CiphertextBlob": STANDARD.encode(blob),
            "Plaintext": STANDARD.encode(plaintext),
            "KeyId": found.key.arn(),
        }))
    }

    pub(super) fn decrypt(&self, call: &Call<'_>) -> Answer {
        let input: Decrypt = call.input()?;
        let blob = STANDARD.decode(&input.ciphertext_blob).map_err(|_| invalid_ciphertext())?;
        let (arn, _) = take_apart(&blob).ok_or_else(invalid_ciphertext)?;
        let key = self.find(call.home, arn, call.caller, call.action, call.now)?.key;
        let keys = context_keys(&input.encryption_context);
        let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        about(call, &key);
        self.allow(call.caller, call.action, &key, None, &keys)?;
        key.check_enabled()?;
        if let Some(name) = &input.key_id {
            let named = self.find(call.home, name, call.caller, call.action, call.now)?.key;
            if named.arn() != arn {
                let message =
                    "The key ID in the request does not identify a CMK that can perform this operation.";
                return Err(AwsError::new(400, "IncorrectKeyException", message));
            }
        }
        let plaintext = open(&key, &input.encryption_context, &blob).ok_or_else(invalid_ciphertext)?;
        refuse_dry_run(input.dry_run)?;
        Ok(json!({
            "KeyId": arn,
            "Plaintext": STANDARD.encode(plaintext),
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }))
    }
}

fn context_keys(context: &BTreeMap<String, String>) -> Vec<(String, ContextValue)> {
    if context.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = context.keys().cloned().collect();
    let values = context.iter().map(|(key, value)| (format!("kms:EncryptionContext:{key}"), value.into()));
    std::iter::once(("kms:EncryptionContextKeys".to_owned(), names.into())).chain(values).collect()
}

/// A dry run that would have worked is answered by an error, too.
fn refuse_dry_run(dry_run: bool) -> Result<(), AwsError> {
    let message = "The request would have succeeded, but the DryRun option is set.";
    if dry_run { Err(AwsError::new(400, "DryRunOperationException", message)) } else { Ok(()) }
}

fn invalid_ciphertext() -> AwsError {
    AwsError::new(400, "InvalidCiphertextException", "")
}

/// The length of the key's ARN, the ARN, nonce, ciphertext and tag.
fn seal(key: &Key, context: &BTreeMap<String, String>, plaintext: &[u8]) -> Option<Vec<u8>> {
    let arn = key.arn();
    let mut sealed = plaintext.to_vec();
    let nonce = cipher(key)?.seal_in_place_append_tag(aad(&arn, context), &mut sealed).ok()?;
    let mut blob = vec![u8::try_from(arn.len()).ok()?];
    blob.extend_from_slice(arn.as_bytes());
    blob.extend_from_slice(nonce.as_ref());
    blob.extend_from_slice(&sealed);
    Some(blob)
}

fn open(key: &Key, context: &BTreeMap<String, String>, blob: &[u8]) -> Option<Vec<u8>> {
    let (arn, sealed) = take_apart(blob)?;
    let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut opened = sealed.to_vec();
    let plaintext = cipher(key)?.open_in_place(nonce, aad(arn, context), &mut opened).ok()?;
    Some(plaintext.to_vec())
}

fn take_apart(blob: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = blob.split_first()?;
    let (arn, sealed) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(arn).ok()?, sealed))
}

fn cipher(key: &Key) -> Option<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, &hex::decode(&key.material).ok()?).ok()
}

/// Bound to the key and to the context, in the order of its names.
fn aad(arn: &str, context: &BTreeMap<String, String>) -> Aad<Vec<u8>> {
    Aad::from(json!([arn, context]).to_string().into_bytes())
}
