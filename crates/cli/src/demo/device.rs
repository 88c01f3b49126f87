//! A device: has a link, downloads, resumes, and believes nothing.

use std::path::{Path, PathBuf};

use firmhold_core::binary::HandedSignature;
use firmhold_core::{Digest, Problem, PublicKey};
use indicatif::ProgressBar;

use crate::download::download;
use crate::local_file::Draft;
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
        let draft = Draft::of(target, &update.hash.to_hex())?;
        let mut file = draft.open()?;
        let done =
            download(&self.http, &update.url, update.size, update.hash, &mut file, &ProgressBar::hidden())
                .await;
        let done = done.inspect_err(|_| draft.discard())?;
        draft.finish(&file)?;
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
        let (file, size) = crate::file_digest::open(&path)?;
        let read = tokio::task::spawn_blocking(move || {
            crate::file_digest::read(&file, size, &ProgressBar::hidden())
        });
        Ok(read.await.map_err(Problem::internal)??.digest)
    }
}
