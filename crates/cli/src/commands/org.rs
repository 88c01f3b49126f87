//! `firmhold org`: organizations, on the server's host.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use firmhold_core::{Clock, Problem};
use firmhold_server::Config;
use serde_json::json;

use super::Outcome;
use crate::printer::{Printer, Tone, toned};

/// Organizations (on the server's host)
#[derive(Subcommand)]
pub enum Org {
    /// Make an organization and its first admin key; the key is shown this once
    Create(Create),
}

/// Make an organization and its first admin key; the key is shown this once
#[derive(Args)]
#[command(after_help = "Example: firmhold org create \"Acme Gateways\" --data ./platform\n\n\
    Works on the server's folder, also while the server runs; never over the network.")]
pub struct Create {
    /// What to call it
    name: String,
    /// The server's data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The server's settings file
    #[arg(long, value_name = "FILE", env = "FIRMHOLD_SETTINGS")]
    settings: Option<PathBuf>,
}

impl Org {
    /// Runs the verb.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self {
            Self::Create(create) => create.run(printer).await,
        }
    }
}

impl Create {
    async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let data = match self.data {
            Some(data) => data,
            None => Config::load(self.settings.as_deref())?.server.data_dir,
        };
        let (prn, key) = firmhold_server::create_organization(&data, &Clock::system(), &self.name).await?;
        let made = json!({ "organization_prn": prn, "api_key": key.expose() });
        printer.result(&made, |_| {
            format!(
                "Organization {} made: {prn}\nIts admin key, shown this once:\n{}",
                self.name,
                toned(Tone::Strong, key.expose())
            )
        });
        Ok(Outcome::Done)
    }
}
