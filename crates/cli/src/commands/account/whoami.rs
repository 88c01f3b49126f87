//! `firmhold account whoami`.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Clock, Problem};
use firmhold_provision::credentials::{AskCode, Chain, Identity, ProfileFiles, resolve};
use firmhold_provision::{OwnerAccess, OwnerCredentials};
use serde::Serialize;

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
    /// Profile of the AWS config files [default: the usual chain of credentials]
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    aws_profile: Option<String>,
    /// The code that the MFA device of the profile shows [default: asked for on a terminal]
    #[arg(long, value_name = "CODE", help_heading = "AWS")]
    mfa_code: Option<String>,
    /// The region whose STS is asked
    #[arg(
        long,
        env = "AWS_REGION",
        value_name = "REGION",
        default_value = "us-east-1",
        help_heading = "AWS"
    )]
    region: String,
    /// Instead of AWS's hosts: a sandbox
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", help_heading = "AWS")]
    endpoint_url: Option<String>,
    /// Trust these certificate authorities too, in PEM
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE", help_heading = "AWS")]
    ca_bundle: Option<PathBuf>,
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
        let access = OwnerAccess {
            region: self.region,
            endpoint_url: self.endpoint_url,
            ca_bundle: self.ca_bundle,
            credentials: self.aws_profile.map_or(OwnerCredentials::Default, OwnerCredentials::Profile),
            clock: Clock::system(),
        };
        let asker = Terminal { given: self.mfa_code, printer };
        let resolved = resolve(&access, &ProfileFiles::from_env(), &asker).await?;
        printer.result(&Who { identity: resolved.identity, chain: resolved.chain }, human);
        Ok(Outcome::Done)
    }
}

/// Whoever sits there.
struct Terminal<'a> {
    /// The code, if it was given.
    given: Option<String>,
    printer: &'a Printer,
}

impl AskCode for Terminal<'_> {
    fn ask(&self, device: &str) -> Option<String> {
        if let Some(given) = &self.given {
            return Some(given.clone());
        }
        let stdin = std::io::stdin();
        if self.printer.is_json() || !stdin.is_terminal() {
            return None;
        }
        self.printer.prompt(&format!("The code that {device} shows:"));
        let mut line = String::new();
        stdin.lock().read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
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
