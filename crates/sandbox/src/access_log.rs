//! Server access logs, in S3's line format
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>). Lines wait in memory until they are
//! delivered: S3, too, delivers hours later and promises nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use firmhold_core::Timestamp;
use firmhold_iam::{ContextValue, Principal};
use http::request::Parts;
use http::{HeaderMap, Response};
use s3s::Body;

use crate::account::Accounts;
use crate::authenticate::Connection;
use crate::authorize::{Gate, bucket_arn, object_arn};
use crate::caller::Caller;
use crate::request_log::{RequestEntry, RequestTrace};
use crate::s3::canonical_id;
use crate::s3_front;
use crate::sigv4::{Carrier, Presented, query_pairs};
use crate::storage::record::{AccessLogging, BucketFacts};
use crate::storage::{Storage, StorageError};

/// Who delivers.
const SERVICE: &str = "logging.s3.amazonaws.com";
/// Bytes of lines that wait for one bucket; what comes then is lost, as it may be on AWS.
const MAX_WAITING: usize = 16 * 1024 * 1024;

/// Operations whose resource the log calls otherwise than by the operation's own noun.
const RESOURCES: [(&str, &str); 26] = [
    ("GetObject", "OBJECT"),
    ("HeadObject", "OBJECT"),
    ("PutObject", "OBJECT"),
    ("CopyObject", "OBJECT"),
    ("DeleteObject", "OBJECT"),
    ("DeleteObjects", "MULTI_OBJECT_DELETE"),
    ("ListObjects", "BUCKET"),
    ("ListObjectsV2", "BUCKET"),
    ("HeadBucket", "BUCKET"),
    ("CreateBucket", "BUCKET"),
    ("DeleteBucket", "BUCKET"),
    ("ListObjectVersions", "BUCKETVERSIONS"),
    ("CreateMultipartUpload", "UPLOADS"),
    ("ListMultipartUploads", "UPLOADS"),
    ("CompleteMultipartUpload", "UPLOAD"),
    ("AbortMultipartUpload", "UPLOAD"),
    ("ListParts", "UPLOAD"),
    ("UploadPart", "PART"),
    ("UploadPartCopy", "PART"),
    ("GetBucketPolicy", "BUCKETPOLICY"),
    ("PutBucketPolicy", "BUCKETPOLICY"),
    ("DeleteBucketPolicy", "BUCKETPOLICY"),
    ("GetBucketLifecycleConfiguration", "LIFECYCLE"),
    ("PutBucketLifecycleConfiguration", "LIFECYCLE"),
    ("GetBucketLogging", "LOGGING_STATUS"),
    ("PutBucketLogging", "LOGGING_STATUS"),
];

/// What a request says that its line will hold.
pub(crate) struct Noted {
    bucket: Arc<BucketFacts>,
    key: Option<String>,
    method: String,
    target: String,
    version: Option<String>,
    referer: Option<String>,
    user_agent: Option<String>,
    host: Option<String>,
    remote: String,
    tls_version: Option<&'static str>,
    cipher: Option<&'static str>,
    signature: Option<Carrier>,
    /// Bytes that a write brings.
    length: Option<String>,
}

/// Lines that wait for delivery.
#[derive(Default)]
pub(crate) struct Waiting {
    body: String,
    lines: usize,
}

/// The lines that wait, by source bucket.
pub(crate) struct AccessLog {
    pub(crate) storage: Storage,
    pub(crate) gate: Arc<Gate>,
    pub(crate) accounts: Accounts,
    pub(crate) waiting: Mutex<BTreeMap<String, Waiting>>,
}

impl AccessLog {
    /// Looks at a request to a bucket whose requests are logged; `None` for any other.
    pub(crate) fn note(
        &self,
        parts: &Parts,
        presented: Option<&Presented>,
        connection: Connection,
    ) -> Option<Noted> {
        let path = parts.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let bucket = self.storage.bucket_facts(bucket).filter(|facts| facts.logging.is_some())?;
        let query = query_pairs(parts.uri.query().unwrap_or_default());
        Some(Noted {
            bucket,
            key: (!key.is_empty()).then(|| key.to_owned()),
            method: parts.method.to_string(),
            target: target(parts),
            version: query.into_iter().find(|(name, _)| name == "versionId").map(|(_, value)| value),
            referer: text(&parts.headers, "referer"),
            user_agent: text(&parts.headers, "user-agent"),
            host: text(&parts.headers, "host"),
            remote: connection.peer.ip().to_string(),
            tls_version: connection.tls_version,
            cipher: connection.cipher,
            signature: presented.map(|presented| presented.carrier),
            length: text(&parts.headers, "x-amz-decoded-content-length")
                .or_else(|| text(&parts.headers, "content-length")),
        })
    }

    /// Writes the line of an answered request.
    pub(crate) fn write(
        &self,
        noted: &Noted,
        entry: &RequestEntry,
        request_id: &str,
        response: &Response<Body>,
    ) {
        let line = noted.line(entry, request_id, response, self.accounts.now());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.entry(noted.bucket.name.clone()).or_default();
        if waiting.body.len() + line.len() < MAX_WAITING {
            waiting.body.push_str(&line);
            waiting.body.push('\n');
            waiting.lines += 1;
        }
    }

    /// Delivers what waits, one object for each source; answers how many lines arrived. What the target does not let
    /// in is lost.
    pub(crate) fn deliver(&self) -> Result<usize, StorageError> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut arrived = 0;
        for (source, waiting) in waiting {
            let Some(facts) = self.storage.bucket_facts(&source) else { continue };
            let Some(logging) = &facts.logging else { continue };
            let key = object_key(&facts, logging, self.storage.clock().now());
            if !self.may_deliver(&facts, logging, &key) {
                continue;
            }
            self.storage.place(&logging.bucket, &key, waiting.body.as_bytes())?;
            arrived += waiting.lines;
        }
        Ok(arrived)
    }

    /// The target's bucket policy has to let the logging service in.
    fn may_deliver(&self, source: &BucketFacts, logging: &AccessLogging, key: &str) -> bool {
        let service = Principal::Service(SERVICE.to_owned());
        let trace = RequestTrace::default();
        let caller = Caller::of_service(&self.accounts, None, service, self.accounts.now(), trace);
        let context = [
            ("aws:SourceArn", ContextValue::from(bucket_arn(&source.name))),
            ("aws:SourceAccount", ContextValue::from(&source.owner_account)),
        ];
        let arn = object_arn(&logging.bucket, key);
        self.gate.allow(&caller, "s3:PutObject", &arn, &logging.bucket, &context).is_ok()
    }
}

impl Noted {
    fn line(
        &self,
        entry: &RequestEntry,
        request_id: &str,
        response: &Response<Body>,
        now: Timestamp,
    ) -> String {
        let took = now.since(entry.time).as_millis().to_string();
        let requester = (entry.caller != "anonymous").then_some(entry.caller.as_str());
        let headers = response.headers();
        let sent = text(headers, "content-length").filter(|length| length != "0");
        let (signature, auth) = match self.signature {
            None => (None, None),
            Some(Carrier::Header) => (Some("SigV4"), Some("AuthHeader")),
            Some(Carrier::Query { .. }) => (Some("SigV4"), Some("QueryString")),
        };
        let operation = operation(&self.method, &entry.operation);
        let tls = self.tls_version.map(|version| format!("TLSv{version}"));
        let fields: [String; 26] = [
            canonical_id(&self.bucket.owner_account),
            self.bucket.name.clone(),
            format!("[{}]", moment(entry.time)),
            self.remote.clone(),
            or_dash(requester),
            request_id.to_owned(),
            operation,
            or_dash(self.key.as_deref()),
            quoted(Some(&format!("{} {} HTTP/1.1", self.method, self.target))),
            entry.status.to_string(),
            or_dash(error_code(entry, response).as_deref()),
            or_dash(sent.as_deref()),
            or_dash(self.object_size(headers).as_deref()),
            took.clone(),
            took,
            quoted(self.referer.as_deref()),
            quoted(self.user_agent.as_deref()),
            or_dash(self.version.as_deref().or(text(headers, "x-amz-version-id").as_deref())),
            request_id.replace('-', ""),
            or_dash(signature),
            or_dash(self.cipher),
            or_dash(auth),
            or_dash(self.host.as_deref()),
            or_dash(tls.as_deref()),
            "-".to_owned(),
            "-".to_owned(),
        ];
        fields.join(" ")
    }

    /// Of a write what came, of a read the whole object.
    fn object_size(&self, answer: &HeaderMap) -> Option<String> {
        self.key.as_ref()?;
        if self.method == "PUT" {
            return self.length.clone();
        }
        let whole =
            text(answer, "content-range").and_then(|range| range.rsplit('/').next().map(str::to_owned));
        whole.or_else(|| text(answer, "etag").and_then(|_| text(answer, "content-length")))
    }
}

/// `REST.GET.OBJECT`
fn operation(method: &str, name: &str) -> String {
    if name == "CopyObject" {
        return "REST.COPY.OBJECT".to_owned();
    }
    let known = RESOURCES
        .iter()
        .find(|(operation, _)| *operation == name)
        .map(|(_, resource)| (*resource).to_owned());
    let resource = known.unwrap_or_else(|| noun(name));
    format!("REST.{method}.{resource}")
}

/// `GetBucketVersioning` is `VERSIONING`, `PutPublicAccessBlock` is `PUBLIC_ACCESS_BLOCK`.
fn noun(operation: &str) -> String {
    let noun = ["Get", "Put", "Delete", "List", "Head"].iter().find_map(|verb| operation.strip_prefix(verb));
    let noun = noun.unwrap_or(operation);
    let noun = noun.strip_prefix("Bucket").unwrap_or(noun);
    let noun = noun.strip_suffix("Configuration").unwrap_or(noun);
    let mut text = String::new();
    for (place, c) in noun.chars().enumerate() {
        if c.is_ascii_uppercase() && place > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}

/// The error's code: the front knows its own, S3's is in the document.
fn error_code(entry: &RequestEntry, response: &Response<Body>) -> Option<String> {
    if entry.status < 300 {
        return None;
    }
    entry.error.clone().or_else(|| s3_front::error_of(response).map(|(code, _)| code))
}

/// What a signature and a token in the query are hidden in, the log hides, too.
fn target(parts: &Parts) -> String {
    let path = parts.uri.path();
    let Some(query) = parts.uri.query() else { return path.to_owned() };
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("X-Amz-Signature" | "X-Amz-Security-Token"), _)) => format!("{name}=XXX"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", shown.collect::<Vec<_>>().join("&"))
}

/// `PREFIX2026-03-01-12-00-00-UNIQUE`, below account, region, bucket and day where keys are partitioned.
fn object_key(source: &BucketFacts, logging: &AccessLogging, now: Timestamp) -> String {
    let now = Timestamp::from_secs(now.as_secs()).to_string();
    let stamp: String =
        now.trim_end_matches('Z').chars().map(|c| if c.is_ascii_digit() { c } else { '-' }).collect();
    let unique: String =
        uuid::Uuid::new_v4().simple().to_string().to_ascii_uppercase().chars().take(16).collect();
    let mut key = logging.prefix.clone();
    if logging.partitioned_by.is_some() {
        let day = now.get(..10).unwrap_or_default().replace('-', "/");
        let _ = write!(key, "{}/{}/{}/{day}/", source.owner_account, source.region, source.name);
    }
    key + &stamp + "-" + &unique
}

/// `06/Feb/2019:00:00:38 +0000`
fn moment(time: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = Timestamp::from_secs(time.as_secs()).to_string();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{}/{}/{}:{} +0000", part(8..10), month.unwrap_or(&"Jan"), part(0..4), part(11..19))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// In quotes, with those inside it doubled out of the way.
fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "\"-\"".to_owned(), |text| format!("\"{}\"", text.replace('"', "%22")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_the_logs_names() {
        assert_eq!(operation("GET", "GetObject"), "REST.GET.OBJECT");
        assert_eq!(operation("PUT", "CopyObject"), "REST.COPY.OBJECT");
        assert_eq!(operation("GET", "GetBucketVersioning"), "REST.GET.VERSIONING");
        assert_eq!(operation("PUT", "PutPublicAccessBlock"), "REST.PUT.PUBLIC_ACCESS_BLOCK");
        assert_eq!(operation("GET", "GetObjectTagging"), "REST.GET.OBJECT_TAGGING");
    }

    #[test]
    fn times_are_the_logs() {
        assert_eq!(moment(Timestamp::from_secs(1_549_411_238)), "06/Feb/2019:00:00:38 +0000");
    }
}
