//! `firmhold account cost what-if`.

use std::fmt::Write as _;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::cost::{Change, Comparison, what_if};

use super::fleet_args::FleetArgs;
use super::show::usd;
use super::table;
use crate::commands::Outcome;
use crate::printer::{self, Printer, Tone, toned};

/// What would change with a CDN, a second region, or another lifecycle profile
#[derive(Args)]
#[command(
    group = clap::ArgGroup::new("change").required(true).multiple(true),
    after_help = "Example:\n  \
    firmhold account cost what-if --region us-west-2 --devices 5000 --image-size 40MiB --with-cdn north-america"
)]
pub struct WhatIf {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Deliver through CloudFront to devices there
    #[arg(long, value_name = "GEOGRAPHY", group = "change")]
    with_cdn: Option<String>,
    /// Replicate to this region
    #[arg(long, value_name = "REGION", group = "change")]
    with_second_region: Option<String>,
    /// Another lifecycle profile
    #[arg(long, value_name = "PROFILE", group = "change")]
    with_lifecycle: Option<String>,
    /// The bucket in another region
    #[arg(long, value_name = "REGION", group = "change")]
    with_region: Option<String>,
}

impl WhatIf {
    /// Compares.
    ///
    /// # Errors
    /// As of `estimate`.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let prices = table(self.fleet.prices.as_deref())?;
        let mut changes = Vec::new();
        changes.extend(self.with_cdn.map(Change::Cdn));
        changes.extend(self.with_second_region.map(Change::SecondRegion));
        changes.extend(self.with_region.map(Change::Region));
        if let Some(profile) = self.with_lifecycle {
            changes.push(Change::Profile(profile.parse()?));
        }
        let comparison = what_if(&self.fleet.scenario()?, &changes, &prices)?;
        printer.result(&comparison, human);
        Ok(Outcome::Done)
    }
}

fn human(comparison: &Comparison) -> String {
    let mut rows = vec![["what", "before", "after", "difference"].map(str::to_owned).to_vec()];
    rows.extend(comparison.differences.iter().map(|line| {
        let side = |side: Option<f64>| side.map_or_else(|| "-".to_owned(), usd);
        let by = line.after.unwrap_or(0.0) - line.before.unwrap_or(0.0);
        let by = if line.no_price { toned(Tone::Warn, "no price") } else { signed(by) };
        vec![line.what.clone(), side(line.before), side(line.after), by]
    }));
    let mut text = printer::table(&rows);
    let _ = match comparison.usd {
        Some(by) => {
            let tone = if by > 0.0 { Tone::Bad } else { Tone::Good };
            let (before, after) = (usd(comparison.before.usd), usd(comparison.after.usd));
            writeln!(text, "\n{} USD a month: {after} instead of {before}", toned(tone, &signed(by)))
        }
        None => writeln!(
            text,
            "\n{} a price is missing, so the sum is not known",
            toned(Tone::Warn, "not whole:")
        ),
    };
    text
}

fn signed(by: f64) -> String {
    format!("{by:+.2}")
}
