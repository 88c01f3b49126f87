//! The conditional headers of a download: `If-Match`, `If-None-Match`, `If-Range` (RFC 9110, section 13, and the ETag
//! rule of API contract 11, item 3).

use firmhold_core::Digest;
use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE};

/// The validators of one content: what we answer ourselves carries the SHA-256, what the store answers after a
/// redirect carries the store's own. A client may hold either.
#[derive(Debug, Clone)]
pub struct Validators {
    ours: String,
    store: Option<String>,
}

/// What the conditional headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request goes on.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

impl Validators {
    /// Of content with this digest, whose object has this ETag in the store (with or without its quotes).
    pub fn new(digest: Digest, store: Option<&str>) -> Self {
        let quoted = |etag: &str| format!("\"{}\"", etag.trim_matches('"'));
        Self { ours: quoted(&digest.to_hex()), store: store.map(quoted) }
    }

    /// The strong ETag of all that we answer ourselves.
    pub fn etag(&self) -> &str {
        &self.ours
    }

    /// Evaluates `If-Match`, then `If-None-Match` (RFC 9110, 13.2.2).
    pub fn evaluate(&self, headers: &HeaderMap) -> Verdict {
        // `If-Match` compares strongly: a weak tag never matches.
        if headers.contains_key(IF_MATCH) && !listed(headers, &IF_MATCH, |tag| self.is_mine(tag)) {
            return Verdict::Failed;
        }
        let weakly = |tag: &str| self.is_mine(tag.strip_prefix("W/").unwrap_or(tag));
        if headers.contains_key(IF_NONE_MATCH) && listed(headers, &IF_NONE_MATCH, weakly) {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Whether a `Range` is to be looked at: there is no `If-Range`, or it names this content. A date never does: we
    /// send none.
    pub fn range_holds(&self, headers: &HeaderMap) -> bool {
        match headers.get(IF_RANGE) {
            None => true,
            Some(value) => value.to_str().is_ok_and(|tag| self.is_mine(tag.trim())),
        }
    }

    /// Whether `If-Match` or `If-Range` names the SHA-256: the store would not know it, so such a GET is proxied.
    pub fn names_digest(&self, headers: &HeaderMap) -> bool {
        let ours = |tag: &str| tag == self.ours;
        [IF_MATCH, IF_RANGE].iter().any(|name| listed_exactly(headers, name, ours))
    }

    fn is_mine(&self, tag: &str) -> bool {
        tag == self.ours || self.store.as_deref() == Some(tag)
    }
}

/// Whether a list of ETags is `*` or holds one that `matches`.
fn listed(headers: &HeaderMap, name: &HeaderName, matches: impl Fn(&str) -> bool) -> bool {
    listed_exactly(headers, name, |tag| tag == "*" || matches(tag))
}

fn listed_exactly(headers: &HeaderMap, name: &HeaderName, matches: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(name);
    // No ETag of ours or of S3 holds a comma, so splitting inside quotes does no harm.
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| matches(tag.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validators() -> Validators {
        Validators::new(Digest::of("firmware-a\n"), Some("\"abc-2\""))
    }

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn either_etag_counts() {
        let ours = validators().etag().to_owned();
        for (name, value, expected) in [
            (IF_MATCH, ours.as_str(), Verdict::Proceed),
            (IF_MATCH, "\"abc-2\"", Verdict::Proceed),
            (IF_MATCH, "\"x\", \"abc-2\"", Verdict::Proceed),
            (IF_MATCH, "*", Verdict::Proceed),
            (IF_MATCH, "W/\"abc-2\"", Verdict::Failed),
            (IF_MATCH, "\"x\"", Verdict::Failed),
            (IF_MATCH, "abc-2", Verdict::Failed),
            (IF_NONE_MATCH, ours.as_str(), Verdict::NotModified),
            (IF_NONE_MATCH, "W/\"abc-2\"", Verdict::NotModified),
            (IF_NONE_MATCH, "*", Verdict::NotModified),
            (IF_NONE_MATCH, "\"x\"", Verdict::Proceed),
        ] {
            assert_eq!(validators().evaluate(&with(name.clone(), value)), expected, "{name}: {value}");
        }
        assert_eq!(validators().evaluate(&HeaderMap::new()), Verdict::Proceed);
    }

    #[test]
    fn a_range_holds_for_this_content_only() {
        assert!(validators().range_holds(&HeaderMap::new()));
        assert!(validators().range_holds(&with(IF_RANGE, validators().etag())));
        assert!(validators().range_holds(&with(IF_RANGE, "\"abc-2\"")));
        for other in ["\"x\"", "W/\"abc-2\"", "*", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert!(!validators().range_holds(&with(IF_RANGE, other)), "{other}");
        }
    }

    #[test]
    fn only_the_digest_asks_for_the_proxy() {
        let ours = validators().etag().to_owned();
        assert!(validators().names_digest(&with(IF_MATCH, &ours)));
        assert!(validators().names_digest(&with(IF_RANGE, &ours)));
        assert!(!validators().names_digest(&with(IF_NONE_MATCH, &ours)));
        assert!(!validators().names_digest(&with(IF_MATCH, "*")));
        assert!(!validators().names_digest(&with(IF_RANGE, "\"abc-2\"")));
    }
}
