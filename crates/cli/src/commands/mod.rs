//! The verbs: a file each.

#[cfg(feature = "account")]
pub mod account;
pub mod artifact;
pub mod backend;
pub mod binary;
pub mod completions;
#[cfg(all(feature = "sandbox", feature = "server", feature = "account"))]
pub mod demo;
pub mod import;
pub mod key;
pub mod link;
pub mod oidc;
pub mod oidc_issuer;
#[cfg(feature = "server")]
pub mod org;
pub mod policy;
pub mod product;
pub mod pull;
pub mod push;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "server")]
pub mod secret;
#[cfg(feature = "server")]
pub mod serve;
pub mod signing_key;

use std::sync::Arc;

use firmhold_core::Problem;

use crate::args::{Cli, Command};
use crate::client::Client;
use crate::printer::Printer;
use crate::profile::Profile;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0.
    Done,
    /// Something was found, or a check failed: exit code 3.
    Findings,
    /// What was asked about is denied: exit code 4.
    Denied,
}

/// What every command that talks to a server has at hand.
pub struct Session<'a> {
    /// The server.
    pub client: Client,
    /// The profile in force.
    pub profile: Profile,
    /// The one door for output.
    pub printer: &'a Printer,
}

/// Runs one command.
///
/// # Errors
/// The command's.
pub async fn run(cli: Cli, printer: &Printer) -> Result<Outcome, Problem> {
    let Cli { global, command } = cli;
    // A token can be exchanged once: only for a command that will use the key.
    let exchanged = if command.needs_key() { crate::oidc::key_for_token(&global).await? } else { None };
    let session = || -> Result<Session<'_>, Problem> {
        let mut profile = Profile::resolve(&global)?;
        let client = match &exchanged {
            Some(key) => {
                profile.api_key = Some(key.secret());
                Client::new(&profile)?.with_key(Arc::clone(key))
            }
            None => Client::new(&profile)?,
        };
        Ok(Session { client, profile, printer })
    };
    match command {
        #[cfg(all(feature = "sandbox", feature = "server", feature = "account"))]
        Command::Demo(demo) => demo.run(printer).await,
        #[cfg(feature = "server")]
        Command::Serve(serve) => serve.run(printer).await,
        #[cfg(feature = "sandbox")]
        Command::Sandbox(sandbox) => sandbox.run(printer).await,
        #[cfg(feature = "server")]
        Command::Org(org) => org.run(printer).await,
        #[cfg(feature = "server")]
        Command::Secret(secret) => secret.run(printer).await,
        #[cfg(feature = "account")]
        Command::Account(account) => account.run(&global, printer).await,
        Command::Key(key) => key.run(&session()?).await,
        Command::Product(product) => product.run(&session()?).await,
        Command::Artifact(artifact) => artifact.run(&session()?).await,
        Command::OidcIssuer(issuer) => issuer.run(&session()?).await,
        Command::Oidc(oidc) => oidc.run(&global, printer).await,
        Command::SigningKey(signing_key) => signing_key.run(printer, session).await,
        Command::Backend(backend) => backend.run(&session()?).await,
        Command::Push(push) => push.run(&session()?).await,
        Command::Pull(pull) => pull.run(&session()?).await,
        Command::Binary(binary) => binary.run(&session()?).await,
        Command::Import(import) => import.run(&session()?).await,
        Command::Link(link) => link.run(&session()?).await,
        Command::Policy(policy) => policy.run(printer).await,
        Command::Completions(completions) => completions.run(printer),
    }
}
