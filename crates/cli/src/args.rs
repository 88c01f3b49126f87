//! The command line.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand};
use firmhold_core::Secret;

use crate::commands;

/// Keeps a fleet's firmware in an S3 bucket that its owner controls, and hands each device a link to it.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 findings or failed checks, 4 denied.\n\
                  Try it: firmhold demo"
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Clone)]
pub struct Global {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results only: no progress, no hints
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log more, to standard error (twice: much more)
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN")]
    pub color: ColorChoice,
    /// The server's address
    #[arg(long, global = true, env = "FIRMHOLD_URL", value_name = "URL", help_heading = "Server")]
    pub url: Option<String>,
    /// The API key. Prefer the variable or a profile: arguments can be seen by others on this machine
    #[arg(
        long,
        global = true,
        env = "FIRMHOLD_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        help_heading = "Server",
        value_parser = secret
    )]
    pub api_key: Option<Secret>,
    /// A CI job's token, instead of a key
    #[command(flatten)]
    pub oidc: crate::oidc::TokenArgs,
    /// Profile of the configuration file to use
    #[arg(long, global = true, env = "FIRMHOLD_PROFILE", value_name = "NAME", help_heading = "Server")]
    pub profile: Option<String>,
    /// Configuration file [default: firmhold/config.toml in the user's configuration folder]
    #[arg(long, global = true, env = "FIRMHOLD_CONFIG", value_name = "FILE", help_heading = "Server")]
    pub config: Option<PathBuf>,
    /// Trust the certificates in this PEM file, besides the system's
    #[arg(long, global = true, env = "FIRMHOLD_CA_FILE", value_name = "FILE", help_heading = "Server")]
    pub ca_file: Option<PathBuf>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// The verbs.
#[derive(Subcommand)]
pub enum Command {
    /// Show the whole journey on this machine, with no account anywhere
    #[cfg(all(feature = "sandbox", feature = "server", feature = "account"))]
    Demo(commands::demo::Demo),
    /// Run the platform's server
    #[cfg(feature = "server")]
    Serve(commands::serve::Serve),
    /// Run an AWS account (S3, STS, IAM) on this machine
    #[cfg(feature = "sandbox")]
    Sandbox(commands::sandbox::SandboxCommand),
    /// Organizations (on the server's host)
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Org(commands::org::Org),
    /// Key pairs of S3-compatible stores (on the server's host)
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Secret(commands::secret::SecretCommand),
    /// API keys
    #[command(subcommand)]
    Key(commands::key::Key),
    /// Products: what artifacts belong to, and keys can be limited to
    #[command(subcommand)]
    Product(commands::product::ProductCommand),
    /// Artifacts: what is released, whatever its version
    #[command(subcommand)]
    Artifact(commands::artifact::ArtifactCommand),
    /// CI systems whose OIDC tokens are exchanged for keys
    #[command(subcommand)]
    OidcIssuer(commands::oidc_issuer::OidcIssuerCommand),
    /// Keys for CI jobs, for their CI system's OIDC token
    #[command(subcommand)]
    Oidc(commands::oidc::Oidc),
    /// Keys that sign firmware
    #[command(subcommand)]
    SigningKey(commands::signing_key::SigningKeyCommand),
    /// Your AWS account: bucket, role and what goes with them, by a plan
    #[cfg(feature = "account")]
    #[command(subcommand)]
    Account(Box<commands::account::AccountCommand>),
    /// Buckets registered with the platform
    #[command(subcommand)]
    Backend(commands::backend::BackendCommand),
    /// Upload a firmware file straight into the bucket, prove it and sign it
    Push(commands::push::Push),
    /// Download a firmware file and verify it before it gets its name
    Pull(commands::pull::Pull),
    /// Adopt firmware that is already in the backend's bucket
    Import(Box<commands::import::ImportCommand>),
    /// Binaries: list, show, verify, delete
    #[command(subcommand)]
    Binary(commands::binary::BinaryCommand),
    /// Make a download link
    Link(commands::link::Link),
    /// Read, test and write AWS policies, without an account
    #[command(subcommand)]
    Policy(commands::policy::PolicyCommand),
    /// Print a shell's completion script
    Completions(commands::completions::Completions),
}

impl Command {
    /// Whether it talks to a server with a key that a CI job can have: those for admins and for this machine do not.
    pub const fn needs_key(&self) -> bool {
        matches!(
            self,
            Self::Product(_)
                | Self::Artifact(_)
                | Self::Push(_)
                | Self::Pull(_)
                | Self::Import(_)
                | Self::Binary(_)
                | Self::Link(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// clap checks names and groups of a subcommand only when it is used.
    #[test]
    fn every_subcommand_is_sound() {
        super::Cli::command().debug_assert();
    }
}
