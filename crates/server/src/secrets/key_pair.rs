//! Key pairs of S3-compatible stores, as people write them and as they are kept.

use firmhold_core::{Code, Problem, Secret};
use firmhold_store::StaticKeys;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest id or secret.
const LONGEST: usize = 1024;

#[derive(Serialize)]
struct Kept<'a> {
    kind: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    kind: Option<String>,
    access_key_id: String,
    secret_access_key: Secret,
}

const KIND: &str = "key_pair";

/// Reads a key pair as a person hands it in: JSON with `access_key_id` and `secret_access_key`, or these two on a line
/// each.
///
/// # Errors
/// [`Code::Usage`], which shows nothing of the text.
pub fn parse(text: &str) -> Result<StaticKeys, Problem> {
    let form = || {
        Problem::new(
            Code::Usage,
            "this is no key pair: expected {\"access_key_id\": …, \"secret_access_key\": …}, or the id and the secret on a line each",
        )
    };
    if text.trim_start().starts_with('{') {
        return from_json(text.as_bytes()).map_err(|wrong| Problem::new(Code::Usage, wrong));
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(id), Some(secret), None) = (lines.next(), lines.next(), lines.next()) else {
        return Err(form());
    };
    check(id, &Secret::new(secret)).map_err(|wrong| Problem::new(Code::Usage, wrong))
}

/// Reads what [`to_json`] wrote, or a person. The error shows nothing of the text.
pub(super) fn from_json(text: &[u8]) -> Result<StaticKeys, &'static str> {
    let written: Written = serde_json::from_slice(text).map_err(
        |_| "the key pair must be JSON with access_key_id and secret_access_key, and nothing else",
    )?;
    if written.kind.as_deref().is_some_and(|kind| kind != KIND) {
        return Err("the secret is of another kind than a key pair");
    }
    check(&written.access_key_id, &written.secret_access_key)
}

pub(super) fn to_json(keys: &StaticKeys) -> Zeroizing<Vec<u8>> {
    let kept = Kept {
        kind: KIND,
        access_key_id: &keys.access_key_id,
        secret_access_key: keys.secret_access_key.expose(),
    };
    Zeroizing::new(serde_json::to_vec(&kept).expect("INVARIANT: three texts are JSON"))
}

/// Both halves go into headers and signatures, where nothing but visible ASCII belongs.
fn check(id: &str, secret: &Secret) -> Result<StaticKeys, &'static str> {
    let visible =
        |text: &str| (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if !visible(id) || id.contains(['/', ',', '=']) {
        return Err("the access key id must be visible ASCII without / , =");
    }
    if !visible(secret.expose()) {
        return Err("the secret access key must be visible ASCII without blanks");
    }
    Ok(StaticKeys { access_key_id: id.to_owned(), secret_access_key: secret.clone(), session_token: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let keys = StaticKeys::new("AKID", "se/cr+et");
        for text in [
            r#"{"access_key_id": "AKID", "secret_access_key": "se/cr+et"}"#,
            "AKID\nse/cr+et",
            "\n AKID \r\n\r\nse/cr+et\r\n",
        ] {
            assert_eq!(parse(text).unwrap(), keys, "{text:?}");
        }
        assert_eq!(from_json(&to_json(&keys)).unwrap(), keys);
    }

    #[test]
    fn what_is_no_key_pair_is_refused_and_not_shown() {
        for text in [
            "",
            "hunter2",
            "AKID\nhunter2\nmore",
            "AK ID\nhunter2",
            "AKID\nhunter 2",
            "AK/ID\nhunter2",
            "{}",
            r#"{"access_key_id": "AKID"}"#,
            r#"{"access_key_id": "AKID", "secret_access_key": "hunter2", "more": 1}"#,
            r#"{"access_key_id": "", "secret_access_key": "hunter2"}"#,
            r#"{"kind": "other", "access_key_id": "AKID", "secret_access_key": "hunter2"}"#,
            r#"{"access_key_id": "AKID", "secret_access_key": "hunter2""#,
        ] {
            let refused = parse(text).unwrap_err();
            assert_eq!(refused.code(), Code::Usage, "{text:?}");
            assert!(!format!("{refused:?} {refused}").contains("hunter2"), "{refused:?}");
        }
    }
}
