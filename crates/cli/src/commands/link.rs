//! `firmhold link`: a download link, as a device gets it.

use clap::Args;
use firmhold_core::Problem;
use firmhold_core::binary::DownloadUrl;

use super::{Outcome, Session};
use crate::client;

/// Make a download link
#[derive(Args)]
#[command(after_help = "Example: curl -fLO --output-dir /tmp \"$(firmhold link prn:1:…:binary:… --quiet)\"")]
pub struct Link {
    /// The binary, and how to name it
    #[command(flatten)]
    binary: super::binary::Which,
}

impl Link {
    /// Prints the link and its end.
    ///
    /// # Errors
    /// As the API's.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let binary = self.binary.find(&session.client).await?;
        let link = make(session, &binary.meta.prn.to_string()).await?;
        session.printer.result(&link, |link| link.download_url.clone());
        session.printer.note(&format!("works until {}", link.expires_at));
        Ok(Outcome::Done)
    }
}

/// A new link to the binary called `prn`.
///
/// # Errors
/// As the API's.
pub async fn make(session: &Session<'_>, prn: &str) -> Result<DownloadUrl, Problem> {
    client::parse(session.client.get(&format!("/binaries/{prn}/download_url"), &[]).await?)
}
