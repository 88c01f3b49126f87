//! `firmhold oidc`: what a CI job does without a stored key.

use clap::{Args, Subcommand};
use firmhold_core::{Code, Problem};
use serde_json::json;

use super::Outcome;
use crate::args::Global;
use crate::oidc;
use crate::printer::Printer;
use crate::profile::Profile;

/// Keys for CI jobs, for their CI system's OIDC token
#[derive(Subcommand)]
pub enum Oidc {
    /// Exchange a token for a key, and print the key
    Exchange(Exchange),
}

/// Exchange a token for a key, and print the key
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    export FIRMHOLD_API_KEY=\"$(firmhold oidc exchange)\"\n  \
    firmhold oidc exchange --oidc-token-file token.jwt --ttl 300 --json\n\n\
    For a job that runs several commands: most tokens can be exchanged once. A single command takes the token by itself.")]
pub struct Exchange {
    /// How long the key shall live [default: as long as the issuer allows]
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// The issuer to exchange it at, by PRN [default: the oldest that fits]
    #[arg(long, value_name = "PRN")]
    issuer: Option<String>,
}

impl Oidc {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's; [`Code::Usage`] without a token.
    pub async fn run(self, global: &Global, printer: &Printer) -> Result<Outcome, Problem> {
        let Self::Exchange(Exchange { ttl, issuer }) = self;
        let token = global.oidc.token()?.ok_or_else(|| {
            Problem::new(Code::Usage, "no OIDC token given")
                .with_hint("set FIRMHOLD_OIDC_TOKEN, or give --oidc-token-file")
        })?;
        let made = oidc::exchange(&Profile::resolve(global)?, &token, ttl, issuer.as_deref()).await?;
        let shown =
            json!({ "secret": made.secret.expose(), "expires_at": made.expires_at, "scope": made.scope });
        printer.result(&shown, |_| made.secret.expose().to_owned());
        Ok(Outcome::Done)
    }
}
