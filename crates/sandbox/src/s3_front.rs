//! What is done to an S3 request before s3s sees it: form uploads are refused, the bucket's region is checked, and a
//! presigned URL is verified and taken apart.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, Uri};
use percent_encoding::percent_decode_str;
use s3s::Body;
use s3s::dto::Range;

use crate::auth_failure::AuthFailure;
use crate::aws_error::AwsError;
use crate::region;
use crate::sigv4::{Carrier, Presented, UNSIGNED_PAYLOAD, query_pairs};
use crate::storage::Storage;

/// Parameters of a presigned URL that are not the operation's.
const AUTH_PARAMETERS: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// The bucket of a path-style request.
fn bucket_of(path: &str) -> Option<String> {
    let first = path.strip_prefix('/')?.split('/').next().filter(|bucket| !bucket.is_empty())?;
    Some(percent_decode_str(first).decode_utf8_lossy().into_owned())
}

/// Browser form uploads are not part of the sandbox: s3s would hold the whole file in memory.
pub(crate) fn refuse_forms(parts: &Parts) -> Result<(), AwsError> {
    let content_type =
        parts.headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let form = content_type.to_ascii_lowercase().starts_with(b"multipart/form-data");
    if parts.method == Method::POST && form {
        return Err(AwsError::new(
            501,
            "NotImplemented",
            "A header you provided implies functionality that is not implemented: form uploads.",
        ));
    }
    Ok(())
}

/// A request that was signed for another region than the bucket's is sent there, or told where to go
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html>).
pub(crate) fn check_region(parts: &Parts, presented: &Presented, storage: &Storage) -> Result<(), AwsError> {
    let bucket = bucket_of(parts.uri.path());
    let Some(facts) = bucket.as_deref().and_then(|bucket| storage.bucket_facts(bucket)) else {
        if region::exists(&presented.region) {
            return Ok(());
        }
        return Err(wrong_region(presented, region::GLOBAL_REGION));
    };
    let bucket_only = parts.uri.path().trim_matches('/').split('/').count() == 1;
    let query = query_pairs(parts.uri.query().unwrap_or_default());
    let asks_location =
        bucket_only && parts.method == Method::GET && query.iter().any(|(key, _)| key == "location");
    let creates = bucket_only && parts.method == Method::PUT && query.iter().all(|(key, _)| key == "x-id");
    if presented.region == facts.region || asks_location || creates {
        return Ok(());
    }
    // The global endpoint answers for us-east-1 and cannot redirect what was signed for it.
    if presented.region == region::GLOBAL_REGION || !region::exists(&presented.region) {
        return Err(wrong_region(presented, &facts.region));
    }
    Err(AwsError::new(
        301,
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
         future requests to this endpoint.",
    )
    .detail("Endpoint", format!("s3.{}.amazonaws.com", facts.region))
    .detail("Bucket", facts.name.as_str())
    .header("x-amz-bucket-region", facts.region.as_str()))
}

fn wrong_region(presented: &Presented, expected: &str) -> AwsError {
    let what = format!("the region '{}' is wrong; expecting '{expected}'", presented.region);
    let error = match presented.carrier {
        Carrier::Header => AwsError::new(
            400,
            "AuthorizationHeaderMalformed",
            format!("The authorization header is malformed; {what}"),
        ),
        Carrier::Query { .. } => AwsError::new(
            400,
            "AuthorizationQueryParametersError",
            format!("Error parsing the X-Amz-Credential parameter; {what}"),
        ),
    };
    error.detail("Region", expected).header("x-amz-bucket-region", expected)
}

/// Code and message of S3's error document, where an answer has one.
pub(crate) fn error_of(response: &Response<Body>) -> Option<(String, String)> {
    let body = response.body().bytes()?;
    let text = std::str::from_utf8(&body).ok()?;
    let element = |name: &str| {
        let inside = text.split_once(&format!("<{name}>"))?.1.split_once(&format!("</{name}>"))?.0;
        quick_xml::escape::unescape(inside).ok().map(std::borrow::Cow::into_owned)
    };
    Some((element("Code")?, element("Message").unwrap_or_default()))
}

/// Verifies a presigned URL and takes its signature off, so that s3s, whose clock is not ours, has nothing left to
/// check. Answers the SHA-256 that the body must have, if one was signed.
pub(crate) fn open_presigned(
    parts: &mut Parts,
    presented: &Presented,
    secret: &str,
) -> Result<Option<String>, AuthFailure> {
    let pairs = query_pairs(parts.uri.query().unwrap_or_default());
    let in_query =
        pairs.iter().find(|(key, _)| key == "X-Amz-Content-Sha256").map(|(_, value)| value.clone());
    let in_header = parts.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let hash = in_header.map(str::to_owned).or(in_query).unwrap_or_else(|| UNSIGNED_PAYLOAD.to_owned());
    let hex_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if (!hex_hash && hash != UNSIGNED_PAYLOAD) || !presented.verify(parts, &hash, secret) {
        return Err(AuthFailure::BadSignature);
    }
    take_apart(parts, pairs).ok_or(AuthFailure::BadSignature)?;
    drop_unusable_range(parts);
    Ok(hex_hash.then(|| hash.to_ascii_lowercase()))
}

/// S3 answers a `Range` that it cannot use (several ranges, or no range at all) with the whole object, where s3s would
/// refuse the request. This works for presigned URLs only: in other requests the header is part of what s3s verifies.
fn drop_unusable_range(parts: &mut Parts) {
    let range = parts.headers.get(http::header::RANGE);
    let usable = |range: &HeaderValue| range.to_str().is_ok_and(|text| Range::parse(text).is_ok());
    if range.is_some_and(|range| !usable(range)) {
        parts.headers.remove(http::header::RANGE);
    }
}

/// Leaves the operation's own parameters in the query; `x-amz-*` parameters become the headers that they stand for.
fn take_apart(parts: &mut Parts, pairs: Vec<(String, String)>) -> Option<()> {
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in pairs {
        if AUTH_PARAMETERS.contains(&key.as_str()) {
            continue;
        }
        if key.to_ascii_lowercase().starts_with("x-amz-") {
            let name = HeaderName::try_from(key.to_ascii_lowercase()).ok()?;
            // A header that is there was signed, and says the same or more.
            parts.headers.entry(name).or_insert(HeaderValue::try_from(value).ok()?);
        } else {
            rest.append_pair(&key, &value);
        }
    }
    let rest = rest.finish();
    let path = parts.uri.path();
    let target = if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") };
    parts.uri = target.parse::<Uri>().ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presigned_url_leaves_its_operation() {
        let uri =
            "/b/a%20b?X-Amz-Algorithm=x&partNumber=2&uploadId=u%2B&x-amz-tagging=a%3Db&X-Amz-Signature=s";
        let (mut parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
        let pairs = query_pairs(parts.uri.query().unwrap());
        take_apart(&mut parts, pairs).unwrap();
        assert_eq!(parts.uri, "/b/a%20b?partNumber=2&uploadId=u%2B");
        assert_eq!(parts.headers["x-amz-tagging"], "a=b");
    }

    #[test]
    fn buckets_of_paths() {
        assert_eq!(bucket_of("/").as_deref(), None);
        assert_eq!(bucket_of("/b").as_deref(), Some("b"));
        assert_eq!(bucket_of("/b/k/l").as_deref(), Some("b"));
    }
}
