//! V7: every operation that we need, below the probe prefix.

use firmhold_core::backend::{Encryption, UploadMode};
use firmhold_core::{Code, Digest, ObjectKey, Problem};
use uuid::Uuid;

use super::finding::{Finding, is_elsewhere, is_refusal, is_unsupported};
use super::ledger::{Ledger, Operation};
use super::written::Written;
use crate::{Bucket, PutObject, Stored, Tag, Target};

const PUT: Operation = Operation("put", "s3:PutObject");
const PUT_WITH_TAGS: Operation = Operation("put with tags", "s3:PutObjectTagging");
const HEAD: Operation = Operation("head", "s3:GetObject");
const HEAD_VERSION: Operation = Operation("head of a version", "s3:GetObjectVersion");
const GET: Operation = Operation("get", "s3:GetObject");
const GET_VERSION: Operation = Operation("get of a version", "s3:GetObjectVersion");
const GET_TAGS: Operation = Operation("read tags", "s3:GetObjectTagging");
const GET_VERSION_TAGS: Operation = Operation("read tags of a version", "s3:GetObjectVersionTagging");
const PUT_TAGS: Operation = Operation("write tags", "s3:PutObjectTagging");
const PUT_VERSION_TAGS: Operation = Operation("write tags of a version", "s3:PutObjectVersionTagging");
const LIST: Operation = Operation("list", "s3:ListBucket");
const RESTORE: Operation = Operation("restore", "s3:RestoreObject");
const DELETE: Operation = Operation("delete", "s3:DeleteObject");
const CREATE_UPLOAD: Operation = Operation("begin an upload", "s3:PutObject");
const UPLOAD_PART: Operation = Operation("send a part", "s3:PutObject");
const LIST_PARTS: Operation = Operation("list parts", "s3:ListMultipartUploadParts");
const ABORT: Operation = Operation("abort an upload", "s3:AbortMultipartUpload");

/// Bytes of the probe: enough for a range in the middle.
const PROBE_BYTES: usize = 1024;

/// What V7 found and left.
pub(super) struct Objects {
    pub finding: Finding,
    pub upload_mode: Option<UploadMode>,
    /// An operation that the bucket answered.
    pub worked: Option<&'static str>,
    /// For V8.
    pub probe: Option<Probe>,
}

/// An object of a run.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub key: ObjectKey,
    pub version: Option<String>,
    pub body: Vec<u8>,
}

/// V7 of a bucket that we write to.
pub(super) async fn check(bucket: &dyn Bucket, target: &Target, run: Uuid, written: &Written) -> Objects {
    let mut trial =
        Trial { bucket, target, run, written, ledger: Ledger::default(), direct: true, asked: false };
    let probe = match trial.write_probe().await {
        Ok(probe) => probe,
        // Nothing can work: one reason is better than fifteen.
        Err(finding) => return Objects { finding, upload_mode: None, worked: None, probe: None },
    };
    if let Some(probe) = &probe {
        trial.read(probe).await;
        trial.tags(probe).await;
        trial.restore(probe).await;
    }
    trial.list(probe.as_ref()).await;
    trial.wrong_checksum().await;
    trial.multipart().await;
    trial.delete().await;
    let done = "put with tags, head, get, list, restore, multipart and delete work";
    let finding = trial.ledger.finding(target, done);
    let upload_mode =
        trial.asked.then_some(if trial.direct { UploadMode::Direct } else { UploadMode::Proxy });
    Objects { finding, upload_mode, worked: trial.ledger.worked(), probe }
}

struct Trial<'a> {
    bucket: &'a dyn Bucket,
    target: &'a Target,
    run: Uuid,
    written: &'a Written,
    ledger: Ledger,
    /// Whether the store itself checks what it is sent.
    direct: bool,
    /// Whether it could be asked.
    asked: bool,
}

impl Trial<'_> {
    fn key(&self, name: &str) -> ObjectKey {
        ObjectKey::probe(&self.target.prefix, self.run, name)
    }

    fn our_tags() -> Vec<Tag> {
        vec![("firmhold".to_owned(), "probe".to_owned())]
    }

    /// Writes, and takes down what has to be removed.
    async fn put(&self, put: PutObject) -> Result<Stored, Problem> {
        let key = put.key.clone();
        self.written.begin();
        let result = self.bucket.put(put).await;
        match &result {
            Ok(stored) => self.written.object(&key, stored.version_id.as_deref()),
            Err(problem) if problem.aws_code().is_some() => self.written.refused(),
            Err(_) => {}
        }
        result
    }

    /// The object that all else is tried on. `Err` when no request at all gets through.
    async fn write_probe(&mut self) -> Result<Option<Probe>, Finding> {
        let key = self.key("object");
        let body: Vec<u8> = (0..PROBE_BYTES).map(|i| (i % 251) as u8).collect();
        let plain = PutObject::new(key.clone(), body.clone());
        let tagged = PutObject { tags: Self::our_tags(), ..plain.clone() };
        let stored = match self.put(tagged).await {
            Ok(stored) => Some(stored),
            Err(problem) if is_unsupported(&problem) => {
                self.ledger.note("the store has no tags");
                let result = self.put(plain).await;
                self.ledger.take(PUT, result)
            }
            Err(problem) if is_refusal(&problem) => match self.put(plain).await {
                Ok(stored) => {
                    self.ledger.problem(PUT_WITH_TAGS, problem);
                    Some(stored)
                }
                Err(problem) => self.ledger.take(PUT, Err(problem)),
            },
            Err(problem) => return Err(self.no_way_in(&problem)),
        };
        let Some(stored) = stored else { return Ok(None) };
        self.ledger.take(PUT, Ok(()));
        self.encryption("put", stored.encryption.as_deref(), None);
        Ok(Some(Probe { key, version: stored.version_id, body }))
    }

    fn no_way_in(&self, problem: &Problem) -> Finding {
        let finding = Finding::fail(format!("put: {}", problem.detail())).aws(problem);
        match problem.hint() {
            Some(_) if is_elsewhere(problem) => finding.fix("Mend the backend's region first (V6)."),
            Some(hint) => finding.fix(hint.to_owned()),
            None => finding,
        }
    }

    async fn read(&mut self, probe: &Probe) {
        let Probe { key, version, body } = probe;
        if let Some(info) = self.ledger.take(HEAD, self.bucket.head(key, None).await) {
            if info.size != body.len() as u64 {
                self.ledger.wrong(format!("head says {} bytes of {}", info.size, body.len()));
            }
            if info.sha256.is_some_and(|sha256| sha256 != Digest::of(body)) {
                self.ledger.wrong("head lists another checksum than the one that was sent");
            }
            self.encryption("head", info.encryption.as_deref(), info.kms_key_arn.as_deref());
        }
        let whole = self.whole(key, None).await;
        if let Some(bytes) = self.ledger.take(GET, whole)
            && bytes != *body
        {
            self.ledger.wrong("get answers other bytes than were put");
        }
        if let Some(version) = version.as_deref() {
            self.ledger.take(HEAD_VERSION, self.bucket.head(key, Some(version)).await);
            let whole = self.whole(key, Some(version)).await;
            self.ledger.take(GET_VERSION, whole);
        }
    }

    async fn whole(&self, key: &ObjectKey, version: Option<&str>) -> Result<Vec<u8>, Problem> {
        let body = self.bucket.get(key, version, None).await?;
        Ok(body.collect(2 * PROBE_BYTES as u64).await?.to_vec())
    }

    async fn tags(&mut self, probe: &Probe) {
        let Probe { key, version, .. } = probe;
        let bucket = self.bucket;
        if self
            .ledger
            .take_optional(GET_TAGS, bucket.get_tags(key, None).await)
            .is_some_and(|tags| tags.is_empty())
        {
            self.ledger.note("the store drops the tags of a put");
        }
        self.ledger.take_optional(PUT_TAGS, bucket.put_tags(key, None, &Self::our_tags()).await);
        if let Some(version) = version.as_deref() {
            self.ledger.take_optional(GET_VERSION_TAGS, bucket.get_tags(key, Some(version)).await);
            self.ledger.take_optional(
                PUT_VERSION_TAGS,
                bucket.put_tags(key, Some(version), &Self::our_tags()).await,
            );
        }
    }

    /// The probe is not archived, so a restore has to be refused, but for that reason.
    async fn restore(&mut self, probe: &Probe) {
        match self.bucket.restore(&probe.key, probe.version.as_deref(), 1).await {
            Err(problem) if problem.aws_code() == Some("InvalidObjectState") => {}
            Err(problem) => {
                self.ledger.take_optional::<()>(RESTORE, Err(problem));
            }
            Ok(()) => self.ledger.note("the store takes a restore of what is not archived"),
        }
    }

    async fn list(&mut self, probe: Option<&Probe>) {
        let below = format!("{}{}/", self.target.prefix.probe_prefix(), self.run);
        let Some(listing) = self.ledger.take(LIST, self.bucket.list(&below, None, 10).await) else { return };
        if let Some(probe) = probe
            && !listing.objects.iter().any(|object| object.key == probe.key)
        {
            self.ledger.wrong("list does not show what was put");
        }
    }

    /// Bytes that are not what their checksum says.
    async fn wrong_checksum(&mut self) {
        let put =
            PutObject { sha256: Digest::of("other bytes"), ..PutObject::new(self.key("wrong"), "bytes") };
        let result = self.put(put).await;
        self.must_refuse(result.map(drop), "a put");
    }

    /// A store that does not look at checksums cannot be sent parts to without us in between.
    fn must_refuse(&mut self, result: Result<(), Problem>, what: &str) {
        match result {
            Err(problem) if problem.code() == Code::DigestMismatch => self.asked = true,
            Ok(()) => {
                self.asked = true;
                self.through_us(&format!("the store takes {what} with a wrong checksum"));
            }
            // Refused for another reason, which the right one has met before it.
            Err(_) => {}
        }
    }

    fn through_us(&mut self, why: &str) {
        self.direct = false;
        self.ledger.note(format!("{why}, so uploads go through the server"));
    }

    async fn multipart(&mut self) {
        let key = self.key("upload");
        let Some(id) = self.begin_upload(&key).await else { return };
        self.written.upload(&key, &id);
        let bucket = self.bucket;
        let part = b"one part".as_slice();
        let sent = bucket.upload_part(&key, &id, 1, part.into(), Digest::of(part)).await;
        let sent = self.ledger.take(UPLOAD_PART, sent).is_some();
        let wrong = bucket.upload_part(&key, &id, 2, part.into(), Digest::of("other bytes")).await;
        self.must_refuse(wrong, "a part");
        if let Some(parts) = self.ledger.take(LIST_PARTS, bucket.list_parts(&key, &id).await)
            && sent
        {
            match parts.iter().find(|stored| stored.number == 1) {
                None => self.ledger.wrong("the part that was sent is not listed"),
                Some(stored) if stored.sha256 == Some(Digest::of(part)) => {}
                Some(_) => self.through_us("the store does not list the checksum of a part"),
            }
        }
        self.ledger.take(ABORT, bucket.abort_upload(&key, &id).await);
    }

    /// With tags, as real uploads have them, or else without: that refusal is on record already.
    async fn begin_upload(&mut self, key: &ObjectKey) -> Option<String> {
        self.written.begin();
        let result = match self.bucket.create_upload(key, &Self::our_tags()).await {
            Err(problem) if is_refusal(&problem) || is_unsupported(&problem) => {
                self.bucket.create_upload(key, &[]).await
            }
            result => result,
        };
        if result.as_ref().is_err_and(|problem| problem.aws_code().is_some()) {
            self.written.refused();
        }
        self.ledger.take(CREATE_UPLOAD, result)
    }

    async fn delete(&mut self) {
        let key = self.key("deleted");
        // Without it there is still a permission to ask for: deleting what is not there is no error.
        let put = self.put(PutObject::new(key.clone(), "to be deleted")).await.is_ok();
        let deleted = self.ledger.take(DELETE, self.bucket.delete(&key, None).await).is_some();
        if deleted && !put {
            // Of what is not there, a delete marker remains.
            self.written.object(&key, None);
        }
        if deleted && put && self.bucket.head(&key, None).await.is_ok() {
            self.ledger.wrong("what was deleted is still there");
        }
    }

    fn encryption(&mut self, answer: &str, found: Option<&str>, key: Option<&str>) {
        let (wanted, wanted_key) = match &self.target.encryption {
            Encryption::SseS3 => ("AES256", None),
            Encryption::SseKms { kms_key_arn } => ("aws:kms", Some(kms_key_arn.as_str())),
            Encryption::None => return,
        };
        if found != Some(wanted) {
            let found = found.unwrap_or("no encryption");
            self.ledger.wrong(format!("{answer} answers {found}, and the backend says {wanted}"));
        } else if let (Some(key), Some(wanted)) = (key, wanted_key)
            && key != wanted
        {
            self.ledger.wrong(format!("{answer} answers key {key}, and the backend says {wanted}"));
        }
    }
}
