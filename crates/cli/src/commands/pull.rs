//! `firmhold pull`: download, verify, and only then give the file its name.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use firmhold_core::{Binary, Code, Problem};
use futures::StreamExt as _;
use indicatif::ProgressBar;
use serde::Serialize;

use super::binary::Which;
use super::{Outcome, Session};
use crate::draft;
use crate::local_file::folder_of;
use crate::name_pattern::NamePattern;
use crate::network::{Network, NetworkArgs};
use crate::pace::Pace;
use crate::printer::{self, Tone, toned};
use crate::progress;
use crate::puller::{Pulled, Puller};
use crate::trust::{Trust, TrustArgs};

/// Files that are on their way at once.
const FILES_AT_ONCE: usize = 16;
/// What another run does.
const AGAIN: &str = "The same command again goes on where this one stopped.";

/// Download firmware files and verify them before they get their names
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold pull --artifact gateway --version 2.1.0 --target imx8 -o gateway.img --trust release.pub.pem\n  \
    firmhold pull prn:1:…:binary:… -o gateway.img\n  \
    firmhold pull --artifact gateway --version 2.1.0 --into out --name 'gateway-{target}.img'\n\n\
    An interrupted pull goes on where it was. Without --trust (or `trust` in the profile) the server's word is taken\n\
    for which keys may sign.")]
pub struct Pull {
    #[command(flatten)]
    binary: Which,
    /// Where to write it
    #[arg(long, short, value_name = "FILE", required_unless_present = "into")]
    output: Option<PathBuf>,
    /// Write all binaries of the version into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "prn"])]
    into: Option<PathBuf>,
    /// What the files in --into are called
    #[arg(long, value_name = "PATTERN", default_value = "{target}", requires = "into")]
    name: NamePattern,
    /// Ranges to fetch at once, at most; fewer while the store asks to slow down
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    parallel: u8,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

/// What is printed of several pulled files.
#[derive(Serialize)]
struct PulledAll {
    pulled: Vec<Pulled>,
    size: u64,
    reused: u64,
    resumes: u32,
    seconds: f64,
}

impl Pull {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's; [`Code::DigestMismatch`] and [`Code::UntrustedSignature`], after which no file has the name.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let trust = Trust::resolve(&self.trust, &session.profile)?;
        let mut puller = Puller {
            client: session.client.with_network(Network::of(&self.network, AGAIN)),
            trust,
            pace: Pace::new(usize::from(self.parallel)),
            parallel: usize::from(self.parallel),
            bar: ProgressBar::hidden(),
        };
        match (&self.output, &self.into) {
            (Some(output), _) => self.one(session, &mut puller, output).await?,
            (None, Some(folder)) => self.all(session, &mut puller, folder).await?,
            (None, None) => return Err(Problem::new(Code::Usage, "--output or --into says where to")),
        }
        if matches!(puller.trust, Trust::Server) {
            session
                .printer
                .warning("the server's word was taken for which keys may sign; pin one with --trust");
        }
        Ok(Outcome::Done)
    }

    async fn one(&self, session: &Session<'_>, puller: &mut Puller, output: &Path) -> Result<(), Problem> {
        let binary = self.binary.find(&puller.client).await?;
        drop_superseded(folder_of(output), [(&binary, output)]);
        puller.bar = progress::bytes(session.printer, "pulling", binary.size);
        let pulled = puller.pull(&binary, output).await;
        puller.bar.finish_and_clear();
        session.printer.result(&pulled?, |pulled| {
            let signed = pulled
                .trusted_keyid
                .as_deref()
                .map(|keyid| format!("\nsigned by {keyid}"))
                .unwrap_or_default();
            format!("{}  {}  {}{signed}", pulled.file, printer::bytes(pulled.size), pulled.hash)
        });
        Ok(())
    }

    async fn all(&self, session: &Session<'_>, puller: &mut Puller, folder: &Path) -> Result<(), Problem> {
        let begun = Instant::now();
        let files = self.files(session, puller, folder).await?;
        drop_superseded(folder, files.iter().map(|(binary, path)| (binary, path.as_path())));
        let size = files.iter().map(|(binary, _)| binary.size).sum();
        puller.bar = progress::bytes(session.printer, "pulling", size);
        let puller = Arc::new(&*puller);
        let pulls = files.iter().map(|(binary, path)| {
            let puller = Arc::clone(&puller);
            async move {
                let named = |problem: Problem| problem.and(format!(" ({})", path.display()));
                puller.pull(binary, path).await.map_err(named)
            }
        });
        let mut pulling = futures::stream::iter(pulls).buffered(FILES_AT_ONCE);
        let mut pulled = Vec::with_capacity(files.len());
        while let Some(result) = pulling.next().await {
            pulled.push(result?);
        }
        puller.bar.finish_and_clear();
        let all = PulledAll {
            size,
            reused: pulled.iter().map(|pulled| pulled.reused).sum(),
            resumes: pulled.iter().map(|pulled| pulled.resumes).sum(),
            seconds: begun.elapsed().as_secs_f64(),
            pulled,
        };
        session.printer.result(&all, describe_all);
        Ok(())
    }

    /// The binaries of the version and the names that they get. All are trusted, and all names are possible.
    async fn files(
        &self,
        session: &Session<'_>,
        puller: &Puller,
        folder: &Path,
    ) -> Result<Vec<(Binary, PathBuf)>, Problem> {
        let mut files = Vec::new();
        for binary in self.binary.find_all(&puller.client).await? {
            if !binary.state.is_proved() {
                let (target, state) = (&binary.target, binary.state);
                session.printer.warning(&format!("{target} is left out: it is {state}"));
                continue;
            }
            let name = self.name.name_for(&binary.target)?;
            puller
                .trust
                .check(binary.hash, &binary.signatures)
                .map_err(|problem| problem.and(format!(" ({})", binary.target)))?;
            files.push((binary, folder.join(name)));
        }
        std::fs::create_dir_all(folder).map_err(|error| {
            let why = crate::local_file::reason(&error);
            Problem::new(Code::LocalFile, format!("cannot make the folder {}: {why}", folder.display()))
        })?;
        Ok(files)
    }
}

/// Throws away what earlier pulls of other content to these names have left.
fn drop_superseded<'a>(folder: &Path, files: impl IntoIterator<Item = (&'a Binary, &'a Path)>) {
    let wanted = files
        .into_iter()
        .filter_map(|(binary, path)| Some((path.file_name()?.to_str()?.to_owned(), binary.hash)));
    draft::drop_superseded(folder, &wanted.collect());
}

fn describe_all(all: &PulledAll) -> String {
    let mut rows = vec![["file", "size", "sha256"].map(str::to_owned).to_vec()];
    rows.extend(
        all.pulled
            .iter()
            .map(|pulled| vec![pulled.file.clone(), printer::bytes(pulled.size), pulled.hash.to_hex()]),
    );
    format!(
        "{}{} {} files, {} in {:.1} s",
        printer::table(&rows),
        toned(Tone::Good, "pulled"),
        all.pulled.len(),
        printer::bytes(all.size),
        all.seconds
    )
}
