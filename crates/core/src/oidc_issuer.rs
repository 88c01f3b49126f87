//! Issuers of tokens that CI systems exchange for a key (API contract 13.5).

use serde::{Deserialize, Serialize};

use crate::{Meta, Prn, Scope, Timestamp};

/// An issuer as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OidcIssuer {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// 1–128 characters.
    pub name: String,
    /// An `https` URL, exactly the `iss` of its tokens.
    pub issuer: String,
    /// 1–256 characters, with the organization's UUID in them.
    pub audience: String,
    /// 1–32 patterns for the whole `sub`; `*` stands for any characters.
    pub subjects: Vec<String>,
    /// What its keys may do: never `admin`.
    pub scope: Scope,
    /// The products that its keys are limited to; empty for all.
    pub product_prns: Vec<Prn>,
    /// Longest life of its keys, 60–3,600 s.
    pub max_ttl_seconds: u32,
    /// When a token was last exchanged.
    pub last_used_at: Option<Timestamp>,
}

/// Body of `POST /oidc_issuers`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateOidcIssuer {
    /// See [`OidcIssuer::name`].
    pub name: String,
    /// See [`OidcIssuer::issuer`].
    pub issuer: String,
    /// See [`OidcIssuer::audience`].
    pub audience: String,
    /// See [`OidcIssuer::subjects`].
    pub subjects: Vec<String>,
    /// See [`OidcIssuer::scope`].
    pub scope: Option<Scope>,
    /// See [`OidcIssuer::product_prns`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_prns: Vec<Prn>,
    /// See [`OidcIssuer::max_ttl_seconds`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl_seconds: Option<u32>,
}

/// Whether `subject` as a whole fits `pattern`, in which `*` stands for any characters, also none. Linear in both: each
/// text between two stars is taken where it is found first, which leaves the most to what follows.
#[must_use]
pub fn subject_fits(pattern: &str, subject: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == subject };
    let Some(mut subject) = subject.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match subject.find(piece) {
            Some(at) => subject = subject.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    subject.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::subject_fits;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, subject) in [
            ("repo:acme/fw:ref:refs/heads/main", "repo:acme/fw:ref:refs/heads/main"),
            ("repo:acme/*", "repo:acme/fw:ref:refs/heads/main"),
            ("repo:acme/*", "repo:acme/"),
            ("*:ref:refs/tags/v*", "repo:acme/fw:ref:refs/tags/v1.2"),
            ("a*b*c", "a-b-b-c"),
            ("a*b*c", "abc"),
            ("a**c", "ac"),
            ("*é*", "caféteria"),
            ("a*a", "aa"),
        ] {
            assert!(subject_fits(pattern, subject), "{pattern} {subject}");
        }
        for (pattern, subject) in [
            ("repo:acme/fw", "repo:acme/fw2"),
            ("repo:acme/*", "repo:acme2/fw"),
            ("repo:acme/*", "xrepo:acme/fw"),
            ("*:ref:refs/heads/main", "repo:acme/fw:ref:refs/heads/main2"),
            ("a*a", "a"),
            ("a*b*c", "acb"),
            ("a*bc*c", "abc"),
            ("Repo:*", "repo:x"),
            ("a?c", "abc"),
            ("", "a"),
        ] {
            assert!(!subject_fits(pattern, subject), "{pattern} {subject}");
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        let pattern = "a*".repeat(128) + "b";
        assert!(!subject_fits(&pattern, &"a".repeat(16_000)));
    }
}
