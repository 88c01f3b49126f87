//! Faults as a wrapper with the same trait (design D10): "the third part answers 503 twice".

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use firmhold_core::{Digest, ObjectKey, Problem, problem::Code};
use futures::StreamExt as _;

use crate::bucket::{
    Bucket, ByteRange, CopiedPart, Listing, ObjectBody, ObjectInfo, PutObject, Stored, StoredPart, Tag,
    UploadEntry, VersionEntry,
};
use crate::copy::{CopyObject, CopySource};

/// What a [`Fault`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// The call is not made; it fails with this code, and with AWS's code if one is given.
    Fail(Code, Option<&'static str>),
    /// The call is made, and its answer gets lost: it fails as if the line had broken.
    LoseAnswer,
    /// The object's body breaks off after this many bytes.
    CutBody(u64),
    /// One bit of the body's byte at this offset is another.
    FlipBit(u64),
    /// Parts are listed from the last to the first and without entity tags, as some stores do.
    OddList,
}

/// A rule: on which calls a fault happens.
#[derive(Debug, Clone)]
pub struct Fault {
    operation: &'static str,
    key_contains: String,
    skip: u32,
    times: u32,
    action: FaultAction,
}

impl Fault {
    /// Happens once, on the next call of the trait's method `operation`.
    #[must_use]
    pub fn on(operation: &'static str, action: FaultAction) -> Self {
        Self { operation, key_contains: String::new(), skip: 0, times: 1, action }
    }

    /// Only for keys (for lists: prefixes) that contain this.
    #[must_use]
    pub fn key_contains(mut self, text: impl Into<String>) -> Self {
        self.key_contains = text.into();
        self
    }

    /// Not on the first `n` such calls.
    #[must_use]
    pub fn skip(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// `n` times instead of once.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.times = n;
        self
    }

    fn strikes(&mut self, operation: &str, key: &str) -> bool {
        if self.operation != operation || !key.contains(&self.key_contains) || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

/// A bucket with faults.
#[derive(Debug)]
pub struct FaultyBucket {
    inner: Arc<dyn Bucket>,
    rules: Mutex<Vec<Fault>>,
}

impl FaultyBucket {
    /// Wraps `inner`; as good as it, until a fault is added.
    pub fn new(inner: Arc<dyn Bucket>) -> Self {
        Self { inner, rules: Mutex::default() }
    }

    /// Adds a fault. Rules are asked in the order in which they were added; the first that strikes counts.
    pub fn add(&self, fault: Fault) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    fn strike(&self, operation: &str, key: &str) -> Option<FaultAction> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter_mut().find_map(|rule| rule.strikes(operation, key).then_some(rule.action))
    }

    /// Makes the call, unless a fault is due before or after it.
    async fn call<T>(
        &self,
        operation: &str,
        key: &str,
        call: impl Future<Output = Result<T, Problem>> + Send,
    ) -> Result<T, Problem> {
        match self.strike(operation, key) {
            Some(FaultAction::Fail(code, aws_code)) => Err(scripted(code, aws_code)),
            Some(FaultAction::LoseAnswer) => {
                call.await?;
                Err(scripted(Code::StoreFailed, None))
            }
            Some(FaultAction::CutBody(_) | FaultAction::FlipBit(_) | FaultAction::OddList) | None => {
                call.await
            }
        }
    }
}

fn scripted(code: Code, aws_code: Option<&'static str>) -> Problem {
    let problem = Problem::new(code, "a fault was scripted here");
    match aws_code {
        Some(aws_code) => problem.with_aws_code(aws_code),
        None => problem,
    }
}

fn cut(mut body: ObjectBody, after: u64) -> ObjectBody {
    let mut left = after;
    let cut = body.stream.flat_map(move |chunk| {
        let chunk = chunk.map(|chunk| {
            let taken = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            left -= taken as u64;
            (chunk.slice(..taken), taken < chunk.len())
        });
        futures::stream::iter(match chunk {
            Ok((chunk, false)) => vec![Ok(chunk)],
            Ok((chunk, true)) => vec![Ok(chunk), Err(scripted(Code::StoreFailed, None))],
            Err(problem) => vec![Err(problem)],
        })
    });
    // After an error a stream is over.
    let ended = cut.scan(false, |failed, item| {
        let over = std::mem::replace(failed, *failed || item.is_err());
        futures::future::ready((!over).then_some(item))
    });
    body.stream = ended.boxed();
    body
}

fn flip(mut body: ObjectBody, offset: u64) -> ObjectBody {
    let mut at = 0_u64;
    let flipped = body.stream.map(move |chunk| {
        chunk.map(|chunk| {
            let begin = at;
            at += chunk.len() as u64;
            let mut bytes = chunk.to_vec();
            let place = offset.checked_sub(begin).and_then(|place| usize::try_from(place).ok());
            if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                *byte ^= 1;
            }
            Bytes::from(bytes)
        })
    });
    body.stream = flipped.boxed();
    body
}

fn odd(parts: Vec<StoredPart>) -> Vec<StoredPart> {
    parts.into_iter().rev().map(|part| StoredPart { etag: String::new(), ..part }).collect()
}

#[async_trait]
impl Bucket for FaultyBucket {
    async fn head(&self, key: &ObjectKey, version: Option<&str>) -> Result<ObjectInfo, Problem> {
        self.call("head", key.as_str(), self.inner.head(key, version)).await
    }

    async fn get(
        &self,
        key: &ObjectKey,
        version: Option<&str>,
        range: Option<ByteRange>,
    ) -> Result<ObjectBody, Problem> {
        let body = self.inner.get(key, version, range);
        match self.strike("get", key.as_str()) {
            Some(FaultAction::Fail(code, aws_code)) => Err(scripted(code, aws_code)),
            Some(FaultAction::LoseAnswer) => Err(scripted(Code::StoreFailed, None)),
            Some(FaultAction::CutBody(after)) => Ok(cut(body.await?, after)),
            Some(FaultAction::FlipBit(offset)) => Ok(flip(body.await?, offset)),
            Some(FaultAction::OddList) | None => body.await,
        }
    }

    async fn put(&self, put: PutObject) -> Result<Stored, Problem> {
        let key = put.key.clone();
        self.call("put", key.as_str(), self.inner.put(put)).await
    }

    async fn delete(&self, key: &ObjectKey, version: Option<&str>) -> Result<(), Problem> {
        self.call("delete", key.as_str(), self.inner.delete(key, version)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listing, Problem> {
        self.call("list", prefix, self.inner.list(prefix, after, limit)).await
    }

    async fn list_versions(&self, prefix: &str) -> Result<Vec<VersionEntry>, Problem> {
        self.call("list_versions", prefix, self.inner.list_versions(prefix)).await
    }

    async fn put_tags(&self, key: &ObjectKey, version: Option<&str>, tags: &[Tag]) -> Result<(), Problem> {
        self.call("put_tags", key.as_str(), self.inner.put_tags(key, version, tags)).await
    }

    async fn get_tags(&self, key: &ObjectKey, version: Option<&str>) -> Result<Vec<Tag>, Problem> {
        self.call("get_tags", key.as_str(), self.inner.get_tags(key, version)).await
    }

    async fn create_upload(&self, key: &ObjectKey, tags: &[Tag]) -> Result<String, Problem> {
        self.call("create_upload", key.as_str(), self.inner.create_upload(key, tags)).await
    }

    async fn upload_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        body: Bytes,
        sha256: Digest,
    ) -> Result<(), Problem> {
        let call = self.inner.upload_part(key, upload_id, number, body, sha256);
        self.call("upload_part", key.as_str(), call).await
    }

    async fn list_parts(&self, key: &ObjectKey, upload_id: &str) -> Result<Vec<StoredPart>, Problem> {
        let listing = self.inner.list_parts(key, upload_id);
        match self.strike("list_parts", key.as_str()) {
            Some(FaultAction::Fail(code, aws_code)) => Err(scripted(code, aws_code)),
            Some(FaultAction::LoseAnswer) => Err(scripted(Code::StoreFailed, None)),
            Some(FaultAction::OddList) => Ok(odd(listing.await?)),
            Some(FaultAction::CutBody(_) | FaultAction::FlipBit(_)) | None => listing.await,
        }
    }

    async fn complete_upload(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> Result<Stored, Problem> {
        self.call("complete_upload", key.as_str(), self.inner.complete_upload(key, upload_id, parts)).await
    }

    async fn abort_upload(&self, key: &ObjectKey, upload_id: &str) -> Result<(), Problem> {
        self.call("abort_upload", key.as_str(), self.inner.abort_upload(key, upload_id)).await
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<UploadEntry>, Problem> {
        self.call("list_uploads", prefix, self.inner.list_uploads(prefix)).await
    }

    async fn copy(&self, copy: &CopyObject) -> Result<Stored, Problem> {
        self.call("copy", copy.key.as_str(), self.inner.copy(copy)).await
    }

    async fn copy_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        source: &CopySource,
        range: ByteRange,
    ) -> Result<CopiedPart, Problem> {
        let call = self.inner.copy_part(key, upload_id, number, source, range);
        self.call("copy_part", key.as_str(), call).await
    }

    async fn restore(&self, key: &ObjectKey, version: Option<&str>, days: u32) -> Result<(), Problem> {
        self.call("restore", key.as_str(), self.inner.restore(key, version, days)).await
    }

    async fn region(&self) -> Result<Option<String>, Problem> {
        self.call("region", "", self.inner.region()).await
    }
}
