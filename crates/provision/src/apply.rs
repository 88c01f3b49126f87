//! Carrying a plan out.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use firmhold_core::{Code, Problem};
use firmhold_store::failpoint;

use crate::access::OwnerAccess;
use crate::change::{Change, Site, Switch};
use crate::credentials::NoTerminal;
use crate::inventory::Inventory;
use crate::journal::Journal;
use crate::owner::Owner;
use crate::plan::Plan;
use crate::spec::Spec;

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// This step is next; the journal says so.
    Begun(&'a Change),
    /// It was carried out, which the journal does not say yet.
    Written(&'a Change),
    /// It was, and the journal says so.
    Done(&'a Change),
}

/// Watches a run; a break ends it there and then, as a crash would.
pub type Watch<'a> = dyn FnMut(Progress<'_>) -> ControlFlow<()> + Send + 'a;

/// Carries out `plan`, step by step, each noted in `journal` before and after. The plan must have been made of an
/// inventory of just now; what each step replaces is compared once more before it is.
///
/// # Errors
/// Before anything is changed: [`Code::StoreDenied`] when something could not be seen, [`Code::Usage`] when a change
/// concerns others and is not in `accepted`. Later: the step's. Steps before the failed one stay done, and planning
/// again goes on from there.
pub async fn apply(
    owner: &Owner,
    plan: &Plan,
    accepted: &BTreeSet<Switch>,
    journal: &mut Journal,
    watch: &mut Watch<'_>,
) -> Result<(), Problem> {
    owner.must_own(&plan.spec)?;
    plan.must_be_seen()?;
    must_be_accepted(plan, accepted)?;
    let site = Site::new(owner, &plan.spec);
    journal.begin_run(plan, &owner.arn)?;
    for change in &plan.changes {
        journal.begin_step(change)?;
        failpoint::APPLY_STEP_BEGUN.reach();
        go_on(watch(Progress::Begun(change)))?;
        if let Err(problem) = change.operation.run(&site).await {
            journal.end_step(change, Err(&problem))?;
            return Err(problem);
        }
        failpoint::APPLY_STEP_NOT_NOTED.reach();
        go_on(watch(Progress::Written(change)))?;
        journal.end_step(change, Ok(()))?;
        failpoint::APPLY_STEP_NOTED.reach();
        go_on(watch(Progress::Done(change)))?;
    }
    journal.end_run()
}

/// Plans and applies in one go, with nobody to ask: for accounts that live no longer than this process. Answers what
/// was done, a line each.
///
/// # Errors
/// As [`Plan::of`] and [`apply`].
pub async fn set_up(spec: &Spec, access: &OwnerAccess) -> Result<Vec<String>, Problem> {
    let owner = Owner::open(access, &NoTerminal).await?;
    let mut journal = Journal::in_memory(access.clock.clone());
    let inventory = Inventory::read(&owner, spec, &journal).await?;
    let plan = Plan::of(spec, &inventory)?;
    apply(&owner, &plan, &BTreeSet::new(), &mut journal, &mut |_| ControlFlow::Continue(())).await?;
    Ok(plan
        .changes
        .iter()
        .map(|change| format!("{} {}: {}", change.verb, change.kind, change.says))
        .collect())
}

fn go_on(flow: ControlFlow<()>) -> Result<(), Problem> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Problem::new(Code::StateForbids, "the run was stopped")
            .with_hint("Run it again: it goes on where it stopped.")),
    }
}

fn must_be_accepted(plan: &Plan, accepted: &BTreeSet<Switch>) -> Result<(), Problem> {
    let open = plan.to_accept(accepted);
    if open.is_empty() {
        return Ok(());
    }
    let says: Vec<String> = open.iter().map(|change| format!("{}: {}", change.kind, change.says)).collect();
    let names: BTreeSet<Switch> = open.iter().filter_map(|change| change.accept).collect();
    let names: Vec<String> = names.iter().map(|name| format!("--accept {name}")).collect();
    Err(Problem::new(
        Code::Usage,
        format!(
            "others keep objects in {}, and the plan would change how it treats them ({})",
            plan.spec.bucket.name,
            says.join("; ")
        ),
    )
    .with_hint(format!("Nothing was changed. If that is meant: {}", names.join(" "))))
}
