//! `firmhold demo`: the whole journey, with no account anywhere.

use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Binary, Clock, Code, Problem, Secret};
use serde_json::json;

use super::Outcome;
use crate::demo::{Journey, Places, Story, World, tell};
use crate::printer::{Printer, Tone, toned};

/// Show the whole journey on this machine, with no account anywhere
#[derive(Args)]
#[command(after_help = "Examples:\n  firmhold demo\n  firmhold demo gateway.img\n  firmhold demo --keep")]
pub struct Demo {
    /// The firmware file to push [default: this executable]
    file: Option<PathBuf>,
    /// Leave everything running until Ctrl-C, and print URLs and keys
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Tells the story.
    ///
    /// # Errors
    /// The first step that does not happen.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let file = match self.file {
            Some(file) => file,
            None => std::env::current_exe().map_err(|error| {
                Problem::new(Code::LocalFile, "cannot find this executable").caused_by(error)
            })?,
        };
        // A wrong name is found before anything starts.
        crate::source_file::SourceFile::open(&file)?;
        let folder = tempfile::Builder::new().prefix("firmhold-demo-").tempdir().map_err(|error| {
            Problem::new(Code::LocalFile, "cannot make a temporary folder").caused_by(error)
        })?;
        let places = Places::below(folder.path());
        let mut story = Story::new(printer);
        let journey = tell(&file, &places, &mut story, &printer.silent()).await?;
        story.end();
        let Journey { world, api_key, binary } = journey;
        world.stop().await;
        if self.keep {
            keep(&places, &api_key, &binary, printer).await?;
        }
        Ok(Outcome::Done)
    }
}

/// Starts the same world again, by the wall clock: the story ended a day ahead of it, where no other client could
/// sign a request.
async fn keep(places: &Places, api_key: &Secret, binary: &Binary, printer: &Printer) -> Result<(), Problem> {
    let world = World::start(places, Clock::system()).await?;
    let [config, credentials] = world.sandbox.export_lines();
    let kept = json!({
        "url": world.server.admin_url,
        "api_key": api_key.expose(),
        "binary_prn": binary.meta.prn,
        "s3_url": world.sandbox.http_url(),
        "config_file": world.sandbox.config_file(),
        "credentials_file": world.sandbox.credentials_file(),
    });
    if printer.is_json() {
        printer.json_line(&kept);
    } else {
        printer.text(&format!(
            "\n{}\n  export FIRMHOLD_URL={}\n  export FIRMHOLD_API_KEY={}\n  firmhold link {}\n\n  {config}\n  {credentials}\n  aws s3 ls",
            toned(Tone::Strong, "It goes on running. In another shell:"),
            world.server.admin_url,
            api_key.expose(),
            binary.meta.prn,
        ));
        printer.note("Ctrl-C stops it and removes what it kept.");
    }
    crate::stop_signal::wait().await?;
    world.stop().await;
    Ok(())
}
