//! `firmhold pull`: download, verify, and only then give the file its name.

use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Code, Digest, Prn, Problem};
use firmhold_store::failpoint;
use serde::Serialize;

use super::binary::Which;
use super::{Outcome, Session, link};
use crate::download::download;
use crate::local_file::Draft;
use crate::printer;
use crate::progress;
use crate::trust::{Trust, TrustArgs};

/// Download a firmware file and verify it before it gets its name
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold pull --artifact gateway --version 2.1.0 --target imx8 -o gateway.img --trust release.pub.pem\n  \
    firmhold pull prn:1:…:binary:… -o gateway.img\n\n\
    An interrupted pull goes on where it was. Without --trust (or `trust` in the profile) the server's word is taken\n\
    for which keys may sign.")]
pub struct Pull {
    #[command(flatten)]
    binary: Which,
    /// Where to write it
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

/// What is printed of a pulled file.
#[derive(Serialize)]
struct Pulled {
    prn: Prn,
    file: String,
    hash: Digest,
    size: u64,
    trusted_keyid: Option<String>,
    resumes: u32,
}

impl Pull {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's; [`Code::DigestMismatch`] and [`Code::UntrustedSignature`], after which no file has the name.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let trust = Trust::resolve(&self.trust, &session.profile)?;
        let binary = self.binary.find(&session.client).await?;
        // INVARIANT: no byte is fetched for a file that could not be trusted when it is whole.
        let trusted_keyid = trust.check(binary.hash, &binary.signatures)?;
        let link = link::make(session, &binary.meta.prn.to_string()).await?;
        let draft = Draft::of(&self.output, &binary.hash.to_hex())?;
        let mut file = draft.open()?;
        failpoint::PULL_DRAFT_OPENED.reach();
        let bar = progress::bytes(session.printer, "pulling", binary.size);
        let http = session.client.http();
        let result = download(http, &link.download_url, binary.size, binary.hash, &mut file, &bar).await;
        bar.finish_and_clear();
        if matches!(&result, Err(problem) if problem.code() == Code::DigestMismatch) {
            // What is wrong once would be found wrong by every later run.
            draft.discard();
        }
        let downloaded = result?;
        failpoint::PULL_VERIFIED.reach();
        draft.finish(&file)?;
        if matches!(trust, Trust::Server) {
            session
                .printer
                .warning("the server's word was taken for which keys may sign; pin one with --trust");
        }
        let pulled = Pulled {
            prn: binary.meta.prn,
            file: self.output.display().to_string(),
            hash: binary.hash,
            size: binary.size,
            trusted_keyid,
            resumes: downloaded.resumes,
        };
        session.printer.result(&pulled, |pulled| {
            let signed = pulled
                .trusted_keyid
                .as_deref()
                .map(|keyid| format!("\nsigned by {keyid}"))
                .unwrap_or_default();
            format!("{}  {}  {}{signed}", pulled.file, printer::bytes(pulled.size), pulled.hash)
        });
        Ok(Outcome::Done)
    }
}
