//! One file after another into one artifact version: hashed, recorded, uploaded, proved and signed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firmhold_core::signature::CreateBinarySignature;
use firmhold_core::{Binary, BinaryState, Code, Digest, Prn, Problem};
use firmhold_store::failpoint;
use firmhold_store::plan::PartPlan;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{OnceCell, Semaphore};

use crate::catalogue::{self, Names, Version};
use crate::client::{self, Client};
use crate::commands::backend;
use crate::commands::binary::by_prn;
use crate::file_digest::{self, FileDigest};
use crate::pace::Pace;
use crate::printer::{self, Printer};
use crate::progress;
use crate::signer::Signer;
use crate::source_file::SourceFile;
use crate::standstill::Standstill;
use crate::upload::{Sent, Upload};

/// Longest pause between two looks at a binary that is being hashed.
const LONGEST_POLL: Duration = Duration::from_secs(2);
/// Bytes a second that the platform reads at least while nothing fails: proving a large file may take a while.
const SLOWEST_PROOF: u64 = 1 << 20;
/// Files that are hashed at once, each on two threads.
const HASHED_AT_ONCE: usize = 2;

/// A file, and what it runs on.
pub struct Item {
    /// The file.
    pub source: SourceFile,
    /// How it is cut, unless its upload was begun in another way.
    pub plan: PartPlan,
    /// What it runs on.
    pub target: String,
}

/// What a push did.
#[derive(Debug, Serialize)]
pub struct Pushed {
    /// The binary.
    pub prn: Prn,
    /// Its artifact version.
    pub artifact_version_prn: Prn,
    /// The file, as it was named.
    pub file: PathBuf,
    /// What it runs on.
    pub target: String,
    /// SHA-256 of the file.
    pub hash: Digest,
    /// Bytes.
    pub size: u64,
    /// Where the binary stands now.
    pub state: BinaryState,
    /// Parts that this run sent; 0 if all was there.
    pub parts_sent: u64,
    /// Parts that the bucket had from an earlier run.
    pub parts_reused: u64,
    /// Requests that were repeated.
    pub retries: u32,
    /// Id of the key that this run signed with.
    pub signed_by: Option<String>,
    /// From the first read until the bucket had acknowledged the whole.
    pub upload_seconds: f64,
    /// From the first read to the end.
    pub seconds: f64,
}

/// Pushes into one artifact version.
pub struct Pusher<'a> {
    /// The server.
    pub client: Client,
    /// What is said goes here.
    pub printer: &'a Printer,
    /// Where to.
    pub names: Names<'a>,
    /// The backend, by name, instead of the default.
    pub backend: Option<&'a str>,
    /// Who signs.
    pub signer: Option<Signer>,
    /// The part size that the person asked for, if any.
    pub part_size: Option<u64>,
    /// How much is sent at once.
    pub pace: Arc<Pace>,
    /// What was hashed.
    pub hashing: ProgressBar,
    /// What has arrived.
    pub sending: ProgressBar,
    /// Looked up when the first file has been read: nothing is made for a file that cannot be.
    pub place: OnceCell<Place>,
    /// Whether there is one file only, so that waiting for its proof can be shown.
    pub alone: bool,
    /// See [`HASHED_AT_ONCE`].
    pub hashers: Semaphore,
}

/// Where files go, as the server knows it.
pub struct Place {
    version: Version,
    backend: Option<Prn>,
}

impl<'a> Pusher<'a> {
    /// Into the version that `names` names.
    pub fn new(client: Client, printer: &'a Printer, names: Names<'a>, pace: Arc<Pace>) -> Self {
        Self {
            client,
            printer,
            names,
            backend: None,
            signer: None,
            part_size: None,
            pace,
            hashing: ProgressBar::hidden(),
            sending: ProgressBar::hidden(),
            place: OnceCell::new(),
            alone: false,
            hashers: Semaphore::new(HASHED_AT_ONCE),
        }
    }

    /// Pushes one file.
    ///
    /// # Errors
    /// As the API's and the store's; [`Code::ChangedWhileRead`].
    pub async fn push(&self, item: &Item) -> Result<Pushed, Problem> {
        let begun = Instant::now();
        let client = self.client.counting_anew();
        let file = self.hash(item).await?;
        let hash = file.digest;
        failpoint::PUSH_HASHED.reach();
        let place = self.place.get_or_try_init(|| self.find_place()).await?;
        let (mut binary, is_new) =
            catalogue::binary(&client, &place.version, &self.names, &item.target, place.backend, &file)
                .await?;
        failpoint::PUSH_CREATED.reach();
        let mut sent = Sent::default();
        if binary.state == BinaryState::Uploadable {
            let upload = Upload {
                client: &client,
                printer: self.printer,
                binary: &binary,
                source: &item.source,
                part_size: self.part_size,
                pace: &self.pace,
                bar: &self.sending,
            };
            (binary, sent) = upload.run(file, is_new).await?;
        } else {
            self.sending.inc(item.source.size());
        }
        clear_if_full(&self.sending);
        let upload_seconds = begun.elapsed().as_secs_f64();
        if binary.state == BinaryState::Hashable {
            binary = start_hashing(&client, &binary).await?;
            failpoint::PUSH_PROVING.reach();
        }
        let binary = self.proved(&client, binary).await?;
        let (state, signed_by) = match &self.signer {
            Some(signer) => {
                failpoint::PUSH_BEFORE_SIGN.reach();
                sign(&client, &binary, signer).await?;
                failpoint::PUSH_SIGNED.reach();
                (BinaryState::Signed, Some(signer.public().keyid()))
            }
            None => (binary.state, None),
        };
        Ok(Pushed {
            prn: binary.meta.prn,
            artifact_version_prn: place.version.prn,
            file: item.source.path().to_owned(),
            target: item.target.clone(),
            hash,
            size: item.source.size(),
            state,
            parts_sent: sent.parts,
            parts_reused: sent.reused,
            retries: client.network().retry.repeats(),
            signed_by,
            upload_seconds,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    async fn hash(&self, item: &Item) -> Result<FileDigest, Problem> {
        let _one_of_few = self.hashers.acquire().await.map_err(Problem::internal)?;
        let (source, plan, bar) = (item.source.clone(), item.plan, self.hashing.clone());
        let read = tokio::task::spawn_blocking(move || file_digest::read(&source, plan, &bar));
        let file = read.await.map_err(Problem::internal)?;
        clear_if_full(&self.hashing);
        file
    }

    async fn find_place(&self) -> Result<Place, Problem> {
        let client = &self.client;
        let backend = match self.backend {
            Some(name) => Some(backend::find(client, name).await?.meta.prn),
            None => None,
        };
        let organization = client.organization().await?;
        let artifact = catalogue::artifact(client, organization, &self.names).await?;
        let version = catalogue::version(client, artifact, self.names.version).await?;
        Ok(Place { version, backend })
    }

    /// Waits until the platform has read the object back and found it to be what was promised.
    async fn proved(&self, client: &Client, binary: Binary) -> Result<Binary, Problem> {
        let spinner = self.alone.then(|| progress::wait(self.printer, "proving"));
        let binary = proving_ended(client, binary).await;
        spinner.iter().for_each(ProgressBar::finish_and_clear);
        let binary = binary?;
        if binary.state.is_proved() {
            return Ok(binary);
        }
        let Some(reason) = binary.state_reason else {
            let detail =
                format!("the binary is {}: somebody reset it while it was being proved", binary.state);
            return Err(Problem::new(Code::StateForbids, detail).with_hint("push again"));
        };
        Err(Problem::new(Code::DigestMismatch, format!("the bucket does not hold what was sent: {reason}"))
            .with_hint(
                "push again; if it happens again, something changes bytes between here and the bucket",
            ))
    }
}

/// The binary as it is when its hash job is through with it.
async fn proving_ended(client: &Client, mut binary: Binary) -> Result<Binary, Problem> {
    let view = |binary: &Binary| (binary.state, binary.meta.revision, binary.state_reason.clone());
    let mut standstill = Standstill::at(view(&binary));
    let mut pause = Duration::from_millis(20);
    while matches!(binary.state, BinaryState::Hashable | BinaryState::Hashing) {
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_POLL);
        binary = by_prn(client, &binary.meta.prn.to_string()).await?;
        let patience = client.network().retry.give_up_after();
        let patience = match &binary.state_reason {
            // It fails again and again.
            Some(_) => patience,
            None => patience + Duration::from_secs(binary.size / SLOWEST_PROOF),
        };
        let in_progress = matches!(binary.state, BinaryState::Hashable | BinaryState::Hashing);
        if standstill.look(view(&binary)) >= patience && in_progress {
            return Err(still_being_proved(&binary));
        }
    }
    Ok(binary)
}

fn still_being_proved(binary: &Binary) -> Problem {
    let why = match &binary.state_reason {
        Some(reason) => format!(", and does not get through: {reason}"),
        None => String::new(),
    };
    Problem::new(Code::Unavailable, format!("the upload is in the bucket, and still being proved{why}"))
        .with_hint(
            "the platform goes on by itself; the same command again waits for it, and sends nothing twice",
        )
}

fn clear_if_full(bar: &ProgressBar) {
    if bar.length().is_some_and(|length| bar.position() >= length) {
        bar.finish_and_clear();
    }
}

/// `hashable` → `hashing`, unless another push of the same file was quicker.
async fn start_hashing(client: &Client, binary: &Binary) -> Result<Binary, Problem> {
    let path = format!("/binaries/{}", binary.meta.prn);
    match client.patch(&path, &json!({ "state": BinaryState::Hashing })).await {
        Ok(answer) => client::object(answer, "binary"),
        Err(problem) if problem.code() == Code::StateForbids => {
            let now = by_prn(client, &binary.meta.prn.to_string()).await?;
            if now.state.is_proved() { Ok(now) } else { Err(problem) }
        }
        Err(problem) => Err(problem),
    }
}

async fn sign(client: &Client, binary: &Binary, signer: &Signer) -> Result<(), Problem> {
    let signature = signer.sign(binary.hash).await?;
    let body = CreateBinarySignature {
        binary_prn: Some(binary.meta.prn.to_string()),
        signature: Some(signature.to_string()),
        signing_key_keyid: Some(signer.public().keyid()),
        signing_key_prn: None,
    };
    let answer = client.post("/binary_signatures", &body).await;
    answer.map(drop).map_err(|problem| {
        if problem.field_errors().0.contains_key("signing_key_keyid") {
            problem.with_hint(format!(
                "tell the platform the key first: firmhold signing-key add NAME {}",
                signer.public().to_base64()
            ))
        } else {
            problem
        }
    })
}

impl Pushed {
    /// What was uploaded, for a person.
    pub fn sent_text(&self) -> String {
        let retries = match self.retries {
            0 => String::new(),
            retries => format!(", {retries} retries"),
        };
        match (self.parts_sent, self.parts_reused) {
            (0, _) => format!("nothing to upload{retries}"),
            (sent, 0) => format!("{sent} parts sent{retries}"),
            (sent, reused) => format!("{sent} parts sent, {reused} were there{retries}"),
        }
    }

    /// How it was, on one line.
    pub fn line(&self) -> Vec<String> {
        vec![
            self.target.clone(),
            self.state.to_string(),
            printer::bytes(self.size),
            self.sent_text(),
            self.prn.to_string(),
        ]
    }
}
