//! `firmhold account`: the bucket owner's half. These commands run with the owner's AWS credentials and touch the
//! owner's account; `firmhold backend` touches the platform's record of it.

mod apply;
mod context;
mod cost;
mod doctor;
mod handoff;
mod init;
mod installer_policy;
mod name;
mod plan;
mod platform;
mod region;
mod show;
mod teardown;
mod trust;
mod whoami;

use clap::Subcommand;
use firmhold_core::Problem;

use super::Outcome;
use crate::args::Global;
use crate::printer::Printer;

/// Your AWS account: bucket, role and what goes with them, by a plan
#[derive(Subcommand)]
pub enum AccountCommand {
    /// Write a backend.toml: what is to be there
    Init(init::Init),
    /// Show what would be done, and change nothing
    Plan(plan::PlanCommand),
    /// Do it, and go on where an earlier run stopped
    Apply(apply::Apply),
    /// Remove what is ours, and nothing else
    Teardown(teardown::Teardown),
    /// Print the least policy for whoever runs these commands
    InstallerPolicy(installer_policy::InstallerPolicy),
    /// Make a bucket name, or check one
    Name(name::Name),
    /// Choose a region, and a second one, for where the devices are
    Region(region::RegionCommand),
    /// What a backend costs in a month
    #[command(subcommand)]
    Cost(cost::Cost),
    /// Write the message that asks a hosted platform for a backend
    Handoff(handoff::Handoff),
    /// The trust policy that a platform's operator sent
    #[command(subcommand)]
    Trust(trust::Trust),
    /// Show which credentials are used, the way to them, and whose they are
    Whoami(whoami::Whoami),
    /// Find what is behind an error text or a figure, and what ends it
    Doctor(doctor::Doctor),
}

impl AccountCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// The verb's.
    pub async fn run(self, global: &Global, printer: &Printer) -> Result<Outcome, Problem> {
        match self {
            Self::Init(init) => init.run(printer),
            Self::Plan(plan) => plan.run(global, printer).await,
            Self::Apply(apply) => apply.run(global, printer).await,
            Self::Teardown(teardown) => teardown.run(printer).await,
            Self::InstallerPolicy(policy) => policy.run(printer).await,
            Self::Name(name) => name.run(printer),
            Self::Region(region) => region.run(printer),
            Self::Cost(cost) => cost.run(printer),
            Self::Handoff(handoff) => handoff.run(printer),
            Self::Trust(trust) => trust.run(printer).await,
            Self::Whoami(whoami) => whoami.run(printer).await,
            Self::Doctor(doctor) => doctor.run(printer),
        }
    }
}
