//! V13: nothing of the run is left.

use std::time::Duration;

use firmhold_core::{Problem, Timestamp};
use uuid::Uuid;

use super::finding::{Finding, is_refusal, is_unsupported};
use super::fix;
use super::written::State;
use crate::{Bucket, Target};

/// Probes of other runs that are older than this were left by a run that was killed; no run lasts so long.
const STALE: Duration = Duration::from_secs(3600);

/// V13: removes every version and upload of the run and looks whether they are gone. A delete marker is not cleanup:
/// what lies under it is billed for ever (trap T11).
pub(super) async fn check(
    bucket: &dyn Bucket,
    target: &Target,
    run: Uuid,
    written: &State,
    now: Timestamp,
) -> Finding {
    let mut sweep =
        Sweep { bucket, target, run, now, lacks: Vec::new(), notes: Vec::new(), broken: Vec::new() };
    sweep.uploads(written).await;
    sweep.versions(written).await;
    sweep.finding()
}

struct Sweep<'a> {
    bucket: &'a dyn Bucket,
    target: &'a Target,
    run: Uuid,
    now: Timestamp,
    lacks: Vec<&'static str>,
    notes: Vec<String>,
    broken: Vec<String>,
}

impl Sweep<'_> {
    /// Whether a key is ours to remove.
    fn is_ours(&self, key: &str, since: Option<Timestamp>) -> bool {
        let mine = format!("{}{}/", self.target.prefix.probe_prefix(), self.run);
        key.starts_with(&mine) || since.is_some_and(|since| self.now.since(since) > STALE)
    }

    async fn uploads(&mut self, written: &State) {
        if self.target.capabilities().list_uploads == Some(false) {
            self.notes.push("the store cannot list uploads".to_owned());
        }
        for (key, id) in &written.uploads {
            let aborted = self.bucket.abort_upload(key, id).await;
            self.note("s3:AbortMultipartUpload", aborted);
        }
        let probes = self.target.prefix.probe_prefix();
        let Some(found) =
            self.look("s3:ListBucketMultipartUploads", "uploads", self.bucket.list_uploads(&probes).await)
        else {
            return;
        };
        let ours =
            |sweep: &Self, entry: &crate::UploadEntry| sweep.is_ours(entry.key.as_str(), entry.initiated);
        let mut left = found;
        left.retain(|entry| ours(self, entry));
        if left.is_empty() {
            return;
        }
        for entry in &left {
            let aborted = self.bucket.abort_upload(&entry.key, &entry.upload_id).await;
            self.note("s3:AbortMultipartUpload", aborted);
        }
        if let Ok(mut left) = self.bucket.list_uploads(&probes).await {
            left.retain(|entry| ours(self, entry));
            if !left.is_empty() {
                self.broken.push(format!("{} open uploads are left below {probes}", left.len()));
            }
        }
    }

    async fn versions(&mut self, written: &State) {
        if self.target.capabilities().list_versions == Some(false) {
            self.notes.push("the store cannot list versions".to_owned());
        }
        let probes = self.target.prefix.probe_prefix();
        let Some(mut found) =
            self.look("s3:ListBucketVersions", "versions", self.bucket.list_versions(&probes).await)
        else {
            // What is known by name can still be removed.
            for (key, version) in &written.objects {
                let deleted = self.bucket.delete(key, version.as_deref()).await;
                self.note(delete_action(version.as_deref()), deleted);
            }
            return;
        };
        found.retain(|entry| self.is_ours(entry.key.as_str(), entry.last_modified));
        for entry in &found {
            let deleted = self.bucket.delete(&entry.key, Some(&entry.version_id)).await;
            self.note("s3:DeleteObjectVersion", deleted);
        }
        if found.is_empty() {
            return;
        }
        if let Ok(mut left) = self.bucket.list_versions(&probes).await {
            left.retain(|entry| {
                !entry.is_delete_marker && self.is_ours(entry.key.as_str(), entry.last_modified)
            });
            if !left.is_empty() {
                let bytes: u64 = left.iter().map(|entry| entry.size).sum();
                self.broken
                    .push(format!("{} versions with {bytes} bytes are left below {probes}", left.len()));
            }
        }
    }

    /// A listing, or nothing, with the reason taken down.
    fn look<T>(&mut self, action: &'static str, what: &str, result: Result<T, Problem>) -> Option<T> {
        match result {
            Ok(found) => return Some(found),
            Err(problem) if is_unsupported(&problem) => {
                self.notes.push(format!("the store cannot list {what}"))
            }
            Err(problem) if is_refusal(&problem) => self.lack(action),
            Err(problem) => self.broken.push(problem.detail()),
        }
        None
    }

    fn note(&mut self, action: &'static str, result: Result<(), Problem>) {
        match result {
            Ok(()) => {}
            Err(problem) if is_refusal(&problem) => self.lack(action),
            Err(problem) => self.broken.push(problem.detail()),
        }
    }

    fn lack(&mut self, action: &'static str) {
        if !self.lacks.contains(&action) {
            self.lacks.push(action);
        }
    }

    fn finding(self) -> Finding {
        let mut parts = Vec::new();
        if !self.lacks.is_empty() {
            parts.push(format!("refused: {}", self.lacks.join(", ")));
        }
        parts.extend(self.broken);
        if !parts.is_empty() {
            let finding = Finding::fail(parts.join("; "));
            return match self.lacks.is_empty() {
                true => finding,
                false => finding.fix(fix::permissions(self.target, &self.lacks)),
            };
        }
        if !self.notes.is_empty() {
            return Finding::skipped(self.notes.join("; "));
        }
        Finding::pass("no object, version or upload of this run is left")
    }
}

fn delete_action(version: Option<&str>) -> &'static str {
    if version.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" }
}
