//! Canonical JSON (RFC 8785): the form that is signed.

use serde::Serialize;

/// `value` as canonical JSON.
///
/// # Errors
/// If `value` cannot be JSON (a map with keys that are no texts, a number that is not finite).
pub fn to_canonical_json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(value)
}
