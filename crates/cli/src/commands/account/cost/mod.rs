//! `firmhold account cost`: a backend's bill, from a committed table of list prices and without a network.

mod estimate;
mod fleet_args;
mod prices;
mod report;
mod show;
mod what_if;

use std::path::Path;

use clap::Subcommand;
use firmhold_core::Problem;
use firmhold_provision::cost::PriceTable;

use crate::commands::Outcome;
use crate::printer::Printer;

/// What a backend costs in a month
#[derive(Subcommand)]
pub enum Cost {
    /// What a fleet will cost
    Estimate(estimate::Estimate),
    /// What a month did cost, from its figures, and what made it dear
    Report(report::Report),
    /// What would change with a CDN, a second region, or another lifecycle profile
    WhatIf(what_if::WhatIf),
    /// The list prices in use, and the texts they rest on
    Prices(prices::Prices),
}

impl Cost {
    /// Runs the verb.
    ///
    /// # Errors
    /// Files that cannot be read, and figures that make no sense.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self {
            Self::Estimate(estimate) => estimate.run(printer),
            Self::Report(report) => report.run(printer),
            Self::WhatIf(what_if) => what_if.run(printer),
            Self::Prices(prices) => prices.run(printer),
        }
    }
}

/// The committed prices, with those of a file in their place.
pub fn table(file: Option<&Path>) -> Result<PriceTable, Problem> {
    file.map_or_else(PriceTable::committed, PriceTable::with_file)
}
