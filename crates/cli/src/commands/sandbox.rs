//! `firmhold sandbox`: an AWS account on this machine.

use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Code, Problem};
use firmhold_sandbox::{Sandbox, SandboxConfig};
use serde_json::json;

use super::Outcome;
use crate::printer::{Printer, Tone, toned};

/// Run an AWS account (S3, STS, IAM) on this machine
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold sandbox --data ./aws --port 9000\n  \
    firmhold sandbox --data ./aws --port 0 --json\n\n\
    Listens on loopback only: HTTP on the port, HTTPS on the one after it. Profile `customer` is the account\n\
    111122223333 that owns the firmware, `platform` is 999999999999.")]
pub struct SandboxCommand {
    /// Folder that keeps the account; made if missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Port of HTTP; HTTPS is on the next one; 0 takes a free pair
    #[arg(long, default_value_t = 9000, value_name = "N")]
    port: u16,
    /// Count requests on HTTP as insecure, as AWS would
    #[arg(long)]
    http_is_insecure: bool,
}

impl SandboxCommand {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// If the folder or the ports cannot be had.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let mut config = SandboxConfig::new(&self.data);
        config.port = self.port;
        config.http_is_secure = !self.http_is_insecure;
        let sandbox = start(config).await?;
        announce(&sandbox, printer);
        crate::stop_signal::wait().await?;
        sandbox.stop().await;
        printer.note("stopped; the account is kept in the data folder");
        Ok(Outcome::Done)
    }
}

/// Starts a sandbox, with its errors as problems.
///
/// # Errors
/// [`Code::Usage`] if the folder or the ports cannot be had.
pub async fn start(config: SandboxConfig) -> Result<Sandbox, Problem> {
    Sandbox::start(config)
        .await
        .map_err(|error| Problem::new(Code::Usage, "the sandbox cannot start").caused_by(error))
}

fn announce(sandbox: &Sandbox, printer: &Printer) {
    if printer.is_json() {
        printer.json_line(&json!({
            "http_url": sandbox.http_url(),
            "https_url": sandbox.https_url(),
            "ca_file": sandbox.ca_file(),
            "config_file": sandbox.config_file(),
            "credentials_file": sandbox.credentials_file(),
            "customer_account": sandbox.customer().account_id,
            "platform_account": sandbox.platform().account_id,
            "platform_role_arn": sandbox.platform_role_arn(),
        }));
        return;
    }
    let [config, credentials] = sandbox.export_lines();
    printer.text(&format!(
        "{}\n  HTTP   {}\n  HTTPS  {}  (certificates by {})\n\nIn another shell:\n  {config}\n  {credentials}\n  aws s3 ls   {}",
        toned(Tone::Strong, "An AWS account, on this machine only."),
        sandbox.http_url(),
        sandbox.https_url(),
        sandbox.ca_file().display(),
        toned(Tone::Dim, "# as the customer; --profile platform for the platform"),
    ));
    printer.note("Ctrl-C stops it.");
}
