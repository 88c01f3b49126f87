//! `firmhold account cost prices`.

use std::path::PathBuf;

use clap::Args;
use firmhold_core::Problem;
use firmhold_provision::cost::{Price, PriceTable, Source};
use serde::Serialize;

use super::table;
use crate::commands::Outcome;
use crate::printer::{self, Printer};

/// The list prices in use, and the texts they rest on
#[derive(Args)]
pub struct Prices {
    /// Of this region only, and those for all
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Prices of your own, in the form of docs/account-cost.md
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

#[derive(Serialize)]
struct Row<'a> {
    item: String,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    unit: &'static str,
    #[serde(flatten)]
    price: &'a Price,
}

#[derive(Serialize)]
struct Listed<'a> {
    prices: Vec<Row<'a>>,
    sources: Vec<&'a Source>,
}

impl Prices {
    /// Lists them.
    ///
    /// # Errors
    /// A file of prices that is none.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let prices = table(self.prices.as_deref())?;
        let listed = listed(&prices, self.region.as_deref());
        printer.result(&listed, human);
        Ok(Outcome::Done)
    }
}

fn listed<'a>(prices: &'a PriceTable, region: Option<&str>) -> Listed<'a> {
    let fits = |own: &str| region.is_none_or(|region| own == region || own == "*");
    let rows: Vec<Row<'a>> = prices
        .rows()
        .filter(|(_, region, _, _)| fits(region))
        .map(|(item, region, to, price)| Row {
            item: item.to_string(),
            region,
            to,
            unit: item.unit().0,
            price,
        })
        .collect();
    let used = |source: &&Source| rows.iter().any(|row| row.price.source == source.id);
    let sources = prices.sources().filter(used).collect();
    Listed { prices: rows, sources }
}

fn human(listed: &Listed<'_>) -> String {
    let mut rows = vec![["item", "region", "USD a unit", "unit", "text"].map(str::to_owned).to_vec()];
    rows.extend(listed.prices.iter().map(|row| {
        let region = row.to.map_or_else(|| row.region.to_owned(), |to| format!("{} to {to}", row.region));
        vec![row.item.clone(), region, tiers(row.price), row.unit.to_owned(), row.price.source.clone()]
    }));
    let mut text = printer::table(&rows);
    for source in &listed.sources {
        let url = source.url.as_deref().map(|url| format!(" {url}")).unwrap_or_default();
        let dated = source.dated.as_deref().map(|dated| format!(" of {dated},")).unwrap_or_default();
        text.push_str(&format!("\n{}: {}{url}{dated} read {}", source.id, source.text, source.read));
    }
    text
}

fn tiers(price: &Price) -> String {
    let one = |tier: &firmhold_provision::cost::Tier| match tier.to {
        Some(to) => format!("{} to {to}", tier.usd),
        None => tier.usd.to_string(),
    };
    price.tiers.iter().map(one).collect::<Vec<_>>().join(", ")
}
