//! `firmhold push`: firmware files, straight into the bucket, proved and signed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use firmhold_core::{BinaryState, Code, Problem};
use firmhold_store::plan::PartPlan;
use futures::StreamExt as _;
use serde::Serialize;

use super::{Outcome, Session};
use crate::catalogue::Names;
use crate::name_pattern::NamePattern;
use crate::network::{Network, NetworkArgs};
use crate::pace::Pace;
use crate::printer::{self, Tone, toned};
use crate::progress;
use crate::pusher::{Item, Pushed, Pusher};
use crate::quantity;
use crate::signer::{Signer, SignerArgs};
use crate::source_file::SourceFile;

/// Files that are on their way at once; most of their time they wait.
const FILES_AT_ONCE: usize = 16;
/// What another run does.
const AGAIN: &str = "The same command again goes on where this one stopped.";

/// Upload firmware files straight into the bucket, prove and sign them
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold push gateway.img --artifact gateway --version 2.1.0 --target imx8 --sign-key release.pem\n  \
    firmhold push gateway.img --artifact gateway --version 2.1.0 --target imx8 --json\n  \
    firmhold push out/*.img --artifact gateway --version 2.1.0 --target-from 'gateway-{target}.img'\n\n\
    An interrupted push goes on where it was, also from another machine: run it again.")]
pub struct Push {
    /// The file; several with --target-from
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
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
    /// What each file runs on, by its name: a pattern such as 'gateway-{target}.img', or '{target}' for the whole name
    #[arg(long, value_name = "PATTERN", conflicts_with = "target")]
    pub target_from: Option<NamePattern>,
    /// A description for the binary
    #[arg(long)]
    pub description: Option<String>,
    /// The backend to put it in, by name [default: the organization's]
    #[arg(long)]
    pub backend: Option<String>,
    /// Bytes of a part, from 5MiB to 5GiB [default: 8MiB, more for files over 78 GiB]
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub part_size: Option<u64>,
    /// Parts to send at once, at most; fewer while the store asks to slow down
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub parallel: u8,
    /// How to sign
    #[command(flatten)]
    pub signer: SignerArgs,
    /// How patiently
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// What a push of several files did.
#[derive(Debug, Serialize)]
struct PushedAll {
    /// Each file, in the order of the command line.
    pushed: Vec<Pushed>,
    /// Bytes of all.
    size: u64,
    /// Parts that this run sent.
    parts_sent: u64,
    /// Parts that the bucket had from an earlier run.
    parts_reused: u64,
    /// Requests that were repeated.
    retries: u32,
    /// From the first read to the end.
    seconds: f64,
}

impl Push {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's and the store's; [`Code::ChangedWhileRead`].
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let unsigned = match &self.target_from {
            None => {
                let pushed = self.push(session).await?;
                session.printer.result(&pushed, describe);
                pushed.state == BinaryState::Signable
            }
            Some(pattern) => {
                let all = self.push_all(session, pattern).await?;
                session.printer.result(&all, describe_all);
                all.pushed.iter().any(|pushed| pushed.state == BinaryState::Signable)
            }
        };
        if unsigned {
            session.printer.note("Not signed yet: devices are offered signed binaries only (--sign-key).");
        }
        Ok(Outcome::Done)
    }

    /// Pushes the one file.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn push(&self, session: &Session<'_>) -> Result<Pushed, Problem> {
        let [file] = self.files.as_slice() else {
            return Err(Problem::new(Code::Usage, "several files cannot all run on the same target")
                .with_hint("--target-from 'gateway-{target}.img' reads it from each file's name"));
        };
        // All that can be wrong on this side first: it costs nothing yet.
        let signer = Signer::from_args(&self.signer)?;
        let item = self.item(file, self.target.clone())?;
        let size = item.source.size();
        let mut pusher = self.pusher(session, signer, size);
        pusher.alone = true;
        pusher.hashing = progress::bytes(session.printer, "hashing", size);
        let pushed = pusher.push(&item).await;
        pusher.sending.finish_and_clear();
        pushed
    }

    async fn push_all(&self, session: &Session<'_>, pattern: &NamePattern) -> Result<PushedAll, Problem> {
        let begun = Instant::now();
        let signer = Signer::from_args(&self.signer)?;
        let items = self.items(pattern)?;
        let size = items.iter().map(|item| item.source.size()).sum();
        let pusher = &self.pusher(session, signer, size);
        let pushes = items.iter().map(|item| async move {
            let named = |problem: Problem| problem.and(format!(" ({})", item.source.path().display()));
            pusher.push(item).await.map_err(named)
        });
        let mut pushing = futures::stream::iter(pushes).buffered(FILES_AT_ONCE);
        let mut pushed = Vec::with_capacity(items.len());
        while let Some(result) = pushing.next().await {
            pushed.push(result?);
        }
        pusher.sending.finish_and_clear();
        Ok(PushedAll {
            size,
            parts_sent: pushed.iter().map(|pushed| pushed.parts_sent).sum(),
            parts_reused: pushed.iter().map(|pushed| pushed.parts_reused).sum(),
            retries: pushed.iter().map(|pushed| pushed.retries).sum(),
            seconds: begun.elapsed().as_secs_f64(),
            pushed,
        })
    }

    fn pusher<'a>(&'a self, session: &Session<'a>, signer: Option<Signer>, size: u64) -> Pusher<'a> {
        let client = session.client.with_network(Network::of(&self.network, AGAIN));
        let names = Names {
            artifact: &self.artifact,
            product: self.product.as_deref(),
            version: &self.version,
            description: self.description.as_deref(),
        };
        let mut pusher = Pusher::new(client, session.printer, names, Pace::new(usize::from(self.parallel)));
        pusher.backend = self.backend.as_deref();
        pusher.signer = signer;
        pusher.part_size = self.part_size;
        pusher.sending = progress::bytes(session.printer, "sending", size);
        pusher
    }

    /// The files and their targets; all of them can be read, and no two run on the same.
    fn items(&self, pattern: &NamePattern) -> Result<Vec<Item>, Problem> {
        let mut seen: HashMap<String, &Path> = HashMap::new();
        let mut items = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let target = pattern.target_of(name).ok_or_else(|| {
                let detail = format!("the name of {} does not fit --target-from", file.display());
                Problem::new(Code::Usage, detail)
            })?;
            if let Some(other) = seen.insert(target.to_owned(), file) {
                let (one, two) = (other.display(), file.display());
                let detail = format!("{one} and {two} would both run on {target}");
                return Err(Problem::new(Code::Usage, detail));
            }
            items.push(self.item(file, target.to_owned())?);
        }
        Ok(items)
    }

    fn item(&self, file: &Path, target: String) -> Result<Item, Problem> {
        let source = SourceFile::open(file)?;
        let plan = plan(source.size(), self.part_size)?;
        Ok(Item { source, plan, target })
    }
}

fn plan(size: u64, part_size: Option<u64>) -> Result<PartPlan, Problem> {
    let usage = |detail: String, hint: String| Problem::new(Code::Usage, detail).with_hint(hint);
    match part_size {
        None => PartPlan::new(size).ok_or_else(|| {
            let detail = format!("{} are more than an upload can have", printer::bytes(size));
            usage(detail, "10,000 parts of 5 GiB are the most that S3 takes".to_owned())
        }),
        Some(part_size) => PartPlan::with_part_size(size, part_size).ok_or_else(|| {
            let detail = format!("parts of {} do not do", printer::bytes(part_size));
            let least = size.div_ceil(u64::from(firmhold_core::binary_part::MAX_PARTS));
            let least = least.div_ceil(1 << 20).max(5);
            usage(detail, format!("for this file a part has {least} MiB to 5 GiB: S3 takes 10,000 parts"))
        }),
    }
}

fn describe(pushed: &Pushed) -> String {
    let signed = match &pushed.signed_by {
        Some(keyid) => format!("signed by {keyid}"),
        None => pushed.state.to_string(),
    };
    format!(
        "{} {} in {:.1} s, {}\nsha256    {}\n{signed}\n{}",
        toned(Tone::Good, "pushed"),
        printer::bytes(pushed.size),
        pushed.seconds,
        pushed.sent_text(),
        pushed.hash,
        pushed.prn,
    )
}

fn describe_all(all: &PushedAll) -> String {
    let mut rows = vec![["target", "state", "size", "upload", "prn"].map(str::to_owned).to_vec()];
    rows.extend(all.pushed.iter().map(Pushed::line));
    format!(
        "{}{} {} files, {} in {:.1} s",
        printer::table(&rows),
        toned(Tone::Good, "pushed"),
        all.pushed.len(),
        printer::bytes(all.size),
        all.seconds
    )
}
