//! AWS Signature Version 4: reading a signature off a request, and checking it
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::fmt::Write as _;

use firmhold_core::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The one algorithm that is taken.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What stands for a body whose hash was not signed.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// All but the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const STRICT_PATH: &AsciiSet = &STRICT.remove(b'/');

/// Where a request carries its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// In the `Authorization` header.
    Header,
    /// In the query: a presigned URL, good for this many seconds.
    Query { expires: i64 },
}

/// A signature as a request presents it; nothing of it is proved yet. No `Debug`: it holds the token.
#[derive(Clone)]
pub(crate) struct Presented {
    pub(crate) carrier: Carrier,
    pub(crate) access_key_id: String,
    /// `20260301`
    date: String,
    pub(crate) region: String,
    pub(crate) service: String,
    /// Lower case, in the order in which they were signed.
    pub(crate) signed_headers: Vec<String>,
    signature: String,
    pub(crate) session_token: Option<String>,
    /// `20260301T120000Z`
    amz_date: String,
    pub(crate) signed_at: Timestamp,
}

/// What is wrong with the form of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// SigV2 or something else that is not SigV4.
    Mechanism,
    /// A part is missing or cannot be read.
    Part(&'static str),
    /// `X-Amz-Expires` is not a number of seconds from 0 on.
    Expires,
    /// `X-Amz-Expires` is more than a week.
    ExpiresTooLong,
}

/// The most that `X-Amz-Expires` may be: seven days, in seconds.
pub(crate) const MAX_EXPIRES: i64 = 604_800;

/// Reads the signature off a request; `None` if it carries none.
pub(crate) fn read(parts: &Parts) -> Result<Option<Presented>, (Carrier, Malformed)> {
    let query = query_pairs(parts.uri.query().unwrap_or_default());
    let get = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if let Some(algorithm) = get("X-Amz-Algorithm").or_else(|| get("X-Amz-Signature").map(|_| "")) {
        let carrier = Carrier::Query { expires: 0 };
        if algorithm != ALGORITHM {
            return Err((carrier, Malformed::Part("X-Amz-Algorithm")));
        }
        return read_query(&get).map(Some).map_err(|malformed| (carrier, malformed));
    }
    if get("AWSAccessKeyId").is_some() && get("Signature").is_some() {
        return Err((Carrier::Query { expires: 0 }, Malformed::Mechanism));
    }
    let mut authorizations = parts.headers.get_all(http::header::AUTHORIZATION).iter();
    let Some(value) = authorizations.next() else {
        return Ok(None);
    };
    // INVARIANT: there is one at most. s3s takes several for none, and would check no signature at all.
    let value = value.to_str().ok().filter(|_| authorizations.next().is_none());
    let value = value.ok_or((Carrier::Header, Malformed::Part("Authorization")))?;
    read_header(parts, value).map(Some).map_err(|malformed| (Carrier::Header, malformed))
}

fn read_header(parts: &Parts, authorization: &str) -> Result<Presented, Malformed> {
    let rest = authorization.strip_prefix(ALGORITHM).ok_or(Malformed::Mechanism)?;
    let part = |name: &str| {
        rest.split(',').map(str::trim).find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let credential = part("Credential").ok_or(Malformed::Part("Credential"))?;
    let amz_date = header("x-amz-date").ok_or(Malformed::Part("X-Amz-Date"))?;
    assemble(
        Carrier::Header,
        credential,
        amz_date,
        part("SignedHeaders").ok_or(Malformed::Part("SignedHeaders"))?,
        part("Signature").ok_or(Malformed::Part("Signature"))?,
        header("x-amz-security-token"),
    )
}

fn read_query<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<Presented, Malformed> {
    let part = |name: &'static str| get(name).ok_or(Malformed::Part(name));
    let expires = part("X-Amz-Expires")?.parse::<i64>().map_err(|_| Malformed::Expires)?;
    if expires < 0 {
        return Err(Malformed::Expires);
    }
    if expires > MAX_EXPIRES {
        return Err(Malformed::ExpiresTooLong);
    }
    assemble(
        Carrier::Query { expires },
        part("X-Amz-Credential")?,
        part("X-Amz-Date")?,
        part("X-Amz-SignedHeaders")?,
        part("X-Amz-Signature")?,
        get("X-Amz-Security-Token"),
    )
}

fn assemble(
    carrier: Carrier,
    credential: &str,
    amz_date: &str,
    signed_headers: &str,
    signature: &str,
    session_token: Option<&str>,
) -> Result<Presented, Malformed> {
    // An access key id never holds a slash, so the scope is split from the front.
    let mut scope = credential.split('/');
    let mut next = || scope.next().filter(|part| !part.is_empty()).ok_or(Malformed::Part("Credential"));
    let (access_key_id, date, region, service, end) = (next()?, next()?, next()?, next()?, next()?);
    let signed_at = parse_amz_date(amz_date).ok_or(Malformed::Part("X-Amz-Date"))?;
    // INVARIANT: the scope's date is the request's, or a signature would outlive its day key.
    if end != "aws4_request" || scope.next().is_some() || !amz_date.starts_with(date) || date.len() != 8 {
        return Err(Malformed::Part("Credential"));
    }
    Ok(Presented {
        carrier,
        access_key_id: access_key_id.to_owned(),
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
        signature: signature.to_owned(),
        session_token: session_token.map(str::to_owned),
        amz_date: amz_date.to_owned(),
        signed_at,
    })
}

/// `20260301T120000Z`
fn parse_amz_date(text: &str) -> Option<Timestamp> {
    if text.len() != 16 || !text.is_ascii() {
        return None;
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || time.len() != 6 {
        return None;
    }
    let rfc3339 = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    Timestamp::parse(&rfc3339).ok()
}

impl Presented {
    /// Whether the signature is the one that `secret` makes of this request. `payload_hash` is the hex SHA-256 of the
    /// body, or what was signed in its place.
    pub(crate) fn verify(&self, parts: &Parts, payload_hash: &str, secret: &str) -> bool {
        let Some(request) = self.canonical_request(parts, payload_hash) else {
            return false;
        };
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let hash = hex::encode(Sha256::digest(request.as_bytes()));
        let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{hash}", self.amz_date);
        let key = [self.region.as_str(), self.service.as_str(), "aws4_request"]
            .iter()
            .fold(hmac(format!("AWS4{secret}").as_bytes(), &self.date), |key, part| hmac(&key, part));
        let expected = hex::encode(hmac(&key, &to_sign));
        expected.as_bytes().ct_eq(self.signature.as_bytes()).into()
    }

    /// `None` if a header that was signed is not there.
    fn canonical_request(&self, parts: &Parts, payload_hash: &str) -> Option<String> {
        let mut text = format!("{}\n{}\n", parts.method, self.canonical_path(parts.uri.path()));
        text.push_str(&canonical_query(parts.uri.query().unwrap_or_default()));
        text.push('\n');
        let mut names = self.signed_headers.clone();
        names.sort_unstable();
        for name in &names {
            let _ = writeln!(text, "{name}:{}", canonical_header(parts, name)?);
        }
        let _ = write!(text, "\n{}\n{payload_hash}", names.join(";"));
        Some(text)
    }

    /// S3 encodes the path once, every other service the path as it was sent, again.
    fn canonical_path(&self, path: &str) -> String {
        if self.service == "s3" {
            let decoded: Vec<u8> = percent_decode_str(path).collect();
            percent_encoding::percent_encode(&decoded, STRICT_PATH).to_string()
        } else {
            utf8_percent_encode(path, STRICT_PATH).to_string()
        }
    }
}

fn canonical_header(parts: &Parts, name: &str) -> Option<String> {
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query_pairs(query)
        .into_iter()
        .filter(|(key, _)| key != "X-Amz-Signature")
        .map(|(key, value)| {
            (utf8_percent_encode(&key, STRICT).to_string(), utf8_percent_encode(&value, STRICT).to_string())
        })
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

/// The decoded pairs of a query, in order.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The hex SHA-256 of `bytes`.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// The worked example of
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
    const EXAMPLE: &str = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn the_example_of_the_documentation_verifies() {
        let parts = parts(EXAMPLE, &[("host", "examplebucket.s3.amazonaws.com")]);
        let presented = read(&parts).unwrap_or_else(|_| unreachable!()).unwrap();
        assert_eq!(presented.carrier, Carrier::Query { expires: 86_400 });
        assert!(presented.verify(&parts, UNSIGNED_PAYLOAD, SECRET));
        assert!(!presented.verify(&parts, UNSIGNED_PAYLOAD, "another"));
    }

    #[test]
    fn what_was_signed_cannot_be_changed() {
        let changed = parts(
            &EXAMPLE.replace("Expires=86400", "Expires=86401"),
            &[("host", "examplebucket.s3.amazonaws.com")],
        );
        let presented = read(&changed).unwrap_or_else(|_| unreachable!()).unwrap();
        assert!(!presented.verify(&changed, UNSIGNED_PAYLOAD, SECRET));
        let no_host = parts(EXAMPLE, &[]);
        let presented = read(&no_host).unwrap_or_else(|_| unreachable!()).unwrap();
        assert!(!presented.verify(&no_host, UNSIGNED_PAYLOAD, SECRET));
    }

    #[test]
    fn bad_forms_are_told_apart() {
        let form = |uri: &str, headers: &[(&str, &str)]| read(&parts(uri, headers)).err().map(|(_, why)| why);
        assert_eq!(form("/", &[]), None);
        assert_eq!(form("/", &[("authorization", "AWS a:b")]), Some(Malformed::Mechanism));
        assert_eq!(form("/?AWSAccessKeyId=a&Signature=b&Expires=1", &[]), Some(Malformed::Mechanism));
        assert_eq!(form(&EXAMPLE.replace("86400", "604801"), &[]), Some(Malformed::ExpiresTooLong));
        assert_eq!(form(&EXAMPLE.replace("86400", "-1"), &[]), Some(Malformed::Expires));
        assert_eq!(
            form(&EXAMPLE.replace("Date=20130524", "Date=20130525"), &[]),
            Some(Malformed::Part("Credential"))
        );
        assert_eq!(form("/", &[("authorization", ALGORITHM)]), Some(Malformed::Part("Credential")));
    }
}
