//! `firmhold account region`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::region::{Candidate, Choice, Fleet, Question, Residency, choose};

use super::cost::table;
use crate::commands::Outcome;
use crate::printer::{Printer, Tone, toned};

/// Choose a region, and a second one, for where the devices are
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account region --devices DE=1200 --devices FR=300 --residency eu\n  \
    firmhold account region --devices US=5000,CA=400\n\n\
    Nothing is asked of any network. Distances are great circles from the middle of each country.")]
pub struct RegionCommand {
    /// Where devices are: the country's two letters, and how many; may be given more than once
    #[arg(long, value_name = "COUNTRY=COUNT", required = true, value_delimiter = ',')]
    devices: Vec<String>,
    /// Where the data may lie: anywhere, eu, eea, or countries such as DE,FR
    #[arg(long, value_name = "RULE", default_value = "anywhere")]
    residency: String,
    /// Also regions that an account must turn on first
    #[arg(long)]
    opt_in: bool,
    /// Prices of your own, in the form of docs/account-cost.md
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

impl RegionCommand {
    /// Chooses.
    ///
    /// # Errors
    /// Countries or rules that are none, and rules that no region keeps.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let fleet = self.devices.iter().map(|text| text.parse::<Fleet>()).collect::<Result<_, _>>()?;
        let residency: Residency = self.residency.parse()?;
        let choice =
            choose(&Question { fleet, residency, opt_in: self.opt_in }, &table(self.prices.as_deref())?)?;
        printer.result(&choice, human);
        Ok(Outcome::Done)
    }
}

fn human(choice: &Choice) -> String {
    let mut text = block("primary", Some(&choice.primary), &choice.primary_reasons);
    text.push('\n');
    text.push_str(&block("secondary", choice.secondary.as_ref(), &choice.secondary_reasons));
    if !choice.others.is_empty() {
        let others: Vec<String> = choice
            .others
            .iter()
            .map(|other| format!("{} ({:.0} km)", other.region.code, other.mean_km))
            .collect();
        let _ = write!(text, "\n{} {}", toned(Tone::Dim, "next      "), others.join(", "));
    }
    text
}

fn block(title: &str, candidate: Option<&Candidate>, reasons: &[String]) -> String {
    let name = candidate.map_or_else(
        || toned(Tone::Warn, "none"),
        |candidate| format!("{}  {}", toned(Tone::Strong, candidate.region.code), candidate.region.name),
    );
    let mut text = format!("{} {name}\n", toned(Tone::Dim, &format!("{title:<10}")));
    for reason in reasons {
        let _ = writeln!(text, "           {reason}");
    }
    text
}
