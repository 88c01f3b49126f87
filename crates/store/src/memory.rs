//! A bucket in memory, for tests: with versions, checksums and uploads, and without anybody who is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use firmhold_core::backend::Capabilities;
use firmhold_core::binary_part::MIN_SIZE;
use firmhold_core::{Clock, Digest, ObjectKey, Problem, Timestamp, problem::Code};
use futures::StreamExt as _;

use crate::bucket::{
    Bucket, ByteRange, CopiedPart, ListedObject, Listing, ObjectBody, ObjectInfo, PutObject, Stored,
    StoredPart, Tag, UploadEntry, VersionEntry,
};
use crate::copy::{CopyObject, CopySource};
use crate::s3::unquoted;

/// Bytes that a read yields at a time.
const CHUNK: usize = 64 * 1024;

/// A versioned bucket in memory; clones share it.
#[derive(Debug, Clone)]
pub struct MemoryBucket {
    clock: Clock,
    lacks: Capabilities,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest version first.
    objects: BTreeMap<String, Vec<Version>>,
    uploads: BTreeMap<String, Upload>,
    /// What ids are numbered by.
    counter: u64,
}

#[derive(Debug, Clone)]
struct Version {
    id: String,
    /// None is a delete marker.
    content: Option<Content>,
    written: Timestamp,
}

#[derive(Debug, Clone)]
struct Content {
    body: Bytes,
    etag: String,
    sha256: Option<Digest>,
    content_type: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Debug)]
struct Upload {
    key: String,
    tags: Vec<Tag>,
    parts: BTreeMap<u32, Part>,
    initiated: Timestamp,
}

#[derive(Debug, Clone)]
struct Part {
    body: Bytes,
    sha256: Digest,
    etag: String,
}

impl MemoryBucket {
    /// An empty one.
    pub fn new(clock: Clock) -> Self {
        Self { clock, lacks: Capabilities::default(), state: Arc::default() }
    }

    /// One that lacks what is `false` here, as S3-compatible stores do: it takes bytes that are not their checksum's, lists
    /// no checksums, ignores conditions, and answers `NotImplemented` to all that it does not know.
    pub fn lacking(clock: Clock, lacks: Capabilities) -> Self {
        Self { lacks, ..Self::new(clock) }
    }

    fn check(&self, body: &[u8], sha256: Digest) -> Result<(), Problem> {
        if self.lacks.checksums_enforced == Some(false) { Ok(()) } else { check(body, sha256) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_id(&mut self, kind: &str) -> String {
        self.counter += 1;
        format!("{kind}{:08}", self.counter)
    }

    /// Puts a version on top and returns its id.
    fn push(&mut self, key: &str, content: Option<Content>, written: Timestamp) -> String {
        let id = self.next_id("v");
        let version = Version { id: id.clone(), content, written };
        self.objects.entry(key.to_owned()).or_default().push(version);
        id
    }

    fn find(&mut self, key: &ObjectKey, version: Option<&str>) -> Result<&mut Version, Problem> {
        let versions = self.objects.get_mut(key.as_str());
        let found = versions.and_then(|versions| match version {
            Some(id) => versions.iter_mut().find(|version| version.id == id),
            None => versions.last_mut(),
        });
        let code = if version.is_some() { "NoSuchVersion" } else { "NoSuchKey" };
        found.ok_or_else(|| missing(code))
    }

    fn content(
        &mut self,
        key: &ObjectKey,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, &mut Content), Problem> {
        let found = self.find(key, version)?;
        let code = if version.is_some() { "MethodNotAllowed" } else { "NoSuchKey" };
        let content = found.content.as_mut().ok_or_else(|| missing(code))?;
        let info = ObjectInfo {
            size: content.body.len() as u64,
            etag: Some(content.etag.clone()),
            version_id: Some(found.id.clone()),
            sha256: content.sha256,
            content_type: content.content_type.clone(),
            encryption: Some("AES256".to_owned()),
            last_modified: Some(found.written),
            ..ObjectInfo::default()
        };
        Ok((info, content))
    }

    /// The bytes that a copy reads, if the source is still what it names.
    fn source(&mut self, source: &CopySource) -> Result<Bytes, Problem> {
        let (info, content) = self.content(&source.key, source.version_id.as_deref())?;
        let body = content.body.clone();
        match source.condition() {
            Some(etag) if info.etag.as_deref() != Some(etag) => {
                let text = "the source of the copy has changed";
                Err(Problem::new(Code::PreconditionFailed, text).with_aws_code("PreconditionFailed"))
            }
            _ => Ok(body),
        }
    }

    fn upload(&mut self, key: &ObjectKey, id: &str) -> Result<&mut Upload, Problem> {
        let upload = self.uploads.get_mut(id).filter(|upload| upload.key == key.as_str());
        upload.ok_or_else(|| missing("NoSuchUpload"))
    }
}

#[async_trait]
impl Bucket for MemoryBucket {
    async fn head(&self, key: &ObjectKey, version: Option<&str>) -> Result<ObjectInfo, Problem> {
        Ok(self.state().content(key, version)?.0)
    }

    async fn get(
        &self,
        key: &ObjectKey,
        version: Option<&str>,
        range: Option<ByteRange>,
    ) -> Result<ObjectBody, Problem> {
        let (info, mut body) = {
            let mut state = self.state();
            let (info, content) = state.content(key, version)?;
            (info, content.body.clone())
        };
        if let Some(range) = range {
            if range.start >= info.size || range.start > range.end {
                let text = "the range starts past the end of the object";
                return Err(Problem::new(Code::RangeUnsatisfiable, text).with_aws_code("InvalidRange"));
            }
            let end = range.end.min(info.size - 1);
            body = body.slice(index(range.start)..=index(end));
        }
        let content_length = body.len() as u64;
        let chunks =
            std::iter::from_fn(move || (!body.is_empty()).then(|| Ok(body.split_to(body.len().min(CHUNK)))));
        let info = ObjectInfo { sha256: None, ..info };
        Ok(ObjectBody { info, content_length, stream: futures::stream::iter(chunks).boxed() })
    }

    async fn put(&self, put: PutObject) -> Result<Stored, Problem> {
        self.check(&put.body, put.sha256)?;
        knows(if put.tags.is_empty() { None } else { self.lacks.tags })?;
        let now = self.clock.now();
        let mut state = self.state();
        let conditional = put.if_none_match && self.lacks.conditional_writes != Some(false);
        if conditional && state.content(&put.key, None).is_ok() {
            let text = "the key has an object already";
            return Err(Problem::new(Code::PreconditionFailed, text).with_aws_code("PreconditionFailed"));
        }
        let etag = etag(Digest::of(&put.body), "");
        let content = Content {
            etag: etag.clone(),
            sha256: Some(put.sha256),
            body: put.body,
            content_type: put.content_type,
            tags: put.tags,
        };
        Ok(stored(state.push(put.key.as_str(), Some(content), now), etag))
    }

    async fn delete(&self, key: &ObjectKey, version: Option<&str>) -> Result<(), Problem> {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(id) = version else {
            state.push(key.as_str(), None, now);
            return Ok(());
        };
        if let Some(versions) = state.objects.get_mut(key.as_str()) {
            versions.retain(|version| version.id != id);
            if versions.is_empty() {
                state.objects.remove(key.as_str());
            }
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listing, Problem> {
        let limit = index(u64::from(limit.clamp(1, 1000)));
        let state = self.state();
        let mut live = state.objects.iter().filter_map(|(key, versions)| {
            let top = versions.last()?;
            let wanted = key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
            let content = top.content.as_ref().filter(|_| wanted)?;
            Some(ListedObject {
                key: ObjectKey::from_stored(key),
                size: content.body.len() as u64,
                etag: Some(content.etag.clone()),
                last_modified: Some(top.written),
                storage_class: Some("STANDARD".to_owned()),
            })
        });
        let objects: Vec<_> = live.by_ref().take(limit).collect();
        let more = live.next().is_some();
        let next = objects.last().filter(|_| more).map(|object| object.key.as_str().to_owned());
        Ok(Listing { objects, next })
    }

    async fn list_versions(&self, prefix: &str) -> Result<Vec<VersionEntry>, Problem> {
        knows(self.lacks.list_versions)?;
        let state = self.state();
        let below = state.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let entries = below.flat_map(|(key, versions)| {
            // Newest first, as S3 lists them.
            versions.iter().rev().enumerate().map(move |(age, version)| VersionEntry {
                key: ObjectKey::from_stored(key),
                version_id: version.id.clone(),
                is_latest: age == 0,
                is_delete_marker: version.content.is_none(),
                size: version.content.as_ref().map_or(0, |content| content.body.len() as u64),
                last_modified: Some(version.written),
            })
        });
        Ok(entries.collect())
    }

    async fn put_tags(&self, key: &ObjectKey, version: Option<&str>, tags: &[Tag]) -> Result<(), Problem> {
        knows(self.lacks.tags)?;
        self.state().content(key, version)?.1.tags = tags.to_vec();
        Ok(())
    }

    async fn get_tags(&self, key: &ObjectKey, version: Option<&str>) -> Result<Vec<Tag>, Problem> {
        knows(self.lacks.tags)?;
        Ok(self.state().content(key, version)?.1.tags.clone())
    }

    async fn create_upload(&self, key: &ObjectKey, tags: &[Tag]) -> Result<String, Problem> {
        knows(if tags.is_empty() { None } else { self.lacks.tags })?;
        let initiated = self.clock.now();
        let mut state = self.state();
        let id = state.next_id("u");
        let key = key.as_str().to_owned();
        let upload = Upload { key, tags: tags.to_vec(), parts: BTreeMap::new(), initiated };
        state.uploads.insert(id.clone(), upload);
        Ok(id)
    }

    async fn upload_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        body: Bytes,
        sha256: Digest,
    ) -> Result<(), Problem> {
        self.check(&body, sha256)?;
        let etag = etag(Digest::of(&body), "");
        let part = Part { body, sha256, etag };
        self.state().upload(key, upload_id)?.parts.insert(number, part);
        Ok(())
    }

    async fn list_parts(&self, key: &ObjectKey, upload_id: &str) -> Result<Vec<StoredPart>, Problem> {
        let lists = self.lacks.checksums_listed != Some(false);
        let mut state = self.state();
        let parts = state.upload(key, upload_id)?.parts.iter().map(|(number, part)| StoredPart {
            number: *number,
            size: part.body.len() as u64,
            sha256: Some(part.sha256).filter(|_| lists),
            etag: unquoted(&part.etag),
        });
        Ok(parts.collect())
    }

    async fn complete_upload(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> Result<Stored, Problem> {
        let now = self.clock.now();
        let mut state = self.state();
        let upload = match state.upload(key, upload_id) {
            Ok(upload) => upload,
            Err(missing) => {
                // As with S3: joined by an earlier call whose answer got lost.
                let size: u64 = parts.iter().map(|part| part.size).sum();
                let (info, _) = state.content(key, None).map_err(|_| missing)?;
                let etag = info.etag.unwrap_or_default();
                return match info.size == size {
                    true => Ok(stored(info.version_id.unwrap_or_default(), etag)),
                    false => Err(self::missing("NoSuchUpload")),
                };
            }
        };
        let body = join(upload, parts)?;
        let etag = etag(Digest::of(&body), &format!("-{}", parts.len()));
        let tags = upload.tags.clone();
        let content = Content { body, etag: etag.clone(), sha256: None, content_type: None, tags };
        state.uploads.remove(upload_id);
        Ok(stored(state.push(key.as_str(), Some(content), now), etag))
    }

    async fn abort_upload(&self, key: &ObjectKey, upload_id: &str) -> Result<(), Problem> {
        let mut state = self.state();
        if state.upload(key, upload_id).is_ok() {
            state.uploads.remove(upload_id);
        }
        Ok(())
    }

    async fn list_uploads(&self, prefix: &str) -> Result<Vec<UploadEntry>, Problem> {
        knows(self.lacks.list_uploads)?;
        let state = self.state();
        let below = state.uploads.iter().filter(|(_, upload)| upload.key.starts_with(prefix));
        let mut entries: Vec<_> = below
            .map(|(id, upload)| UploadEntry {
                key: ObjectKey::from_stored(&upload.key),
                upload_id: id.clone(),
                initiated: Some(upload.initiated),
            })
            .collect();
        entries.sort_by(|a, b| (&a.key, &a.upload_id).cmp(&(&b.key, &b.upload_id)));
        Ok(entries)
    }

    async fn copy(&self, copy: &CopyObject) -> Result<Stored, Problem> {
        let now = self.clock.now();
        let mut state = self.state();
        let body = state.source(&copy.source)?;
        let sha256 = Digest::of(&body);
        let etag = etag(sha256, "");
        let tags = copy.tags.clone();
        let content = Content { body, etag: etag.clone(), sha256: Some(sha256), content_type: None, tags };
        Ok(stored(state.push(copy.key.as_str(), Some(content), now), etag))
    }

    async fn copy_part(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        number: u32,
        source: &CopySource,
        range: ByteRange,
    ) -> Result<CopiedPart, Problem> {
        let mut state = self.state();
        let whole = state.source(source)?;
        // Unlike a read, a copy takes no range past the end.
        if range.start > range.end || range.end >= whole.len() as u64 {
            let text = "the range is not of the source of the copy";
            return Err(Problem::new(Code::StoreDenied, text).with_aws_code("InvalidArgument"));
        }
        let body = whole.slice(index(range.start)..=index(range.end));
        let sha256 = Digest::of(&body);
        let etag = etag(sha256, "");
        let part = Part { body, sha256, etag: etag.clone() };
        state.upload(key, upload_id)?.parts.insert(number, part);
        Ok(CopiedPart { sha256: Some(sha256), etag: unquoted(&etag) })
    }

    async fn restore(&self, key: &ObjectKey, version: Option<&str>, _days: u32) -> Result<(), Problem> {
        knows(self.lacks.restore)?;
        self.state().content(key, version)?;
        let text = "the object's storage class has nothing to restore";
        Err(Problem::new(Code::ContentMissing, text).with_aws_code("InvalidObjectState"))
    }

    async fn region(&self) -> Result<Option<String>, Problem> {
        Ok(None)
    }
}

/// The parts' bytes in one, if they are what the upload has, in order, and large enough.
fn join(upload: &Upload, parts: &[StoredPart]) -> Result<Bytes, Problem> {
    let refused =
        |code: &str| Problem::new(Code::StateForbids, "the store did not join the parts").with_aws_code(code);
    if parts.is_empty() || !parts.is_sorted_by(|a, b| a.number < b.number) {
        return Err(refused("InvalidPartOrder"));
    }
    let mut body = Vec::new();
    for (place, named) in parts.iter().enumerate() {
        let part = upload.parts.get(&named.number).filter(|part| {
            unquoted(&part.etag) == named.etag && named.sha256.is_none_or(|sha256| sha256 == part.sha256)
        });
        let part = part.ok_or_else(|| refused("InvalidPart"))?;
        if place + 1 < parts.len() && (part.body.len() as u64) < MIN_SIZE {
            return Err(refused("EntityTooSmall"));
        }
        body.extend_from_slice(&part.body);
    }
    Ok(body.into())
}

fn check(body: &[u8], sha256: Digest) -> Result<(), Problem> {
    if Digest::of(body) == sha256 {
        return Ok(());
    }
    Err(Problem::new(Code::DigestMismatch, "the bytes are not those of the checksum")
        .with_aws_code("BadDigest"))
}

/// What is asked of a store that lacks it.
fn knows(has: Option<bool>) -> Result<(), Problem> {
    if has != Some(false) {
        return Ok(());
    }
    Err(Problem::new(Code::StoreDenied, "the store knows no such thing").with_aws_code("NotImplemented"))
}

fn missing(code: &str) -> Problem {
    Problem::new(Code::ContentMissing, "the bucket has no such object").with_aws_code(code)
}

fn stored(version_id: String, etag: String) -> Stored {
    Stored { version_id: Some(version_id), etag: Some(etag), encryption: Some("AES256".to_owned()) }
}

/// Opaque, as an entity tag is: not the MD5 that S3 happens to use.
fn etag(digest: Digest, suffix: &str) -> String {
    let mut text = String::from("\"");
    let _ = write!(text, "{}{suffix}\"", &digest.to_hex()[..32]);
    text
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
