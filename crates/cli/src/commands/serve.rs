//! `firmhold serve`: the platform's server.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Clock, Problem};
use firmhold_server::Config;
use serde_json::json;

use super::Outcome;
use crate::printer::{Printer, Tone, toned};

/// Run the platform's server
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold serve --data ./platform\n  \
    firmhold serve --settings firmhold-server.toml\n  \
    firmhold serve --print-settings > firmhold-server.toml\n\n\
    AWS credentials come from where the AWS SDK finds them (AWS_PROFILE, web identity, instance role …).")]
pub struct Serve {
    /// Settings file [default: the one that --print-settings prints]
    #[arg(long, value_name = "FILE", env = "FIRMHOLD_SETTINGS")]
    settings: Option<PathBuf>,
    /// Folder of database and master key; made if missing
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of API and links; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of health and readiness; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<SocketAddr>,
    /// What links begin with, as devices reach this server
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Print the commented default settings, and stop
    #[arg(long)]
    print_settings: bool,
}

impl Serve {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// If a setting is wrong, or folder or addresses cannot be had.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        if self.print_settings {
            printer.text(Config::default_file());
            return Ok(Outcome::Done);
        }
        let running = firmhold_server::serve(self.config()?, Clock::system(), None).await?;
        if printer.is_json() {
            printer.json_line(&json!({ "url": running.admin_url, "ops_url": running.ops_url }));
        } else {
            printer.text(&format!(
                "{} on {}  {}",
                toned(Tone::Strong, "Firmhold serves"),
                running.admin_url,
                toned(Tone::Dim, &format!("(health: {}/readyz)", running.ops_url))
            ));
            printer.note("Ctrl-C stops it. `firmhold org create` makes an organization and its first key.");
        }
        crate::stop_signal::wait().await?;
        running.stop().await;
        Ok(Outcome::Done)
    }

    fn config(&self) -> Result<Config, Problem> {
        let mut config = Config::load(self.settings.as_deref())?;
        if let Some(data) = &self.data {
            config.server.data_dir.clone_from(data);
        }
        if let Some(address) = self.listen {
            config.server.admin_address = address;
        }
        if let Some(address) = self.ops_listen {
            config.server.ops_address = address;
        }
        if let Some(url) = &self.public_url {
            config.server.public_url = Some(url.clone());
        }
        Ok(config)
    }
}
