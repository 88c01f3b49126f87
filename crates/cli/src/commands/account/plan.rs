//! `firmhold account plan`.

use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Code, Problem};
use firmhold_provision::{Inventory, Plan};

use super::context::ContextArgs;
use super::platform::PlatformArgs;
use super::show;
use crate::args::Global;
use crate::commands::Outcome;
use crate::printer::Printer;
use crate::progress;

/// Show what would be done, and change nothing
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account plan\n  \
    firmhold account plan --spec prod.toml --out prod.plan\n  \
    firmhold account plan --check --json    (exit code 3 when there is something to do)\n\n\
    Reads only. What it may not read it names: `firmhold account installer-policy` prints all that is needed.")]
pub struct PlanCommand {
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    platform: PlatformArgs,
    /// Keep the plan in this file, for `firmhold account apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// End with exit code 3 when there is something to do
    #[arg(long)]
    check: bool,
}

impl PlanCommand {
    /// Shows the plan.
    ///
    /// # Errors
    /// What is wrong with the spec; AWS's.
    pub async fn run(self, global: &Global, printer: &Printer) -> Result<Outcome, Problem> {
        let context = self.context.open(printer).await?;
        let trust = self.platform.known_trust(global, context.file.name()).await?;
        let spec = context.resolve(trust, printer)?;
        let spinner = progress::wait(printer, "looking");
        let inventory = Inventory::read(&context.owner, &spec, &context.journal).await;
        spinner.finish_and_clear();
        let plan = Plan::of(&spec, &inventory?)?;
        if let Some(path) = &self.out {
            keep(path, &plan)?;
        }
        printer.result(&plan, show::plan);
        if let Some(run) = context.journal.unfinished() {
            printer.note(&show::unfinished(run));
        }
        if let Some(path) = &self.out {
            printer.note(&format!("Next: firmhold account apply {}", path.display()));
        }
        let open = !plan.is_empty() || !plan.unseen.is_empty();
        Ok(if self.check && open { Outcome::Findings } else { Outcome::Done })
    }
}

fn keep(path: &std::path::Path, plan: &Plan) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(&plan.to_file()).map_err(Problem::internal)?;
    std::fs::write(path, text + "\n")
        .map_err(|error| Problem::new(Code::LocalFile, format!("cannot write {}: {error}", path.display())))
}
