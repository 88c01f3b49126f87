//! One binary into one file: trusted, downloaded, verified, and only then named.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use firmhold_core::{Binary, Code, Digest, Prn, Problem};
use firmhold_store::failpoint;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::client::Client;
use crate::download::{Download, Downloaded, Links};
use crate::draft::Draft;
use crate::local_file;
use crate::pace::Pace;
use crate::trust::Trust;

/// What is printed of a pulled file.
#[derive(Serialize)]
pub struct Pulled {
    /// The binary.
    pub prn: Prn,
    /// Where it was written.
    pub file: String,
    /// What it runs on.
    pub target: String,
    /// SHA-256, verified.
    pub hash: Digest,
    /// Bytes.
    pub size: u64,
    /// The key whose signature was trusted.
    pub trusted_keyid: Option<String>,
    /// Times that it went on after a break.
    pub resumes: u32,
    /// Bytes that were there from an earlier run.
    pub reused: u64,
    /// From the link to the name.
    pub seconds: f64,
}

/// Pulls binaries.
pub struct Puller {
    /// The server.
    pub client: Client,
    /// Who may have signed.
    pub trust: Trust,
    /// How much is fetched at once.
    pub pace: Arc<Pace>,
    /// Ranges of one file at once.
    pub parallel: usize,
    /// What has arrived.
    pub bar: ProgressBar,
}

impl Puller {
    /// Pulls `binary` into the file `output`.
    ///
    /// # Errors
    /// As the API's; [`Code::DigestMismatch`] and [`Code::UntrustedSignature`], after which no file has the name.
    pub async fn pull(&self, binary: &Binary, output: &Path) -> Result<Pulled, Problem> {
        let begun = Instant::now();
        // INVARIANT: no byte is fetched for a file that could not be trusted when it is whole.
        let trusted_keyid = self.trust.check(binary.hash, &binary.signatures)?;
        let downloaded = if is_there(output, binary).await? {
            self.bar.inc(binary.size);
            Downloaded { resumes: 0, reused: binary.size }
        } else {
            self.fetch(binary, output).await?
        };
        Ok(Pulled {
            prn: binary.meta.prn,
            file: output.display().to_string(),
            target: binary.target.clone(),
            hash: binary.hash,
            size: binary.size,
            trusted_keyid,
            resumes: downloaded.resumes,
            reused: downloaded.reused,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    async fn fetch(&self, binary: &Binary, output: &Path) -> Result<Downloaded, Problem> {
        let links = Links::to(&self.client, binary.meta.prn.to_string());
        // Whether there is one, before anything is written.
        links.url().await?;
        let draft = Draft::open(output, binary.hash, binary.size)?;
        failpoint::PULL_DRAFT_OPENED.reach();
        let download = Download {
            http: self.client.http().clone(),
            network: self.client.network().clone(),
            links,
            pace: Arc::clone(&self.pace),
            parallel: self.parallel,
            size: binary.size,
            digest: binary.hash,
            bar: self.bar.clone(),
        };
        let downloaded = download.fill_draft(&draft).await.inspect_err(|problem| {
            if problem.code() == Code::DigestMismatch {
                // What is wrong once would be found wrong by every later run.
                draft.discard();
            }
        })?;
        failpoint::PULL_VERIFIED.reach();
        // It waits for the disk.
        tokio::task::spawn_blocking(move || draft.finish()).await.map_err(Problem::internal)??;
        Ok(downloaded)
    }
}

/// Whether the file has the binary's content already.
async fn is_there(output: &Path, binary: &Binary) -> Result<bool, Problem> {
    let (path, size, digest) = (output.to_owned(), binary.size, binary.hash);
    let compare = move || {
        let Ok(metadata) = std::fs::metadata(&path) else { return false };
        metadata.is_file()
            && metadata.len() == size
            && local_file::digest_of(&path).is_ok_and(|found| found == digest)
    };
    tokio::task::spawn_blocking(compare).await.map_err(Problem::internal)
}
