//! Sends one span of an object from its bucket to a device, as fast as the device takes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use firmhold_core::{Code, Problem};
use firmhold_store::{Bucket, ByteRange};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::range::Span;
use super::revocation;
use crate::App;
use crate::content::Content;

/// A store that sends nothing for so long has failed: devices drop a connection that is silent for 60 s.
const SILENCE: Duration = Duration::from_secs(30);
/// How often a transfer under way looks whether its link was revoked.
const LOOK: Duration = Duration::from_secs(2);

/// Ends a transfer whose link is revoked while it runs.
pub struct Guard {
    app: Arc<App>,
    token: String,
    number: u64,
    looked: Instant,
}

impl Guard {
    /// For a link that was found good just now.
    pub fn new(app: Arc<App>, token: String, number: u64) -> Self {
        Self { app, token, number, looked: Instant::now() }
    }

    /// Expiry does not count here: a transfer that has begun is not cut by it (API contract 11, item 7).
    async fn check(&mut self) -> Result<(), Problem> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        match revocation::check(&self.app, &self.token, self.number).await {
            Err(problem) if problem.code() == Code::LinkRevoked => Err(problem),
            // Destroyed content goes by itself, and a database that fails is no reason to cut a download.
            _ => Ok(()),
        }
    }
}

/// A transfer under way.
struct Transfer {
    stream: BoxStream<'static, Result<Bytes, Problem>>,
    left: u64,
    guard: Guard,
}

/// Opens the object version and waits for its first bytes, so that a store that fails at once is an error answer and
/// no broken 200.
///
/// INVARIANT: the body ends cleanly after exactly the span's bytes, and with an error otherwise, upon which hyper
/// closes the connection. It holds one chunk at a time and takes the next when the client has taken this one.
///
/// # Errors
/// What the store answers; [`Code::StoreFailed`] if it is silent or has another length; [`Code::ContentMissing`] if it has
/// another object.
pub async fn open(bucket: &dyn Bucket, content: &Content, span: Span, guard: Guard) -> Result<Body, Problem> {
    let whole = span == Span::whole(content.size);
    let range = (!whole).then(|| ByteRange::new(span.start, span.end));
    let object =
        tokio::time::timeout(SILENCE, bucket.get(&content.key, content.version_id.as_deref(), range))
            .await
            .map_err(silent)??;
    if !content.is_same(object.info.etag.as_deref()) {
        return Err(Problem::new(Code::ContentMissing, "another object lies at the content's key"));
    }
    if object.info.size != content.size || object.content_length != span.length() {
        let detail = format!(
            "the store has {} bytes where {} were proved, and offers {} of {}",
            object.info.size,
            content.size,
            object.content_length,
            span.length()
        );
        return Err(Problem::new(Code::StoreFailed, detail));
    }
    let mut transfer = Transfer { stream: object.stream, left: span.length(), guard };
    let first = transfer.next().await?;
    let rest = stream::unfold(Some(transfer), |transfer| async move {
        let mut transfer = transfer?;
        if transfer.left == 0 {
            return None;
        }
        match transfer.next().await {
            Ok(chunk) => Some((Ok(chunk), Some(transfer))),
            Err(problem) => {
                tracing::warn!(%problem, left = transfer.left, "a download was cut");
                Some((Err(problem), None))
            }
        }
    });
    Ok(Body::from_stream(stream::iter([Ok(first)]).chain(rest)))
}

impl Transfer {
    /// The next bytes; never more than are left, and never nothing.
    async fn next(&mut self) -> Result<Bytes, Problem> {
        self.guard.check().await?;
        loop {
            let chunk = tokio::time::timeout(SILENCE, self.stream.next())
                .await
                .map_err(silent)?
                .ok_or_else(|| self.wrong_length("ended early"))??;
            if chunk.is_empty() {
                continue;
            }
            let length = chunk.len() as u64;
            self.left = self.left.checked_sub(length).ok_or_else(|| self.wrong_length("sent too much"))?;
            return Ok(chunk);
        }
    }

    fn wrong_length(&self, what: &str) -> Problem {
        Problem::new(Code::StoreFailed, format!("the store {what}, with {} bytes to go", self.left))
    }
}

fn silent(elapsed: tokio::time::error::Elapsed) -> Problem {
    let detail = format!("the store sent nothing for {} s", SILENCE.as_secs());
    Problem::new(Code::StoreFailed, detail).caused_by(elapsed)
}
