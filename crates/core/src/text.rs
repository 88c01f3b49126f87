//! Limits of texts in the API (API contract 1.2 and 2).

use std::ops::RangeInclusive;

use crate::problem::FieldErrors;

/// 1–128 characters.
pub const NAME: RangeInclusive<usize> = 1..=128;
/// 1–256 characters.
pub const DESCRIPTION: RangeInclusive<usize> = 1..=256;
/// 1–128 characters.
pub const TARGET: RangeInclusive<usize> = 1..=128;
/// 1–128 characters of free text, not SemVer.
pub const VERSION: RangeInclusive<usize> = 1..=128;
/// Bytes of JSON that a `custom_metadata` may have.
pub const CUSTOM_METADATA_BYTES: usize = 1_000_000;

/// Adds an error for `field` unless `text` has a length within `limit` (in characters) and no control characters.
pub fn check(errors: &mut FieldErrors, field: &str, text: &str, limit: RangeInclusive<usize>) {
    let length = text.chars().count();
    if !limit.contains(&length) {
        errors.add(field, format!("must have {} to {} characters, has {length}", limit.start(), limit.end()));
    }
    if text.chars().any(char::is_control) {
        errors.add(field, "must hold no control characters");
    }
}

/// Adds an error unless `value` is a JSON object of at most [`CUSTOM_METADATA_BYTES`].
pub fn check_custom_metadata(errors: &mut FieldErrors, field: &str, value: &serde_json::Value) {
    if !value.is_object() {
        errors.add(field, "must be an object");
    } else if value.to_string().len() > CUSTOM_METADATA_BYTES {
        errors.add(field, format!("must have at most {CUSTOM_METADATA_BYTES} bytes as JSON"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_and_refuses_controls() {
        let mut errors = FieldErrors::new();
        check(&mut errors, "ok", &"é".repeat(128), NAME);
        assert!(errors.is_empty());
        check(&mut errors, "empty", "", NAME);
        check(&mut errors, "line", "a\nb", NAME);
        assert_eq!(errors.0.keys().collect::<Vec<_>>(), ["empty", "line"]);
    }
}
