//! `firmhold account apply`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use firmhold_core::{Code, Problem};
use firmhold_provision::{Inventory, Plan, PlanFile, Progress, Purpose, Spec, Switch};
use serde_json::json;

use super::context::{Context, ContextArgs};
use super::platform::{Platform, PlatformArgs};
use super::show;
use crate::args::Global;
use crate::commands::{Outcome, backend};
use crate::printer::{Printer, Tone, toned};
use crate::{ask, progress};

/// Do it, and go on where an earlier run stopped
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account apply --platform              (bucket, role, registration, checks: one command)\n  \
    firmhold account apply prod.plan --yes         (exactly what `account plan --out` kept, or nothing)\n  \
    firmhold account apply --accept versioning     (others keep objects in the bucket)\n\n\
    Shows the plan and asks. Every step is in a journal beside the spec, read back, and may be run again.")]
pub struct Apply {
    /// A plan that `account plan --out` kept
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    platform: PlatformArgs,
    /// Accept a change that concerns what others keep in the bucket; may be given more than once
    #[arg(long, value_name = "NAME")]
    accept: Vec<Switch>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Apply {
    /// Plans, asks, applies; with a platform goes on until the backend is active.
    ///
    /// # Errors
    /// What is wrong with the spec or the plan; AWS's; the platform's.
    pub async fn run(self, global: &Global, printer: &Printer) -> Result<Outcome, Problem> {
        let mut context = self.context.open(printer).await?;
        let kept = self.plan.as_deref().map(read_plan).transpose()?;
        let platform = self.platform.open(global)?;
        let (spec, registered) = match (&kept, &platform) {
            (Some(kept), _) => (kept.spec.clone(), None),
            (None, None) => (context.resolve(None, printer)?, None),
            (None, Some(platform)) => {
                let wanted = context.resolve(None, printer)?;
                // Nothing is registered for an account in which it could not be set up.
                look(&context, &wanted, printer).await?.1.must_be_seen()?;
                let registered = platform.register(&wanted, printer).await?;
                let trust = platform.trust(&registered)?;
                (context.resolve(Some(trust), printer)?, Some(registered))
            }
        };
        let accepted: BTreeSet<Switch> = self.accept.iter().copied().collect();
        let (mut inventory, plan) = look(&context, &spec, printer).await?;
        if let Some(kept) = &kept {
            kept.must_be(&plan)?;
        }
        plan.must_be_seen()?;
        if !plan.is_empty() {
            if !printer.is_json() {
                printer.text(&show::plan(&plan));
            }
            if let Some(words) = show::to_accept(&plan, &accepted) {
                return Err(Problem::new(
                    Code::Usage,
                    format!("the plan changes how {} treats what others keep in it", spec.bucket.name),
                )
                .with_hint(format!("Nothing was changed. If that is meant: {words}")));
            }
            if !self.yes && !ask::yes(printer, "Apply it?", "--yes")? {
                printer.note("Nothing was changed.");
                return Ok(Outcome::Done);
            }
            carry_out(&mut context, &plan, &accepted, printer).await?;
            let (after, open) = look(&context, &spec, printer).await?;
            must_be_empty(&open)?;
            inventory = after;
        }
        let steps: Vec<_> = plan.to_file().changes;
        match (platform, registered) {
            (Some(platform), Some(registered)) => {
                let key = inventory.key.known().map(|key| key.arn.as_str());
                let (now, verification) = platform.activate(&registered, &spec, key, printer).await?;
                let report = json!({ "plan": plan.hash, "steps": steps, "role_arn": spec.role_arn(),
                    "backend": now, "verification": verification });
                printer.result(&report, |_| {
                    format!(
                        "{}\nbackend {} is {}",
                        backend::check_table(&verification.checks),
                        now.name,
                        now.state
                    )
                });
                Ok(Platform::outcome(&now))
            }
            _ => {
                let report = json!({ "plan": plan.hash, "steps": steps, "role_arn": spec.role_arn() });
                printer.result(&report, |_| {
                    let done =
                        if plan.is_empty() { "Nothing to do." } else { "All of it is done and read back." };
                    format!("{done} The role: {}", spec.role_arn())
                });
                Ok(Outcome::Done)
            }
        }
    }
}

fn read_plan(path: &Path) -> Result<PlanFile, Problem> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::new(Code::LocalFile, format!("cannot read {}: {error}", path.display())))?;
    let kept = PlanFile::parse(&text)?;
    if kept.purpose != Purpose::SetUp {
        return Err(Problem::new(
            Code::Usage,
            "this plan removes things; `firmhold account teardown` applies it",
        ));
    }
    Ok(kept)
}

/// What there is to do now.
async fn look(context: &Context, spec: &Spec, printer: &Printer) -> Result<(Inventory, Plan), Problem> {
    let spinner = progress::wait(printer, "looking");
    let inventory = Inventory::read(&context.owner, spec, &context.journal).await;
    spinner.finish_and_clear();
    let inventory = inventory?;
    let plan = Plan::of(spec, &inventory)?;
    Ok((inventory, plan))
}

/// Applies a plan, with a line for each step.
///
/// # Errors
/// The step's.
pub async fn carry_out(
    context: &mut Context,
    plan: &Plan,
    accepted: &BTreeSet<Switch>,
    printer: &Printer,
) -> Result<(), Problem> {
    if let Some(run) = context.journal.unfinished() {
        printer.note(&show::unfinished(run));
    }
    let total = plan.changes.len();
    let mut number = 0;
    let mut watch = |progress: Progress<'_>| {
        if let Progress::Done(change) = progress {
            number += 1;
            let tick = toned(Tone::Good, "✓");
            printer
                .note(&format!("{tick} {number}/{total} {} {}: {}", change.verb, change.kind, change.says));
        }
        ControlFlow::Continue(())
    };
    firmhold_provision::apply(&context.owner, plan, accepted, &mut context.journal, &mut watch).await
}

/// INVARIANT: after `apply` there is nothing left to do, or somebody hears of it.
fn must_be_empty(plan: &Plan) -> Result<(), Problem> {
    if plan.is_empty() {
        return Ok(());
    }
    let open: Vec<String> =
        plan.changes.iter().map(|change| format!("{}: {}", change.kind, change.says)).collect();
    Err(Problem::new(
        Code::StoreFailed,
        format!("all steps were done, but there is more to do now ({})", open.join("; ")),
    )
    .with_hint("Something else changes the account at the same time. Find out what, then run it again."))
}
