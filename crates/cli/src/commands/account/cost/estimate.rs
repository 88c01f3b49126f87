//! `firmhold account cost estimate`.

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::cost::{Bill, bill};
use serde::Serialize;

use super::fleet_args::FleetArgs;
use super::{show, table};
use crate::commands::Outcome;
use crate::printer::{Printer, Tone, toned};

/// What a fleet will cost
#[derive(Args)]
#[command(after_help = "Example:\n  \
    firmhold account cost estimate --region us-west-2 --devices 5000 --image-size 40MiB --releases 2\n\n\
    List prices, without taxes, discounts and what other buckets of the account do to the tiers.")]
pub struct Estimate {
    #[command(flatten)]
    fleet: FleetArgs,
}

#[derive(Serialize)]
struct Estimated {
    bill: Bill,
    assumptions: Vec<String>,
}

impl Estimate {
    /// Estimates.
    ///
    /// # Errors
    /// A fleet that makes no sense, or a file of prices that is none.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let prices = table(self.fleet.prices.as_deref())?;
        let scenario = self.fleet.scenario()?;
        let estimated =
            Estimated { bill: bill(&scenario.usage()?, &prices), assumptions: scenario.assumptions() };
        printer.result(&estimated, |estimated| show::bill(&estimated.bill));
        for line in estimated
            .assumptions
            .iter()
            .map(String::as_str)
            .chain(show::sources(&estimated.bill, &prices).lines())
        {
            printer.note(&toned(Tone::Dim, line));
        }
        Ok(Outcome::Done)
    }
}
