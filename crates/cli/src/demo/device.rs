//! A device: has a link, downloads, resumes, and believes nothing.

use std::path::{Path, PathBuf};

use firmhold_core::binary::HandedSignature;
use firmhold_core::{Digest, Problem, PublicKey};
use indicatif::ProgressBar;

use crate::download::{Download, Links};
use crate::draft::Draft;
use crate::network::Network;
use crate::pace::Pace;
use crate::trust::Trust;

/// A device that trusts one signing key.
pub struct Device {
    http: reqwest::Client,
    trust: Trust,
}

/// What a device is told of an update.
pub struct Update {
    /// The link.
    pub url: String,
    /// SHA-256 that the content must have.
    pub hash: Digest,
    /// Bytes that it must have.
    pub size: u64,
    /// Signatures over `hash`.
    pub signatures: Vec<HandedSignature>,
}

impl Device {
    /// One that was made to trust `key`.
    ///
    /// # Errors
    /// If there is no HTTP client.
    pub fn trusting(key: PublicKey) -> Result<Self, Problem> {
        Ok(Self { http: crate::http_client::build(None)?, trust: Trust::Keys(vec![key]) })
    }

    /// Downloads an update and verifies it; only then it has the name `target`. Says how often it had to resume.
    ///
    /// # Errors
    /// As a download's; a wrong digest or signature leaves no file.
    pub async fn install(&self, update: &Update, target: &Path) -> Result<u32, Problem> {
        self.trust.check(update.hash, &update.signatures)?;
        let draft = Draft::open(target, update.hash, update.size)?;
        // One request for the whole, as most devices do it.
        let download = Download {
            http: self.http.clone(),
            network: Network::default(),
            links: Links::Fixed(update.url.as_str().into()),
            pace: Pace::new(1),
            parallel: 1,
            size: update.size,
            digest: update.hash,
            bar: ProgressBar::hidden(),
        };
        let done = download.fill_draft(&draft).await.inspect_err(|_| draft.discard())?;
        draft.finish()?;
        Ok(done.resumes)
    }

    /// The status that a link answers with.
    ///
    /// # Errors
    /// If nothing answers.
    pub async fn status(&self, url: &str) -> Result<u16, Problem> {
        let response = self.http.get(url).send().await.map_err(Problem::internal)?;
        Ok(response.status().as_u16())
    }

    /// Whether a file has the name `target`.
    pub fn has(target: &Path) -> bool {
        target.exists()
    }

    /// SHA-256 of a file that was installed.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn digest_of(path: PathBuf) -> Result<Digest, Problem> {
        let read = tokio::task::spawn_blocking(move || crate::local_file::digest_of(&path));
        read.await.map_err(Problem::internal)?.map_err(Problem::internal)
    }
}
