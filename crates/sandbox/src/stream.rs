//! Bodies on their way through the front: cut, cut short, or checked against the hash that was signed.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use s3s::{Body, StdError};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, Sleep};

use crate::request_log::RequestTrace;

/// Bytes, and time, that a refused request's body may take to come to its end.
const MAX_DRAIN: u64 = 64 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The body of a request. It ends in an error where a fault says so, or if it is not the one that was signed.
///
/// A body that nobody reads to its end is read away when it is dropped: else the line would be closed under a client
/// that is still sending, which would then never see why it was refused.
pub(crate) struct RequestBody {
    /// `None` after the end, or after a cut.
    inner: Option<Incoming>,
    seen: u64,
    trace: RequestTrace,
    expected: Option<(Sha256, String)>,
    /// A fault has stopped it: nothing more is read.
    stalled: bool,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, trace: RequestTrace) -> Self {
        Self { inner: Some(inner), seen: 0, trace, expected: None, stalled: false }
    }

    /// The same body, which must have this hex SHA-256 if there is one.
    pub(crate) fn expecting(mut self, payload_hash: Option<String>) -> Self {
        self.expected = payload_hash.map(|hash| (Sha256::new(), hash));
        self
    }

    fn take(&mut self, data: &Bytes) -> io::Result<()> {
        self.seen += data.len() as u64;
        if let Some((hash, _)) = &mut self.expected {
            hash.update(data);
        }
        if self.trace.cuts_request_at(self.seen) {
            self.inner = None;
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault"));
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.inner = None;
        let Some((hash, expected)) = self.expected.take() else {
            return Ok(());
        };
        if hex::encode(hash.finalize()) == expected {
            return Ok(());
        }
        self.trace.error("XAmzContentSHA256Mismatch");
        Err(io::Error::new(io::ErrorKind::InvalidData, "the body is not the one that was signed"))
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let rest = self.inner.take().filter(|body| !body.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME, drain(rest)));
        }
    }
}

async fn drain(mut body: Incoming) {
    let mut left = MAX_DRAIN;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
        if left == 0 {
            return;
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.stalled {
            return Poll::Pending;
        }
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(Pin::new(inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && self.trace.stalls_request_at(self.seen + data.len() as u64)
        {
            self.stalled = true;
            // Nobody is woken: the request waits until its client, or the sandbox, has had enough.
            return Poll::Pending;
        }
        Poll::Ready(match frame {
            None => self.finish().err().map(|error| Err(error.into())),
            Some(Err(error)) => {
                self.inner = None;
                Some(Err(error.into()))
            }
            Some(Ok(frame)) => match frame.data_ref().map(|data| self.take(data)) {
                Some(Err(error)) => Some(Err(error.into())),
                _ => Some(Ok(frame)),
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        self.expected.is_none() && self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

/// How a body ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As if that were all.
    Clean,
    /// With an error, which cuts the line.
    Cut,
    /// Not at all: nothing more comes.
    Silence,
}

/// The body of an answer that ends after `left` bytes.
pub(crate) struct ShortBody {
    inner: Body,
    left: u64,
    ending: Ending,
    /// hyper drops what it has not written yet when a body fails: the cut waits until that is on the line.
    before_cut: Pin<Box<Sleep>>,
}

/// Time for the bytes before a cut to leave.
const FLUSH: Duration = Duration::from_millis(50);

impl ShortBody {
    pub(crate) fn new(inner: Body, left: u64, ending: Ending) -> Self {
        Self { inner, left, ending, before_cut: Box::pin(tokio::time::sleep(FLUSH)) }
    }
}

impl http_body::Body for ShortBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.left == 0 {
            return match self.ending {
                Ending::Clean => Poll::Ready(None),
                Ending::Silence => Poll::Pending,
                Ending::Cut => {
                    std::task::ready!(self.before_cut.as_mut().poll(cx));
                    let cut = io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault");
                    Poll::Ready(Some(Err(cut.into())))
                }
            };
        }
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_data() {
                Ok(mut data) => {
                    data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                    self.left -= data.len() as u64;
                    if self.left == 0 {
                        self.before_cut.as_mut().reset(Instant::now() + FLUSH);
                    }
                    Frame::data(data)
                }
                Err(other) => other,
            })
        }))
    }
}
