//! `firmhold push`: a firmware file, straight into the bucket, proved and signed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use firmhold_core::signature::CreateBinarySignature;
use firmhold_core::{Binary, BinaryPart, BinarySignature, BinaryState, Code, Digest, Prn, Problem};
use firmhold_store::failpoint;
use serde::Serialize;
use serde_json::json;

use super::{Outcome, Session};
use crate::catalogue::{self, Names};
use crate::client;
use crate::file_digest::{self, FileDigest, FilePart};
use crate::part_sender::PartSender;
use crate::printer::{self, Tone, toned};
use crate::progress;
use crate::signer::{Signer, SignerArgs};

/// Longest pause between two looks at a binary that is being hashed.
const LONGEST_POLL: Duration = Duration::from_secs(2);

/// Upload a firmware file straight into the bucket, prove it and sign it
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold push gateway.img --artifact gateway --version 2.1.0 --target imx8 --sign-key release.pem\n  \
    firmhold push gateway.img --artifact gateway --version 2.1.0 --target imx8 --json\n\n\
    An interrupted push goes on where it was: run it again.")]
pub struct Push {
    /// The file
    pub file: PathBuf,
    /// The artifact's name; made if there is none
    #[arg(long)]
    pub artifact: String,
    /// The product that the artifact is in, by name; if the artifact is made, it is made there
    #[arg(long, value_name = "NAME")]
    pub product: Option<String>,
    /// The version; made if there is none
    #[arg(long)]
    pub version: String,
    /// What it runs on
    #[arg(long, default_value = "portable")]
    pub target: String,
    /// A description for the binary
    #[arg(long)]
    pub description: Option<String>,
    /// The backend to put it in, by name [default: the organization's]
    #[arg(long)]
    pub backend: Option<String>,
    /// Parts to send at once
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub parallel: u8,
    /// How to sign
    #[command(flatten)]
    pub signer: SignerArgs,
}

/// What a push did.
#[derive(Debug, Serialize)]
pub struct Pushed {
    /// The binary.
    pub prn: Prn,
    /// Its artifact version.
    pub artifact_version_prn: Prn,
    /// SHA-256 of the file.
    pub hash: Digest,
    /// Bytes.
    pub size: u64,
    /// Where the binary stands now.
    pub state: BinaryState,
    /// Parts that this run sent; 0 if all was there.
    pub parts_sent: u32,
    /// Id of the key that this run signed with.
    pub signed_by: Option<String>,
    /// From the first read to the end.
    pub seconds: f64,
}

impl Push {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's and the store's; [`Code::ChangedWhileRead`].
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let pushed = self.push(session).await?;
        session.printer.result(&pushed, describe);
        if pushed.state == BinaryState::Signable {
            session
                .printer
                .note("It is not signed yet: devices are offered signed binaries only (--sign-key).");
        }
        Ok(Outcome::Done)
    }

    /// Hashes, sends, waits for the proof, and signs; each step that was done before is left out.
    ///
    /// # Errors
    /// As the API's and the store's; [`Code::ChangedWhileRead`].
    pub async fn push(&self, session: &Session<'_>) -> Result<Pushed, Problem> {
        let begun = Instant::now();
        // All that can be wrong on this side first: it costs nothing yet.
        let signer = Signer::from_args(&self.signer)?;
        let file = self.read_file(session).await?;
        failpoint::PUSH_HASHED.reach();
        let names = Names {
            artifact: &self.artifact,
            product: self.product.as_deref(),
            version: &self.version,
            target: &self.target,
            backend: self.backend.as_deref(),
            description: self.description.as_deref(),
        };
        let organization = session.client.organization().await?;
        let artifact = catalogue::artifact(&session.client, organization, &names).await?;
        let version = catalogue::artifact_version(&session.client, artifact, names.version).await?;
        let mut binary = catalogue::binary(&session.client, version, &names, &file).await?;
        failpoint::PUSH_CREATED.reach();
        let mut parts_sent = 0;
        if binary.state == BinaryState::Uploadable {
            match self.upload(session, &binary, &file).await {
                Ok(sent) => {
                    parts_sent = sent;
                    failpoint::PUSH_BEFORE_COMPLETE.reach();
                    binary = advance(session, &binary, BinaryState::Hashable).await?;
                    failpoint::PUSH_COMPLETED.reach();
                }
                Err(problem) => binary = further_on(session, &binary, problem).await?,
            }
        }
        if binary.state == BinaryState::Hashable {
            binary = advance(session, &binary, BinaryState::Hashing).await?;
            failpoint::PUSH_PROVING.reach();
        }
        let mut binary = proved(session, binary).await?;
        let mut signed_by = None;
        if let Some(signer) = &signer {
            failpoint::PUSH_BEFORE_SIGN.reach();
            sign(session, &binary, signer).await?;
            failpoint::PUSH_SIGNED.reach();
            binary = super::binary::by_prn(&session.client, &binary.meta.prn.to_string()).await?;
            signed_by = Some(signer.public().keyid());
        }
        Ok(Pushed {
            prn: binary.meta.prn,
            artifact_version_prn: version,
            hash: file.digest,
            size: file.size,
            state: binary.state,
            parts_sent,
            signed_by,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    async fn read_file(&self, session: &Session<'_>) -> Result<FileDigest, Problem> {
        let (file, size) = file_digest::open(&self.file)?;
        let bar = progress::bytes(session.printer, "hashing", size);
        let reader = bar.clone();
        let read = tokio::task::spawn_blocking(move || file_digest::read(&file, size, &reader));
        let digest = read.await.map_err(Problem::internal)?;
        bar.finish_and_clear();
        digest
    }

    /// Sends the parts that the bucket does not have yet; says how many those were.
    async fn upload(
        &self,
        session: &Session<'_>,
        binary: &Binary,
        file: &FileDigest,
    ) -> Result<u32, Problem> {
        let stored = stored_parts(session, binary).await?;
        let missing: Vec<FilePart> =
            file.parts.iter().filter(|part| !is_stored(&stored, part)).copied().collect();
        let there: u64 = file.size - missing.iter().map(|part| part.size).sum::<u64>();
        let bar = progress::bytes(session.printer, "sending", file.size);
        bar.set_position(there);
        let count = u32::try_from(missing.len()).unwrap_or(u32::MAX);
        let sender = PartSender::new(session.client.clone(), binary.clone(), &self.file, bar.clone());
        sender.send_all(missing, usize::from(self.parallel)).await?;
        bar.finish_and_clear();
        Ok(count)
    }
}

/// The parts that the bucket has, as the platform sees them there.
async fn stored_parts(session: &Session<'_>, binary: &Binary) -> Result<Vec<BinaryPart>, Problem> {
    let answer = session.client.get(&format!("/binaries/{}/parts", binary.meta.prn), &[]).await?;
    client::object(answer, "binary_parts")
}

fn is_stored(stored: &[BinaryPart], part: &FilePart) -> bool {
    stored.iter().any(|stored| {
        stored.index == part.index
            && stored.hash == part.digest
            && stored.size == part.size
            && stored.state == firmhold_core::binary_part::PartState::Valid
    })
}

/// Asks for the next state.
async fn advance(session: &Session<'_>, binary: &Binary, to: BinaryState) -> Result<Binary, Problem> {
    let path = format!("/binaries/{}", binary.meta.prn);
    match session.client.patch(&path, &json!({ "state": to })).await {
        Ok(answer) => client::object(answer, "binary"),
        Err(problem) => further_on(session, binary, problem).await,
    }
}

/// The binary as it is now, if the problem is only that another push of the same file was quicker.
async fn further_on(session: &Session<'_>, binary: &Binary, problem: Problem) -> Result<Binary, Problem> {
    if problem.code() != Code::StateForbids {
        return Err(problem);
    }
    let now = super::binary::by_prn(&session.client, &binary.meta.prn.to_string()).await?;
    if now.state == BinaryState::Uploadable || now.state == binary.state { Err(problem) } else { Ok(now) }
}

/// Waits until the platform has read the object back and found it to be what was promised.
async fn proved(session: &Session<'_>, mut binary: Binary) -> Result<Binary, Problem> {
    let spinner = progress::wait(session.printer, "proving");
    let mut pause = Duration::from_millis(50);
    while matches!(binary.state, BinaryState::Hashable | BinaryState::Hashing) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_POLL);
        binary = super::binary::by_prn(&session.client, &binary.meta.prn.to_string()).await?;
    }
    spinner.finish_and_clear();
    if binary.state.is_proved() {
        return Ok(binary);
    }
    let reason = binary.state_reason.unwrap_or_else(|| format!("it is {}", binary.state));
    Err(Problem::new(Code::DigestMismatch, format!("the bucket does not hold what was sent: {reason}"))
        .with_hint("push again; if it happens again, something changes bytes between here and the bucket"))
}

async fn sign(session: &Session<'_>, binary: &Binary, signer: &Signer) -> Result<BinarySignature, Problem> {
    let signature = signer.sign(binary.hash).await?;
    let body = CreateBinarySignature {
        binary_prn: Some(binary.meta.prn.to_string()),
        signature: Some(signature.to_string()),
        signing_key_keyid: Some(signer.public().keyid()),
        signing_key_prn: None,
    };
    let answer = session.client.post("/binary_signatures", &body).await.map_err(|problem| {
        if problem.field_errors().0.contains_key("signing_key_keyid") {
            problem.with_hint(format!(
                "tell the platform the key first: firmhold signing-key add NAME {}",
                signer.public().to_base64()
            ))
        } else {
            problem
        }
    })?;
    client::object(answer, "binary_signature")
}

fn describe(pushed: &Pushed) -> String {
    let signed = match &pushed.signed_by {
        Some(keyid) => format!("signed by {keyid}"),
        None => pushed.state.to_string(),
    };
    let sent = if pushed.parts_sent == 0 {
        "nothing to upload".to_owned()
    } else {
        format!("{} parts sent", pushed.parts_sent)
    };
    format!(
        "{} {} in {:.1} s, {sent}\nsha256    {}\n{signed}\n{}",
        toned(Tone::Good, "pushed"),
        printer::bytes(pushed.size),
        pushed.seconds,
        pushed.hash,
        pushed.prn,
    )
}
