//! Names that AWS makes: unique ids, access keys, secrets, ARNs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A unique id of AWS's shape: a four-letter prefix (`AROA`, `AIDA`, `AKIA`, `ASIA`) and 16 random characters.
pub(crate) fn unique_id(prefix: &str) -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    let tail = bytes.iter().map(|byte| char::from(BASE32[usize::from(byte % 32)]));
    Ok(prefix.chars().chain(tail).collect())
}

/// A secret access key: 40 characters of base64.
pub(crate) fn secret_access_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 30];
    getrandom::fill(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}

/// 32 random bytes in hex.
pub(crate) fn random_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// A request id of AWS's shape. Random only to be told apart, so a machine without random bytes gets zeros.
pub(crate) fn request_id() -> String {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        bytes = [0; 16];
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

pub(crate) fn user_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:user/{name}")
}

pub(crate) fn session_arn(account: &str, role: &str, session: &str) -> String {
    format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
}
