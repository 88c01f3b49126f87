//! The verbs: a file each.

pub mod backend;
pub mod binary;
pub mod completions;
#[cfg(all(feature = "sandbox", feature = "server", feature = "account"))]
pub mod demo;
pub mod key;
pub mod link;
#[cfg(feature = "server")]
pub mod org;
pub mod pull;
pub mod push;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "server")]
pub mod secret;
#[cfg(feature = "server")]
pub mod serve;
pub mod signing_key;

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
    let session = || -> Result<Session<'_>, Problem> {
        let profile = Profile::resolve(&global)?;
        Ok(Session { client: Client::new(&profile)?, profile, printer })
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
        Command::Key(key) => key.run(&session()?).await,
        Command::SigningKey(signing_key) => signing_key.run(printer, session).await,
        Command::Backend(backend) => backend.run(&session()?).await,
        Command::Push(push) => push.run(&session()?).await,
        Command::Pull(pull) => pull.run(&session()?).await,
        Command::Binary(binary) => binary.run(&session()?).await,
        Command::Link(link) => link.run(&session()?).await,
        Command::Completions(completions) => completions.run(printer),
    }
}
