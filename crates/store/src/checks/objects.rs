//! V7: every operation that we need, below the probe prefix.

use firmhold_core::backend::{Capabilities, Encryption, UploadMode};
use firmhold_core::{Code, Digest, ObjectKey, Problem};
use uuid::Uuid;

use super::finding::{Finding, is_answer, is_elsewhere, is_refusal, is_unsupported};
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
    /// What the store was seen to do, and not to do.
    pub capabilities: Capabilities,
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
    let mut trial = Trial {
        bucket,
        target,
        run,
        written,
        ledger: Ledger::default(),
        found: Capabilities::default(),
        enforced: None,
        part_refused: None,
    };
    let probe = match trial.write_probe().await {
        Ok(probe) => probe,
        // Nothing can work: one reason is better than fifteen.
        Err(finding) => return Objects::nothing(finding),
    };
    if let Some(probe) = &probe {
        trial.read(probe).await;
        trial.tags(probe).await;
        trial.restore(probe).await;
    }
    trial.list(probe.as_ref()).await;
    if target.capabilities().checksum_headers == Some(false) {
        trial.without_checksums();
    } else {
        trial.wrong_checksum().await;
    }
    trial.multipart().await;
    if target.access.keys().is_some() {
        trial.long_keys().await;
    }
    if let Some(probe) = &probe {
        trial.conditional_write(probe).await;
    }
    trial.listings().await;
    trial.delete().await;
    let upload_mode = trial.upload_mode();
    let finding = trial.ledger.finding(target, &trial.done());
    let capabilities = Capabilities { checksums_enforced: trial.enforced, ..trial.found };
    Objects { finding, upload_mode, capabilities, worked: trial.ledger.worked(), probe }
}

impl Objects {
    /// Of a run that came to nothing.
    pub fn nothing(finding: Finding) -> Self {
        let capabilities = Capabilities::default();
        Self { finding, upload_mode: None, capabilities, worked: None, probe: None }
    }
}

struct Trial<'a> {
    bucket: &'a dyn Bucket,
    target: &'a Target,
    run: Uuid,
    written: &'a Written,
    ledger: Ledger,
    found: Capabilities,
    /// Whether every wrong checksum so far was refused.
    enforced: Option<bool>,
    /// Whether that of a part was.
    part_refused: Option<bool>,
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
            Err(problem) if self.lacks(&problem) && !is_elsewhere(&problem) => match self.put(plain).await {
                Ok(stored) => {
                    self.no_tags();
                    Some(stored)
                }
                Err(_) => return Err(self.no_way_in(&problem)),
            },
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
        if self.target.capabilities().checksum_headers != Some(false) {
            self.found.checksum_headers = Some(true);
        }
        self.found.versions = Some(stored.version_id.as_deref().is_some_and(|version| version != "null"));
        self.encryption("put", stored.encryption.as_deref(), None);
        Ok(Some(Probe { key, version: stored.version_id, body }))
    }

    /// Whether the answer says that the store has no such thing. At AWS only in so many words; other stores have many
    /// for it, but for want of permission they have the same.
    fn lacks(&self, problem: &Problem) -> bool {
        let compatible = self.target.access.keys().is_some();
        is_unsupported(problem) || (compatible && is_answer(problem) && !is_refusal(problem))
    }

    fn no_tags(&mut self) {
        self.found.tags = Some(false);
        self.ledger.note("the store has no tags");
    }

    /// As [`Ledger::take`], of an operation that a store may lack (API contract 12.6, V7).
    fn take_optional<T>(&mut self, operation: Operation, result: Result<T, Problem>) -> Option<T> {
        match result {
            Err(problem) if self.lacks(&problem) => {
                self.ledger.note(format!("the store has no {}", operation.0));
                None
            }
            result => self.ledger.take(operation, result),
        }
    }

    /// What works, in words.
    fn done(&self) -> String {
        let but =
            |has: Option<bool>, name: &str| if has == Some(false) { String::new() } else { name.to_owned() };
        format!(
            "put{}, head, get, list{}, multipart and delete work",
            but(self.found.tags, " with tags"),
            but(self.found.restore, ", restore")
        )
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
        if self.found.tags == Some(false) {
            return;
        }
        let Probe { key, version, .. } = probe;
        let bucket = self.bucket;
        let before = bucket.get_tags(key, None).await;
        if before.as_ref().is_err_and(|problem| self.lacks(problem)) {
            return self.no_tags();
        }
        if self.ledger.take(GET_TAGS, before).is_some_and(|tags| tags.is_empty()) {
            self.ledger.note("the store drops the tags of a put");
        }
        let written = bucket.put_tags(key, None, &Self::our_tags()).await;
        if written.as_ref().is_err_and(|problem| self.lacks(problem)) {
            return self.no_tags();
        }
        if self.ledger.take(PUT_TAGS, written).is_some() {
            self.found.tags = Some(true);
        }
        if let Some(version) = version.as_deref() {
            let read = bucket.get_tags(key, Some(version)).await;
            self.take_optional(GET_VERSION_TAGS, read);
            let written = bucket.put_tags(key, Some(version), &Self::our_tags()).await;
            self.take_optional(PUT_VERSION_TAGS, written);
        }
    }

    /// The probe is not archived, so a restore has to be refused, but for that reason.
    async fn restore(&mut self, probe: &Probe) {
        match self.bucket.restore(&probe.key, probe.version.as_deref(), 1).await {
            Err(problem) if problem.aws_code() == Some("InvalidObjectState") => {
                self.found.restore = Some(true);
            }
            Err(problem) if self.lacks(&problem) => {
                self.found.restore = Some(false);
                self.ledger.note("the store has no restore");
            }
            Err(problem) => {
                self.ledger.take::<()>(RESTORE, Err(problem));
            }
            Ok(()) => {
                self.found.restore = Some(false);
                self.ledger.note("the store takes a restore of what is not archived");
            }
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

    /// A store that does not look at checksums cannot be sent parts to without us in between. Says whether it looked, if
    /// that could be found out.
    fn must_refuse(&mut self, result: Result<(), Problem>, what: &str) -> Option<bool> {
        match result {
            Err(problem) if problem.code() == Code::DigestMismatch || self.lacks(&problem) => {
                self.enforced.get_or_insert(true);
                Some(true)
            }
            Ok(()) => {
                self.enforced = Some(false);
                self.through_us(&format!("the store takes {what} with a wrong checksum"));
                Some(false)
            }
            // It failed, or refused for another reason, which the right one has met before it.
            Err(_) => None,
        }
    }

    fn without_checksums(&mut self) {
        self.enforced = Some(false);
        self.found.checksum_headers = Some(false);
        self.through_us("the store refuses requests with a checksum");
    }

    /// INVARIANT: parts go straight to an S3-compatible store only where it was seen, in this run, to refuse a wrong
    /// checksum of a part and to list the right one. What could not be found out counts as lacking. AWS is documented to
    /// do both, so there only what was seen to be otherwise counts.
    fn upload_mode(&mut self) -> Option<UploadMode> {
        let seen = (self.part_refused, self.found.checksums_listed);
        if self.enforced == Some(false) || seen.0 == Some(false) || seen.1 == Some(false) {
            return Some(UploadMode::Proxy);
        }
        if seen == (Some(true), Some(true)) {
            return Some(UploadMode::Direct);
        }
        if self.target.access.keys().is_some() {
            self.through_us("whether the store looks at the checksum of a part could not be found out");
            return Some(UploadMode::Proxy);
        }
        self.enforced.map(|_| UploadMode::Direct)
    }

    /// A write over the probe that must not happen. Nothing of ours rests on it (design D3).
    async fn conditional_write(&mut self, probe: &Probe) {
        let put = PutObject { if_none_match: true, ..PutObject::new(probe.key.clone(), probe.body.clone()) };
        self.found.conditional_writes = match self.put(put).await {
            Err(problem) if problem.code() == Code::PreconditionFailed => Some(true),
            Err(problem) if self.lacks(&problem) => Some(false),
            Err(_) => None,
            Ok(_) => Some(false),
        };
    }

    /// What cleaning up needs. That a role may not list is for V13 to say.
    async fn listings(&mut self) {
        let below = format!("{}{}/", self.target.prefix.probe_prefix(), self.run);
        let compatible = self.target.access.keys().is_some();
        let listed = |result: Result<(), Problem>| match result {
            Ok(()) => Some(true),
            // A store that answers with some other list has none either.
            Err(problem) if is_unsupported(&problem) || (compatible && !is_refusal(&problem)) => Some(false),
            Err(_) => None,
        };
        self.found.list_versions = listed(self.bucket.list_versions(&below).await.map(drop));
        self.found.list_uploads = listed(self.bucket.list_uploads(&below).await.map(drop));
    }

    fn through_us(&mut self, why: &str) {
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
        if self.target.capabilities().checksum_headers != Some(false) && sent {
            let wrong = bucket.upload_part(&key, &id, 2, part.into(), Digest::of("other bytes")).await;
            self.part_refused = self.must_refuse(wrong, "a part");
        }
        if let Some(parts) = self.ledger.take(LIST_PARTS, bucket.list_parts(&key, &id).await)
            && sent
        {
            match parts.iter().find(|stored| stored.number == 1) {
                None => self.ledger.wrong("the part that was sent is not listed"),
                Some(stored) if stored.sha256 == Some(Digest::of(part)) => {
                    self.found.checksums_listed = Some(true);
                }
                Some(_) => {
                    self.found.checksums_listed = Some(false);
                    self.through_us("the store does not list the checksum of a part");
                }
            }
        }
        // Not to be aborted again: some stores refuse that of an upload which they do not know any more.
        if self.ledger.take(ABORT, bucket.abort_upload(&key, &id).await).is_some() {
            self.written.aborted(&id);
        }
    }

    /// The keys of content and manifests are longer than those of probes, and S3 takes 1,024 bytes. Some stores make
    /// names of files of them, and these have an end that no document of theirs tells.
    async fn long_keys(&mut self) {
        let prefix = &self.target.prefix;
        let manifest = ObjectKey::manifest(prefix, Digest::of(""), self.run, 0).as_str().len();
        let content = ObjectKey::content(prefix, Digest::of(""), self.run).as_str().len();
        let put = self.put(PutObject::new(self.key_of_length("manifest", manifest), "long")).await;
        self.take_long(PUT, manifest, put.map(drop));
        let begun = self.begin_and_abort(&self.key_of_length("content", content)).await;
        self.take_long(CREATE_UPLOAD, content, begun);
    }

    fn take_long(&mut self, operation: Operation, length: usize, result: Result<(), Problem>) {
        match result {
            Ok(()) => {}
            Err(problem) if is_refusal(&problem) => self.ledger.problem(operation, problem),
            Err(problem) => {
                let Operation(name, _) = operation;
                self.ledger.too_long(format!(
                    "{name} at a key of {length} characters, as there are below {}: {}",
                    self.target.prefix,
                    problem.detail()
                ));
            }
        }
    }

    /// A key below this run's prefix, filled up to `length` bytes.
    fn key_of_length(&self, name: &str, length: usize) -> ObjectKey {
        let bare = self.key(&format!("{name}-"));
        let missing = length.saturating_sub(bare.as_str().len());
        self.key(&format!("{name}-{}", "0".repeat(missing)))
    }

    async fn begin_and_abort(&self, key: &ObjectKey) -> Result<(), Problem> {
        self.written.begin();
        let begun = self.bucket.create_upload(key, &[]).await;
        if begun.as_ref().is_err_and(|problem| problem.aws_code().is_some()) {
            self.written.refused();
        }
        let id = begun?;
        self.written.upload(key, &id);
        self.bucket.abort_upload(key, &id).await?;
        self.written.aborted(&id);
        Ok(())
    }

    /// With tags, as real uploads have them, or else without: that refusal is on record already.
    async fn begin_upload(&mut self, key: &ObjectKey) -> Option<String> {
        self.written.begin();
        let result = match self.bucket.create_upload(key, &Self::our_tags()).await {
            Err(problem) if is_refusal(&problem) || self.lacks(&problem) => {
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
            let hint = match self.target.access.keys() {
                Some(_) => {
                    " (where the store encrypts by other means, or not at all, set the backend's encryption to none)"
                }
                None => "",
            };
            self.ledger.wrong(format!("{answer} answers {found}, and the backend says {wanted}{hint}"));
        } else if let (Some(key), Some(wanted)) = (key, wanted_key)
            && key != wanted
        {
            self.ledger.wrong(format!("{answer} answers key {key}, and the backend says {wanted}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use firmhold_core::Clock;

    use super::*;
    use crate::MemoryBucket;
    use crate::fault::{Fault, FaultAction, FaultyBucket};
    use crate::target::tests::{keyed, target};

    /// V7 on a store that lacks this: reason, mode and what was found.
    async fn found(target: &Target, lacks: Capabilities) -> (String, &'static str, Capabilities) {
        let bucket = MemoryBucket::lacking(Clock::system(), lacks);
        let objects = check(&bucket, target, Uuid::from_u128(1), &Written::default()).await;
        assert!(objects.finding.passed(), "{lacks:?}: {}", objects.finding.reason);
        (objects.finding.reason, objects.upload_mode.map_or("", UploadMode::as_str), objects.capabilities)
    }

    const NOTHING: Capabilities = Capabilities {
        checksum_headers: None,
        checksums_enforced: Some(false),
        checksums_listed: Some(false),
        trailing_checksums: None,
        conditional_writes: Some(false),
        virtual_hosts: None,
        tags: Some(false),
        versions: None,
        list_versions: Some(false),
        list_uploads: Some(false),
        restore: Some(false),
    };

    #[tokio::test]
    async fn what_a_store_has_and_lacks_is_found() {
        for target in [target(), keyed("https://s3.example.com")] {
            let (reason, mode, full) = found(&target, Capabilities::default()).await;
            assert_eq!(
                (mode, reason.as_str()),
                ("direct", "put with tags, head, get, list, restore, multipart and delete work",)
            );
            let missing: Vec<_> = full.entries().into_iter().filter(|(_, has)| *has != Some(true)).collect();
            assert_eq!(missing, [("trailing_checksums", None), ("virtual_hosts", None)]);
        }
        // The encryption that a role's bucket must have is in the memory's answers.
        let target = keyed("https://s3.example.com");
        let (reason, mode, bare) = found(&target, NOTHING).await;
        insta::assert_snapshot!(reason, @"put, head, get, list, multipart and delete work; the store has no tags; the store has no restore; the store takes a put with a wrong checksum, so uploads go through the server; the store takes a part with a wrong checksum, so uploads go through the server; the store does not list the checksum of a part, so uploads go through the server");
        assert_eq!(mode, "proxy");
        assert_eq!(bare, Capabilities { checksum_headers: Some(true), versions: Some(true), ..NOTHING });
    }

    #[tokio::test]
    async fn a_store_whose_keys_end_before_ours_do_is_found() {
        let target = keyed("https://s3.example.com");
        for (operation, name, length, what) in
            [("put", "manifest", 155, "put"), ("create_upload", "content", 129, "begin an upload")]
        {
            let bucket = FaultyBucket::new(Arc::new(MemoryBucket::new(Clock::system())));
            let fails = FaultAction::Fail(Code::StoreFailed, Some("InternalError"));
            bucket.add(Fault::on(operation, fails).key_contains(format!("/{name}-000")));
            let finding = check(&bucket, &target, Uuid::from_u128(1), &Written::default()).await.finding;
            let reason = format!(
                "{what} at a key of {length} characters, as there are below firmhold/: a fault was scripted here [InternalError]"
            );
            assert_eq!(finding.reason, reason);
            assert!(!finding.passed() && finding.fix.unwrap().contains("a shorter prefix"));
        }
    }

    #[tokio::test]
    async fn straight_to_the_store_only_where_a_wrong_checksum_is_refused_and_the_right_one_listed() {
        let target = keyed("https://s3.example.com");
        let lists = Capabilities { checksums_enforced: Some(false), ..Capabilities::default() };
        let enforces = Capabilities { checksums_listed: Some(false), ..Capabilities::default() };
        for lacks in [lists, enforces] {
            let (reason, mode, _) = found(&target, lacks).await;
            assert_eq!(mode, "proxy", "{reason}");
            assert!(reason.contains("so uploads go through the server"), "{reason}");
        }
    }

    /// V7 on a store that fails whenever it is sent a wrong checksum.
    async fn found_out_nothing(target: &Target, fails: &[&'static str]) -> Objects {
        let bucket = FaultyBucket::new(Arc::new(MemoryBucket::new(Clock::system())));
        for operation in fails {
            let key = if *operation == "put" { "/wrong" } else { "/upload" };
            let fault = Fault::on(operation, FaultAction::Fail(Code::StoreFailed, Some("InternalError")));
            // The right part is the first.
            bucket.add(fault.key_contains(key).skip(u32::from(*operation == "upload_part")));
        }
        check(&bucket, target, Uuid::from_u128(1), &Written::default()).await
    }

    #[tokio::test]
    async fn what_could_not_be_found_out_counts_as_lacking() {
        let keyed = keyed("https://s3.example.com");
        for fails in [&["put", "upload_part"][..], &["upload_part"]] {
            let objects = found_out_nothing(&keyed, fails).await;
            assert_eq!(objects.upload_mode, Some(UploadMode::Proxy), "{fails:?}");
            assert!(objects.finding.reason.contains("could not be found out"), "{}", objects.finding.reason);
        }
        // Of a put nothing hangs by it.
        assert_eq!(found_out_nothing(&keyed, &["put"]).await.upload_mode, Some(UploadMode::Direct));
        // AWS is known to look; nothing new is known of it now.
        assert_eq!(found_out_nothing(&target(), &["put", "upload_part"]).await.upload_mode, None);
    }
}
