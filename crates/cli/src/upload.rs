//! The upload of a file's content: what the bucket has already is not sent again, whoever sent it.

use std::sync::Arc;

use firmhold_core::binary_part::PartState;
use firmhold_core::{Binary, BinaryPart, BinaryState, Code, Problem};
use firmhold_store::failpoint;
use firmhold_store::plan::PartPlan;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::client::{self, Client};
use crate::commands::binary::by_prn;
use crate::file_digest::{self, FileDigest, FilePart};
use crate::pace::Pace;
use crate::part_sender::PartSender;
use crate::printer::{self, Printer};
use crate::refusal;
use crate::source_file::SourceFile;

/// Times that the upload is looked at anew: it was lost in the bucket, or another push of the same file has begun it
/// in another way.
const ROUNDS: u32 = 8;

/// One file's upload.
pub struct Upload<'a> {
    /// The server.
    pub client: &'a Client,
    /// What is said goes here.
    pub printer: &'a Printer,
    /// Whose content it is.
    pub binary: &'a Binary,
    /// Where it is read.
    pub source: &'a SourceFile,
    /// The part size that the person asked for, if any.
    pub part_size: Option<u64>,
    /// How much is sent at once.
    pub pace: &'a Arc<Pace>,
    /// What has arrived.
    pub bar: &'a ProgressBar,
}

/// How an upload went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Parts that the bucket acknowledged to this run.
    pub parts: u64,
    /// Parts that it had before.
    pub reused: u64,
}

/// The open upload, as the server sees it in the bucket.
#[derive(Default)]
struct Stored {
    parts: Vec<BinaryPart>,
    part_size: Option<u64>,
}

impl Upload<'_> {
    /// Sends what is missing until the bucket has the whole. The binary as it is then: `hashable`, or further if
    /// another push of the same file was quicker.
    ///
    /// # Errors
    /// As the API's and the store's; [`Code::ChangedWhileRead`].
    pub async fn run(&self, mut file: FileDigest, is_new: bool) -> Result<(Binary, Sent), Problem> {
        let mut sent = Sent::default();
        for round in 1..=ROUNDS {
            let stored = if is_new && round == 1 { Stored::default() } else { self.stored().await? };
            let (fitting, stored) = self.agree(file, stored, round == 1).await?;
            file = fitting;
            let missing = missing(&file, &stored);
            if round == 1 {
                sent.reused = (file.parts.len() - missing.len()) as u64;
                self.bar.inc(file.size() - missing.iter().map(|part| part.size).sum::<u64>());
            }
            let problem = match self.send(&file, missing, &mut sent).await {
                Ok(binary) => return Ok((binary, sent)),
                Err(problem) if round < ROUNDS && another_look_helps(&problem) => problem,
                Err(problem) => return Err(problem),
            };
            tracing::info!(target: "firmhold::push", cause = %problem, "looking at the upload anew");
            let now = by_prn(self.client, &self.binary.meta.prn.to_string()).await?;
            if now.state != BinaryState::Uploadable {
                return Ok((now, sent));
            }
        }
        Err(Problem::internal("the last round returns"))
    }

    async fn send(
        &self,
        file: &FileDigest,
        missing: Vec<FilePart>,
        sent: &mut Sent,
    ) -> Result<Binary, Problem> {
        let (client, binary) = (self.client.clone(), self.binary.clone());
        let (pace, bar) = (Arc::clone(self.pace), self.bar.clone());
        let sender = PartSender::new(client, binary, self.source.clone(), file.plan.part_size(), pace, bar);
        let result = sender.send_all(missing).await;
        sent.parts += sender.sent();
        match result {
            // What remains of an upload that is gone is for the server to find out, as it completes it.
            Err(problem) if !refusal::upload_is_gone(&problem) => return Err(problem),
            _ => {}
        }
        self.source.must_be_unchanged()?;
        failpoint::PUSH_BEFORE_COMPLETE.reach();
        let binary = self.complete().await?;
        failpoint::PUSH_COMPLETED.reach();
        Ok(binary)
    }

    async fn complete(&self) -> Result<Binary, Problem> {
        let path = format!("/binaries/{}", self.binary.meta.prn);
        let wish = json!({ "state": BinaryState::Hashable });
        let answer = self.client.patch_and_complete(&path, &wish).await?;
        client::object(answer, "binary")
    }

    async fn stored(&self) -> Result<Stored, Problem> {
        let answer = self.client.get(&self.parts_path(), &[]).await?;
        let part_size = answer.get("part_size").and_then(Value::as_u64);
        Ok(Stored { parts: client::object(answer, "binary_parts")?, part_size })
    }

    fn parts_path(&self) -> String {
        format!("/binaries/{}/parts", self.binary.meta.prn)
    }

    /// Makes the file's parts and those of the open upload the same: by cutting the file as the upload was begun, or
    /// by beginning anew. INVARIANT: only the first round may do the latter, so that two pushes with different part
    /// sizes end in the size of one of them, and do not throw each other's parts away for ever.
    async fn agree(
        &self,
        file: FileDigest,
        stored: Stored,
        is_first: bool,
    ) -> Result<(FileDigest, Stored), Problem> {
        if stored.parts.is_empty() && stored.part_size.is_none() {
            return Ok((file, stored));
        }
        let open = stored.part_size.or_else(|| part_size_of(&stored.parts, file.size()));
        if open == Some(file.plan.part_size()) {
            return Ok((file, stored));
        }
        let plan = open.and_then(|open| PartPlan::with_part_size(file.size(), open));
        match plan {
            Some(plan) if self.part_size.is_none() || !is_first => {
                let size = printer::bytes(plan.part_size());
                self.printer
                    .note(&format!("The upload was begun with parts of {size}: going on with these."));
                Ok((self.cut_anew(plan).await?, stored))
            }
            _ => {
                let size = printer::bytes(file.plan.part_size());
                let before = open.map(|open| format!(" of {}", printer::bytes(open))).unwrap_or_default();
                self.printer.warning(&format!(
                    "the open upload has other parts{before}: it is begun anew with parts of {size}"
                ));
                self.client.delete(&self.parts_path()).await?;
                Ok((file, Stored::default()))
            }
        }
    }

    async fn cut_anew(&self, plan: PartPlan) -> Result<FileDigest, Problem> {
        let source = self.source.clone();
        let hidden = ProgressBar::hidden();
        let read = tokio::task::spawn_blocking(move || file_digest::read(&source, plan, &hidden));
        let file = read.await.map_err(Problem::internal)??;
        if file.digest == self.binary.hash { Ok(file) } else { Err(self.source.changed()) }
    }
}

/// Another push has begun the upload anew or completed it, or the bucket has lost it.
fn another_look_helps(problem: &Problem) -> bool {
    match problem.code() {
        Code::PartSizeDiffers | Code::StateForbids => true,
        Code::InvalidFields => problem.field_errors().0.contains_key("parts"),
        _ => false,
    }
}

/// The parts of the file that the bucket does not have.
fn missing(file: &FileDigest, stored: &Stored) -> Vec<FilePart> {
    let mut by_index: Vec<Option<&BinaryPart>> = vec![None; file.parts.len() + 1];
    for part in &stored.parts {
        if let Some(slot) = by_index.get_mut(part.index as usize) {
            *slot = Some(part);
        }
    }
    let is_there = |part: &FilePart| {
        by_index.get(part.index as usize).copied().flatten().is_some_and(|stored| {
            stored.hash == part.digest && stored.size == part.size && stored.state == PartState::Valid
        })
    };
    file.parts.iter().filter(|part| !is_there(part)).copied().collect()
}

/// The one part size that all declared parts fit, if a client that did not say it has begun the upload.
fn part_size_of(parts: &[BinaryPart], total: u64) -> Option<u64> {
    let largest = parts.iter().map(|part| part.size).max()?;
    let plan = PartPlan::with_part_size(total, largest)?;
    let fits = |part: &BinaryPart| plan.part(part.index).is_some_and(|planned| planned.size == part.size);
    parts.iter().all(fits).then_some(largest)
}
