//! PUTs whose body comes in from somebody else: signed in their headers over the hash that was declared, so that even a
//! store which knows no checksums has to look at it, and sent once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use firmhold_core::{Digest, Hasher, ObjectKey, Problem, Timestamp, problem::Code};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::header::{CONTENT_LENGTH, ETAG};

use crate::error;
use crate::presign::encode;
use crate::s3::unquoted;
use crate::session::RoleSession;
use crate::target::Target;
use crate::ticket::Address;

/// What is read of a refusal.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// A part, as it was declared.
#[derive(Debug, Clone, Copy)]
pub struct PartPut<'a> {
    /// Where the object will lie.
    pub key: &'a ObjectKey,
    /// The upload.
    pub upload_id: &'a str,
    /// 1 to 10,000.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: Digest,
}

/// A part that the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPart {
    /// Its entity tag, without quotes, as the store will list it.
    pub etag: String,
}

/// Where a request goes, and in whose name.
pub(crate) struct Door<'a> {
    pub http: &'a reqwest::Client,
    pub address: &'a Address,
    pub target: &'a Target,
    pub session: &'a RoleSession,
    pub now: Timestamp,
    /// A client that sends nothing for so long has gone. A store that takes nothing, or says nothing after the last
    /// byte, for twice as long has failed: it may be waiting for that client.
    pub silence: Duration,
}

/// Sends a part whose bytes are `body`.
pub(crate) async fn send(
    door: &Door<'_>,
    part: &PartPut<'_>,
    body: BoxStream<'static, Result<Bytes, Problem>>,
) -> Result<SentPart, Problem> {
    let query = format!("partNumber={}&uploadId={}", part.number, encode(part.upload_id));
    let url = format!("{}?{query}", door.address.url_of(part.key));
    let mut headers = Vec::new();
    if door.target.capabilities().checksum_headers != Some(false) {
        headers.push(("x-amz-checksum-sha256", part.sha256.to_base64()));
    }
    let hash = part.sha256.to_hex();
    let request = door.signed(&url, headers, SignableBody::Precomputed(hash))?;
    let watched = Watched::new(part.size, part.sha256, door.silence);
    let request = request
        .header(CONTENT_LENGTH, part.size)
        .body(reqwest::Body::wrap_stream(watched.clone().stream(body)));
    let sent = tokio::select! {
        sent = answer(request) => sent,
        () = watched.stalled() => {
            Err(Problem::new(Code::StoreFailed, "the store stopped taking the part"))
        }
    };
    // What was wrong with the bytes explains the line that broke.
    if let Some(problem) = watched.fault() {
        return Err(problem);
    }
    let sent = sent?;
    if !watched.is_whole() {
        return Err(Problem::new(
            Code::StoreFailed,
            "the store says that it has a part whose end was not sent",
        ));
    }
    Ok(sent)
}

/// Sends the request and hears the answer out.
async fn answer(request: reqwest::RequestBuilder) -> Result<SentPart, Problem> {
    let answer = request.send().await.map_err(|cause| broken(&cause.without_url()))?;
    if !answer.status().is_success() {
        return Err(refusal("take the part", answer).await);
    }
    let etag = answer.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(unquoted);
    let etag =
        etag.ok_or_else(|| Problem::new(Code::StoreFailed, "the store took a part without an entity tag"))?;
    Ok(SentPart { etag })
}

/// Puts an object in `aws-chunked` with its SHA-256 as a trailer.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>
pub(crate) async fn put_chunked(door: &Door<'_>, key: &ObjectKey, body: &[u8]) -> Result<(), Problem> {
    let mut chunked = format!("{:x}\r\n", body.len()).into_bytes();
    chunked.extend_from_slice(body);
    let checksum = Digest::of(body).to_base64();
    chunked.extend_from_slice(format!("\r\n0\r\nx-amz-checksum-sha256:{checksum}\r\n\r\n").as_bytes());
    let headers = vec![
        ("content-encoding", "aws-chunked".to_owned()),
        ("x-amz-decoded-content-length", body.len().to_string()),
        ("x-amz-trailer", "x-amz-checksum-sha256".to_owned()),
    ];
    let url = door.address.url_of(key);
    let request = door.signed(&url, headers, SignableBody::StreamingUnsignedPayloadTrailer)?;
    let answer = request.body(chunked).send().await.map_err(|cause| broken(&cause.without_url()))?;
    if answer.status().is_success() { Ok(()) } else { Err(refusal("take the object", answer).await) }
}

impl Door<'_> {
    /// A PUT with its signature in the headers.
    fn signed(
        &self,
        url: &str,
        mut headers: Vec<(&'static str, String)>,
        body: SignableBody<'_>,
    ) -> Result<reqwest::RequestBuilder, Problem> {
        if let Some(owner) = self.target.owner() {
            headers.push(("x-amz-expected-bucket-owner", owner.to_owned()));
        }
        let identity = self.session.credentials().into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let time: SystemTime = self.now.to_system_time();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.target.region)
            .name("s3")
            .time(time)
            .settings(settings)
            .build()
            .map_err(Problem::internal)?
            .into();
        let plain = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let request = SignableRequest::new("PUT", url, plain, body).map_err(Problem::internal)?;
        let (instructions, _) = sign(request, &params).map_err(Problem::internal)?.into_parts();
        let mut request = self.http.put(url);
        for (name, value) in
            headers.iter().map(|(name, value)| (*name, value.as_str())).chain(instructions.headers())
        {
            request = request.header(name, value);
        }
        Ok(request)
    }
}

/// A body on its way through: counted, hashed, and stopped before its end if it is not what was declared.
#[derive(Debug, Clone)]
struct Watched(Arc<Watch>);

#[derive(Debug)]
struct Watch {
    size: u64,
    sha256: Digest,
    /// See [`Door::silence`].
    silence: Duration,
    /// Grows with each chunk that the store takes; the end of the body counts too.
    steps: AtomicU64,
    whole: std::sync::atomic::AtomicBool,
    fault: Mutex<Option<Problem>>,
}

impl Watched {
    fn new(size: u64, sha256: Digest, silence: Duration) -> Self {
        Self(Arc::new(Watch {
            size,
            sha256,
            silence,
            steps: AtomicU64::new(0),
            whole: false.into(),
            fault: Mutex::default(),
        }))
    }

    fn stream(
        self,
        body: BoxStream<'static, Result<Bytes, Problem>>,
    ) -> BoxStream<'static, Result<Bytes, std::io::Error>> {
        let passage = Passage { watched: self, body, hasher: Hasher::new() };
        futures::stream::unfold(Some(passage), |passage| async move {
            let mut passage = passage?;
            match passage.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(passage))),
                Ok(None) => None,
                Err(problem) => {
                    *passage.watched.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
                    Some((Err(std::io::Error::other("the part is not what was declared")), None))
                }
            }
        })
        .boxed()
    }

    /// Returns when the store has taken nothing for too long.
    async fn stalled(&self) {
        let mut seen = (self.0.steps.load(Ordering::Relaxed), tokio::time::Instant::now());
        loop {
            tokio::time::sleep(self.0.silence / 4).await;
            let steps = self.0.steps.load(Ordering::Relaxed);
            if steps != seen.0 {
                seen = (steps, tokio::time::Instant::now());
            } else if seen.1.elapsed() >= 2 * self.0.silence {
                return;
            }
        }
    }

    fn fault(&self) -> Option<Problem> {
        self.0.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_whole(&self) -> bool {
        self.0.whole.load(Ordering::Acquire)
    }
}

struct Passage {
    watched: Watched,
    body: BoxStream<'static, Result<Bytes, Problem>>,
    hasher: Hasher,
}

impl Passage {
    /// The next chunk, if the part may go on.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let watch = Arc::clone(&self.watched.0);
        watch.steps.fetch_add(1, Ordering::Relaxed);
        if self.hasher.length() == watch.size {
            return Ok(None);
        }
        loop {
            let next = tokio::time::timeout(watch.silence, self.body.next()).await;
            let chunk = match next {
                Err(_) => return Err(mismatch("the part stopped coming in")),
                Ok(None) => {
                    let got = self.hasher.length();
                    return Err(mismatch(format!("the part ended after {got} of {} bytes", watch.size)));
                }
                Ok(Some(chunk)) => chunk?,
            };
            if chunk.is_empty() {
                continue;
            }
            self.hasher.update(&chunk);
            if self.hasher.length() > watch.size {
                let text = format!("the part has more than the {} bytes that were declared", watch.size);
                return Err(Problem::new(Code::BodyTooLarge, text));
            }
            if self.hasher.length() == watch.size {
                let sha256 = self.hasher.clone().finish();
                if sha256 != watch.sha256 {
                    let text = format!("the part has SHA-256 {sha256}, declared was {}", watch.sha256);
                    return Err(mismatch(text));
                }
                watch.whole.store(true, Ordering::Release);
            }
            return Ok(Some(chunk));
        }
    }
}

fn mismatch(text: impl Into<String>) -> Problem {
    Problem::new(Code::PartMismatch, text)
}

fn broken(cause: &reqwest::Error) -> Problem {
    Problem::new(Code::StoreFailed, "the line to the store broke").caused_by(error::chain(cause))
}

/// What the store says in a refusal.
async fn refusal(what: &str, mut answer: reqwest::Response) -> Problem {
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_REFUSAL {
            break;
        }
    }
    error::s3_refusal(what, status, &String::from_utf8_lossy(&body))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(chunks: &[&'static str], declared: &str) -> (String, Option<Code>) {
        let watched = Watched::new(declared.len() as u64, Digest::of(declared), Duration::from_secs(30));
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        let stream = watched.clone().stream(futures::stream::iter(chunks).boxed());
        let through: Vec<_> = stream.filter_map(|chunk| async { chunk.ok() }).collect().await;
        let fault = watched.fault().map(|problem| problem.code());
        assert_eq!(fault.is_none(), watched.is_whole());
        (String::from_utf8(through.concat()).unwrap(), fault)
    }

    #[tokio::test]
    async fn the_end_goes_through_only_if_all_is_right() {
        assert_eq!(pass(&["firm", "", "ware"], "firmware").await, ("firmware".to_owned(), None));
        let wrong = Some(Code::PartMismatch);
        assert_eq!(pass(&["firm", "WARE"], "firmware").await, ("firm".to_owned(), wrong));
        assert_eq!(pass(&["FIRMWARE"], "firmware").await, (String::new(), wrong));
        assert_eq!(pass(&["firm"], "firmware").await, ("firm".to_owned(), wrong));
        assert_eq!(pass(&["firm", "ware!"], "firmware").await, ("firm".to_owned(), Some(Code::BodyTooLarge)));
    }
}
