//! `firmhold account whoami`.

use std::fmt::Write as _;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::credentials::{Chain, Identity, ProfileFiles, resolve};
use serde::Serialize;

use super::context::AnywhereArgs;
use crate::commands::Outcome;
use crate::printer::{Printer, Tone, toned};

/// Show which credentials are used, the way to them, and whose they are
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account whoami\n  \
    firmhold account whoami --aws-profile deploy --mfa-code 123456\n\n\
    Profiles with sso-session, credential_process, source_profile, web identity and MFA all work. Where the way breaks,\n\
    the link that broke is named.")]
pub struct Whoami {
    #[command(flatten)]
    aws: AnywhereArgs,
}

#[derive(Serialize)]
struct Who {
    #[serde(flatten)]
    identity: Identity,
    chain: Chain,
}

impl Whoami {
    /// Goes the way, and asks AWS.
    ///
    /// # Errors
    /// One sentence on the link that broke.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let resolved =
            resolve(&self.aws.access(), &ProfileFiles::from_env(), &self.aws.asker(printer)).await?;
        printer.result(&Who { identity: resolved.identity, chain: resolved.chain }, human);
        Ok(Outcome::Done)
    }
}

fn human(who: &Who) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "{} {value}", toned(Tone::Dim, &format!("{name:<10}")));
    };
    row("account", &toned(Tone::Strong, &who.identity.account));
    row("identity", &who.identity.arn);
    row("partition", &who.identity.partition);
    for (index, link) in who.chain.links().iter().enumerate() {
        row(if index == 0 { "by" } else { "then" }, link);
    }
    text
}
