//! Presigned URLs: AWS Signature Version 4 in the query.
//!
//! Our own, because every GET of a link signs anew: the key of the day, the encoded session token and the query are
//! made once and hashed in place. A test holds it to the SDK's signer, character for character.

use std::fmt::Write as _;

use firmhold_core::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use zeroize::ZeroizeOnDrop;

use crate::session::RoleSession;

/// All but RFC 3986's unreserved characters, as SigV4 wants queries.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, with the slashes of a key kept.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// `text` as a value in a query.
pub(crate) fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, QUERY)
}

/// `text` as a path.
pub(crate) fn encode_path(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, PATH)
}

/// What signs on one day in one region.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct DayKey {
    #[zeroize(skip)]
    day: String,
    #[zeroize(skip)]
    region: String,
    key: [u8; 32],
}

impl DayKey {
    /// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), "s3"), "aws4_request")`
    pub fn derive(secret: &str, day: &str, region: &str) -> Self {
        let start = zeroize::Zeroizing::new(format!("AWS4{secret}"));
        let key = [day, region, "s3", "aws4_request"]
            .iter()
            .fold(None, |key: Option<[u8; 32]>, text| {
                Some(hmac(key.as_ref().map_or(start.as_bytes(), |key| key.as_slice()), text.as_bytes()))
            })
            .unwrap_or_default();
        Self { day: day.to_owned(), region: region.to_owned(), key }
    }

    /// The key, if it is of that day and region.
    pub fn of(&self, day: &str, region: &str) -> Option<[u8; 32]> {
        (self.day == day && self.region == region).then_some(self.key)
    }

    /// The key.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("INVARIANT: HMAC takes keys of any length");
    hmac.update(text);
    hmac.finalize().into_bytes().into()
}

/// One URL to sign.
#[derive(Debug)]
pub(crate) struct Presign<'a> {
    pub method: &'a str,
    /// `https://host[:port]`
    pub origin: &'a str,
    /// Host and port as the client will send it.
    pub host: &'a str,
    /// Encoded, with its first slash.
    pub path: &'a str,
    /// Encoded, sorted, and after `X-Amz-…` in the order of bytes; empty or beginning with `&`.
    pub query: &'a str,
    /// Name and value of the signed headers, sorted, `host` apart; names in lower case.
    pub before_host: &'a [(&'a str, &'a str)],
    /// Those that come after `host`.
    pub after_host: &'a [(&'a str, &'a str)],
    pub region: &'a str,
    pub at: Timestamp,
    pub seconds: u64,
}

impl Presign<'_> {
    /// The URL, signed by `session`.
    pub fn sign(&self, session: &RoleSession) -> String {
        let time = amz_date(self.at);
        let day = &time[..8];
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let token = session.encoded_token();
        let mut url =
            String::with_capacity(512 + self.path.len() + self.query.len() + token.map_or(0, str::len));
        url.push_str(self.origin);
        url.push_str(self.path);
        url.push('?');
        let query_at = url.len();
        self.write_query(&mut url, session.access_key_id(), &time, token);
        let canonical = self.canonical_hash(&url[query_at..]);
        let mut to_sign = String::with_capacity(160);
        to_sign.push_str("AWS4-HMAC-SHA256\n");
        to_sign.push_str(&time);
        to_sign.push('\n');
        to_sign.push_str(&scope);
        to_sign.push('\n');
        push_hex(&mut to_sign, &canonical);
        let key = session.day_key(day, self.region);
        url.push_str("&X-Amz-Signature=");
        push_hex(&mut url, &hmac(&key, to_sign.as_bytes()));
        url
    }

    /// In the order that the canonical request wants, so that URL and signature share one text.
    fn write_query(&self, url: &mut String, access_key_id: &str, time: &str, token: Option<&str>) {
        let day = &time[..8];
        let (region, seconds) = (self.region, self.seconds);
        url.push_str("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
        // Writing to a String cannot fail.
        let _ = write!(
            url,
            "{}%2F{day}%2F{}%2Fs3%2Faws4_request&X-Amz-Date={time}&X-Amz-Expires={seconds}",
            encode(access_key_id),
            encode(region)
        );
        if let Some(token) = token {
            url.push_str("&X-Amz-Security-Token=");
            url.push_str(token);
        }
        url.push_str("&X-Amz-SignedHeaders=");
        self.write_signed_headers(url, "%3B");
        url.push_str(self.query);
    }

    fn write_signed_headers(&self, out: &mut String, separator: &str) {
        for (name, _) in self.before_host {
            out.push_str(name);
            out.push_str(separator);
        }
        out.push_str("host");
        for (name, _) in self.after_host {
            out.push_str(separator);
            out.push_str(name);
        }
    }

    fn canonical_hash(&self, query: &str) -> [u8; 32] {
        let mut rest = String::with_capacity(256);
        for (name, value) in
            self.before_host.iter().chain([("host", self.host)].iter()).chain(self.after_host)
        {
            let _ = writeln!(rest, "{name}:{value}");
        }
        rest.push('\n');
        self.write_signed_headers(&mut rest, ";");
        rest.push_str("\nUNSIGNED-PAYLOAD");
        let mut hash = Sha256::new();
        for piece in [self.method, "\n", self.path, "\n", query, "\n", &rest] {
            hash.update(piece.as_bytes());
        }
        hash.finalize().into()
    }
}

fn push_hex(out: &mut String, bytes: &[u8; 32]) {
    let mut hex = [0; 64];
    let written = hex::encode_to_slice(bytes, &mut hex).ok().and_then(|()| std::str::from_utf8(&hex).ok());
    out.push_str(written.expect("INVARIANT: 32 bytes are 64 hex digits"));
}

/// `YYYYMMDDTHHMMSSZ`, the seconds rounded down.
pub(crate) fn amz_date(at: Timestamp) -> String {
    let secs = at.as_secs();
    let (year, month, day) = civil(secs.div_euclid(86_400));
    let second = secs.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month and day of a number of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    };
    use aws_sigv4::sign::v4;
    use proptest::prelude::*;

    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials::new(
            "ASIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            token.map(str::to_owned),
            None,
            "test",
        )
    }

    fn session(token: Option<&str>) -> RoleSession {
        let at = Timestamp::from_secs(0);
        RoleSession::new(&credentials(token), String::new(), at, at)
    }

    /// What the SDK's signer makes of the same request.
    fn by_the_sdk(presign: &Presign<'_>, url: &str, token: Option<&str>, at: SystemTime) -> String {
        let identity = credentials(token).into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(presign.seconds));
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(presign.region)
            .name("s3")
            .time(at)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers = presign.before_host.iter().chain(presign.after_host).copied();
        let request =
            SignableRequest::new(presign.method, url, headers, SignableBody::UnsignedPayload).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut request = http::Request::builder().uri(url).body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request.uri().to_string()
    }

    /// Query parameters in any order, for the SDK appends its own to those of the request.
    fn sorted(url: &str) -> (String, Vec<String>) {
        let (path, query) = url.split_once('?').unwrap();
        let mut query: Vec<_> = query.split('&').map(str::to_owned).collect();
        query.sort();
        (path.to_owned(), query)
    }

    proptest! {
        #[test]
        fn a_get_is_what_the_sdk_signs(
            key in "[ -~éß]{1,40}",
            version in proptest::option::of("[A-Za-z0-9._+/=-]{1,32}"),
            token in proptest::option::of("[A-Za-z0-9+/=]{1,900}"),
            secs in 0_i64..4_000_000_000,
            seconds in 1_u64..604_801,
        ) {
            let path = format!("/{}", encode_path(&key));
            let query = version.as_ref().map(|v| format!("&versionId={}", encode(v))).unwrap_or_default();
            let at = Timestamp::from_secs(secs);
            let presign = Presign {
                method: "GET",
                origin: "https://bucket.s3.us-west-2.amazonaws.com",
                host: "bucket.s3.us-west-2.amazonaws.com",
                path: &path,
                query: &query,
                before_host: &[],
                after_host: &[],
                region: "us-west-2",
                at,
                seconds,
            };
            let ours = presign.sign(&session(token.as_deref()));
            let plain = format!("{}{path}?{}", presign.origin, query.trim_start_matches('&'));
            let plain = plain.trim_end_matches('?');
            let theirs = by_the_sdk(&presign, plain, token.as_deref(), at.to_system_time());
            prop_assert_eq!(sorted(&ours), sorted(&theirs));
        }
    }

    #[test]
    fn a_part_is_what_the_sdk_signs() {
        let at = Timestamp::parse("2028-02-29T23:59:59.999Z").unwrap();
        let presign = Presign {
            method: "PUT",
            origin: "http://127.0.0.1:9000",
            host: "127.0.0.1:9000",
            path: "/bucket/fw/binaries/x",
            query: "&partNumber=3&uploadId=a%2Bb%3D",
            before_host: &[("content-length", "8388608")],
            after_host: &[("x-amz-checksum-sha256", "QqV8NB5sHqz30SziM/+aVofjIoRaYj0BJL3fKTEevM8=")],
            region: "eu-central-1",
            at,
            seconds: 900,
        };
        let session = session(Some("tok/en=="));
        let ours = presign.sign(&session);
        let plain = "http://127.0.0.1:9000/bucket/fw/binaries/x?partNumber=3&uploadId=a%2Bb%3D";
        let theirs = by_the_sdk(&presign, plain, Some("tok/en=="), at.to_system_time());
        assert_eq!(sorted(&ours), sorted(&theirs));
        assert!(
            ours.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256&"),
            "{ours}"
        );
        assert!(ours.contains("X-Amz-Date=20280229T235959Z"), "{ours}");
        assert_eq!(
            presign.sign(&session),
            ours,
            "the key of the day is the same when it is found as when it is made"
        );
    }

    #[test]
    fn the_key_follows_day_and_region() {
        let session = session(None);
        let key = |day, region| session.day_key(day, region);
        let first = key("20260301", "us-west-2");
        assert_ne!(first, key("20260302", "us-west-2"));
        assert_ne!(first, key("20260301", "eu-central-1"));
        assert_eq!(first, key("20260301", "us-west-2"));
    }

    #[test]
    fn dates_are_the_calendars() {
        for text in
            ["1970-01-01T00:00:00Z", "2000-02-29T12:34:56Z", "2026-12-31T23:59:59Z", "2100-03-01T00:00:00Z"]
        {
            let expected: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
            assert_eq!(amz_date(Timestamp::parse(text).unwrap()), expected);
        }
    }
}
