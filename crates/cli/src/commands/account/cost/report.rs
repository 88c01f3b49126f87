//! `firmhold account cost report`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::cost::{Bill, Observation, Usage, bill, observe, records};
use serde::Serialize;

use super::show::usd;
use super::{show, table};
use crate::commands::Outcome;
use crate::commands::policy::documents;
use crate::printer::{Printer, Tone, toned};

/// What a month did cost, from its figures, and what made it dear
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account cost report november.toml\n  \
    firmhold account cost report november.toml --transfers access-logs.txt\n\n\
    docs/account-cost.md shows both files. Transfers are lines of JSON ({\"device\", \"binary\", \"bytes\"}) or of S3's server access log.")]
pub struct Report {
    /// Figures of the month, TOML or JSON; `-` for standard input
    #[arg(value_name = "FILE")]
    figures: PathBuf,
    /// Who downloaded what: to find devices that download again and again
    #[arg(long, value_name = "FILE")]
    transfers: Option<PathBuf>,
    /// Prices of your own, in the form of docs/account-cost.md
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

#[derive(Serialize)]
struct Reported {
    bill: Bill,
    observations: Vec<Observation>,
}

impl Report {
    /// Reports.
    ///
    /// # Errors
    /// Files that cannot be read, or are not what they should be.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let prices = table(self.prices.as_deref())?;
        let usage = Usage::parse(&documents::read(&self.figures)?)?;
        let transfers = match &self.transfers {
            Some(path) => records(&documents::read(path)?)?,
            None => Vec::new(),
        };
        let bill = bill(&usage, &prices);
        let observations = observe(&usage, &bill, &transfers);
        printer.result(&Reported { bill, observations }, human);
        Ok(Outcome::Done)
    }
}

fn human(reported: &Reported) -> String {
    let mut text = show::bill(&reported.bill);
    for seen in &reported.observations {
        let price = seen.usd.map_or_else(String::new, |amount| format!(" ({} USD)", usd(amount)));
        let _ = write!(
            text,
            "\n{} {}{price}\n     {} {}\n",
            toned(Tone::Warn, "look:"),
            seen.says,
            toned(Tone::Dim, "mend:"),
            seen.mend
        );
    }
    text
}
