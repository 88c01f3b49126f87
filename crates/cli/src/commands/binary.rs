//! `firmhold binary`: list, show, verify, delete.

use clap::{Args, Subcommand};
use firmhold_core::{Artifact, ArtifactVersion, Binary, BinaryState, Code, Prn, PrnKind, Problem};
use serde::Serialize;

use super::{Outcome, Session};
use crate::client::{self, Client, quoted};
use crate::download::{Download, Links};
use crate::network::{Network, NetworkArgs};
use crate::pace::Pace;
use crate::printer::{self, Tone, toned};
use crate::progress;
use crate::trust::{Trust, TrustArgs};

/// Ranges that `verify` fetches at once.
const RANGES: usize = 4;

/// Binaries: list, show, verify, delete
#[derive(Subcommand)]
pub enum BinaryCommand {
    /// List binaries
    List(List),
    /// Show one binary
    Show(Show),
    /// Download a binary without keeping it, and verify its digest and signature
    Verify(Verify),
    /// Delete a binary that is not signed, or destroy one that is
    Delete(Delete),
}

/// Which binary: by PRN, or by artifact, version and target.
#[derive(Args, Debug, Clone)]
pub struct Which {
    /// The binary's PRN
    #[arg(value_name = "PRN", required_unless_present_all = ["artifact", "version"])]
    prn: Option<String>,
    /// The artifact's name
    #[arg(long, conflicts_with = "prn", requires = "version")]
    artifact: Option<String>,
    /// The version
    #[arg(long, conflicts_with = "prn", requires = "artifact")]
    version: Option<String>,
    /// The target; may be left out where the version has one only
    #[arg(long, conflicts_with = "prn")]
    target: Option<String>,
}

impl Which {
    /// The binary that is meant.
    ///
    /// # Errors
    /// [`Code::NotFound`], or [`Code::Usage`] if several could be meant.
    pub async fn find(&self, client: &Client) -> Result<Binary, Problem> {
        match (&self.prn, &self.artifact, &self.version) {
            (Some(prn), _, _) => by_prn(client, prn).await,
            (None, Some(artifact), Some(version)) => {
                by_names(client, artifact, version, self.target.as_deref()).await
            }
            _ => Err(Problem::new(Code::Usage, "name a binary by PRN, or by --artifact and --version")),
        }
    }

    /// All binaries of the version that is meant, or those for the target.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is none; [`Code::Usage`] without a version.
    pub async fn find_all(&self, client: &Client) -> Result<Vec<Binary>, Problem> {
        let (Some(artifact), Some(version)) = (&self.artifact, &self.version) else {
            return Err(Problem::new(Code::Usage, "name a version by --artifact and --version"));
        };
        let found = all_by_names(client, artifact, version, self.target.as_deref()).await?;
        if found.is_empty() {
            return Err(Problem::new(Code::NotFound, format!("no binary of {artifact} {version}")));
        }
        Ok(found)
    }
}

/// The binary called `prn`.
///
/// # Errors
/// As the API's; [`Code::Usage`] if it is no binary's PRN.
pub async fn by_prn(client: &Client, prn: &str) -> Result<Binary, Problem> {
    let prn = prn
        .parse::<Prn>()
        .ok()
        .and_then(|prn| prn.of_kind(PrnKind::Binary))
        .ok_or_else(|| Problem::new(Code::Usage, format!("{prn:?} is not the PRN of a binary")))?;
    client::object(client.get(&format!("/binaries/{prn}"), &[]).await?, "binary")
}

async fn by_names(
    client: &Client,
    artifact: &str,
    version: &str,
    target: Option<&str>,
) -> Result<Binary, Problem> {
    let named = format!("{artifact} {version}{}", target.map(|t| format!(" for {t}")).unwrap_or_default());
    let mut found = all_by_names(client, artifact, version, target).await?;
    match (found.pop(), found.is_empty()) {
        (Some(binary), true) => Ok(binary),
        (None, _) => Err(Problem::new(Code::NotFound, format!("no binary of {named}"))),
        (Some(_), false) => Err(Problem::new(Code::Usage, format!("several binaries of {named}"))
            .with_hint("add --target, or name it by PRN; `firmhold binary list` shows them")),
    }
}

async fn all_by_names(
    client: &Client,
    artifact: &str,
    version: &str,
    target: Option<&str>,
) -> Result<Vec<Binary>, Problem> {
    let artifacts: Vec<Artifact> =
        client.list("artifacts", Some(&format!("name:{}", quoted(artifact)))).await?;
    let mut found = Vec::new();
    for artifact in artifacts {
        let search = format!(
            "artifact_prn:{} and version:{}",
            quoted(&artifact.meta.prn.to_string()),
            quoted(version)
        );
        let versions: Vec<ArtifactVersion> = client.list("artifact_versions", Some(&search)).await?;
        for version in versions {
            found.extend(of_version(client, version.meta.prn).await?);
        }
    }
    found.retain(|binary| target.is_none_or(|target| binary.target == target));
    Ok(found)
}

/// The binaries of a version that are not destroyed.
///
/// # Errors
/// As the API's.
pub async fn of_version(client: &Client, version: Prn) -> Result<Vec<Binary>, Problem> {
    let search = format!("artifact_version_prn:{}", quoted(&version.to_string()));
    let mut binaries: Vec<Binary> = client.list("binaries", Some(&search)).await?;
    binaries.retain(|binary| binary.state != BinaryState::Destroyed);
    Ok(binaries)
}

/// List binaries
#[derive(Args)]
#[command(after_help = "Example: firmhold binary list --search \"target:'imx8' and state:'signed'\"")]
pub struct List {
    /// Clauses of the API's search language
    #[arg(long)]
    search: Option<String>,
}

/// Show one binary
#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    binary: Which,
}

/// Download a binary without keeping it, and verify its digest and signature
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    binary: Which,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

/// Delete a binary that is not signed, or destroy one that is
#[derive(Args)]
pub struct Delete {
    #[command(flatten)]
    binary: Which,
    /// Also destroy a binary that is signed: its content is deleted, its record stays
    #[arg(long)]
    destroy: bool,
}

/// What is printed of a verified binary.
#[derive(Serialize)]
struct Verified {
    prn: Prn,
    hash: firmhold_core::Digest,
    size: u64,
    trusted_keyid: Option<String>,
}

impl BinaryCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        match self {
            Self::List(list) => list.run(session).await,
            Self::Show(show) => show.run(session).await,
            Self::Verify(verify) => verify.run(session).await,
            Self::Delete(delete) => delete.run(session).await,
        }
    }
}

impl List {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let binaries: Vec<Binary> = session.client.list("binaries", self.search.as_deref()).await?;
        session.printer.result(&binaries, |binaries| {
            let mut rows =
                vec![["target", "state", "content", "size", "sha256", "prn"].map(str::to_owned).to_vec()];
            rows.extend(binaries.iter().map(|binary| {
                let hash = binary.hash.to_hex();
                vec![
                    binary.target.clone(),
                    state(binary.state),
                    binary.content_state.to_string(),
                    printer::bytes(binary.size),
                    hash.get(..12).unwrap_or_default().to_owned(),
                    binary.meta.prn.to_string(),
                ]
            }));
            printer::table(&rows)
        });
        Ok(Outcome::Done)
    }
}

fn state(state: BinaryState) -> String {
    let tone = match state {
        BinaryState::Signed => Tone::Good,
        BinaryState::Destroyed => Tone::Dim,
        _ => Tone::Warn,
    };
    toned(tone, state.as_str())
}

impl Show {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let binary = self.binary.find(&session.client).await?;
        session.printer.result(&binary, describe);
        Ok(Outcome::Done)
    }
}

fn describe(binary: &Binary) -> String {
    let mut rows = vec![
        ("prn", binary.meta.prn.to_string()),
        ("target", binary.target.clone()),
        ("state", state(binary.state)),
        ("content", binary.content_state.to_string()),
        ("sha256", binary.hash.to_hex()),
        ("size", format!("{} ({} bytes)", printer::bytes(binary.size), binary.size)),
        ("backend", binary.backend_prn.to_string()),
    ];
    if let Some(reason) = &binary.state_reason {
        rows.push(("reason", toned(Tone::Bad, reason)));
    }
    rows.extend(binary.signatures.iter().map(|signature| ("signed by", signature.keyid.clone())));
    rows.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
}

impl Verify {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let trust = Trust::resolve(&self.trust, &session.profile)?;
        let network = Network::of(&self.network, "The same command again begins anew.");
        let client = session.client.with_network(network);
        let binary = self.binary.find(&client).await?;
        let trusted_keyid = trust.check(binary.hash, &binary.signatures)?;
        let bar = progress::bytes(session.printer, "verifying", binary.size);
        let sink = tempfile::tempfile().map_err(|error| {
            Problem::new(Code::LocalFile, "cannot make a temporary file").caused_by(error)
        })?;
        let download = Download {
            http: client.http().clone(),
            network: client.network().clone(),
            links: Links::to(&client, binary.meta.prn.to_string()),
            pace: Pace::new(RANGES),
            parallel: RANGES,
            size: binary.size,
            digest: binary.hash,
            bar: bar.clone(),
        };
        download.fill_file(sink).await?;
        bar.finish_and_clear();
        let verified = Verified { prn: binary.meta.prn, hash: binary.hash, size: binary.size, trusted_keyid };
        session.printer.result(&verified, |verified| {
            let signed = verified
                .trusted_keyid
                .as_deref()
                .map(|keyid| format!(", signed by {keyid}"))
                .unwrap_or_default();
            format!("{} the bytes have SHA-256 {}{signed}", toned(Tone::Good, "ok"), verified.hash)
        });
        Ok(Outcome::Done)
    }
}

impl Delete {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let binary = self.binary.find(&session.client).await?;
        let path = format!("/binaries/{}", binary.meta.prn);
        if binary.state != BinaryState::Signed {
            session.client.delete(&path).await?;
            session
                .printer
                .result(&serde_json::json!({ "deleted": binary.meta.prn }), |_| "Deleted.".to_owned());
            return Ok(Outcome::Done);
        }
        if !self.destroy {
            return Err(Problem::new(
                Code::StateForbids,
                "the binary is signed: devices may be downloading it",
            )
            .with_hint("--destroy deletes its content for good and keeps its record"));
        }
        let answer = session.client.patch(&path, &serde_json::json!({ "state": "destroyed" })).await?;
        let destroyed: Binary = client::object(answer, "binary")?;
        session
            .printer
            .result(&destroyed, |binary| format!("Destroyed; its content is {}.", binary.content_state));
        Ok(Outcome::Done)
    }
}
