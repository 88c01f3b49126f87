//! `firmhold account teardown`.

use std::collections::BTreeSet;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::{Inventory, Plan};
use serde_json::json;

use super::apply::carry_out;
use super::context::ContextArgs;
use super::show;
use crate::ask;
use crate::commands::Outcome;
use crate::printer::Printer;

/// Remove what is ours, and nothing else
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account teardown --dry-run\n  \
    firmhold account teardown --yes\n\n\
    A bucket that holds anything is never removed, nor one that was there before us; statements, rules and tags of\n\
    others stay byte for byte. Suspend or delete the backend at the platform first: devices lose their links.")]
pub struct Teardown {
    #[command(flatten)]
    context: ContextArgs,
    /// Show the plan only
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Teardown {
    /// Plans, asks, removes.
    ///
    /// # Errors
    /// What is wrong with the spec; AWS's.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let mut context = self.context.open(printer).await?;
        let spec = context.resolve(None, printer)?;
        let inventory = Inventory::read(&context.owner, &spec, &context.journal).await?;
        let plan = Plan::teardown(&spec, &inventory)?;
        if self.dry_run || plan.is_empty() {
            printer.result(&plan, show::plan);
            return Ok(Outcome::Done);
        }
        if !printer.is_json() {
            printer.text(&show::plan(&plan));
        }
        if !self.yes && !ask::yes(printer, "Remove all that?", "--yes")? {
            printer.note("Nothing was changed.");
            return Ok(Outcome::Done);
        }
        carry_out(&mut context, &plan, &BTreeSet::new(), printer).await?;
        let report = json!({ "plan": plan.hash, "steps": plan.to_file().changes, "left": plan.left });
        printer.result(&report, |_| "What was ours is gone.".to_owned());
        Ok(Outcome::Done)
    }
}
