//! Bills, for a person.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use firmhold_provision::cost::{Bill, Line, PriceTable};

use crate::printer::{Tone, table, toned};

/// A bill with its sum, and a word on what has no price.
pub fn bill(bill: &Bill) -> String {
    let mut rows = vec![["what", "where", "quantity", "unit", "USD"].map(str::to_owned).to_vec()];
    rows.extend(bill.lines.iter().map(|line| {
        vec![
            line.what.clone(),
            line.region.clone(),
            quantity(line.quantity),
            line.unit.to_owned(),
            amount(line),
        ]
    }));
    let mut text = table(&rows);
    let _ = writeln!(text, "\n{} USD a month", toned(Tone::Strong, &usd(bill.usd)));
    if !bill.complete {
        let _ = writeln!(
            text,
            "{} some lines have no price, so the sum is too low: no text with those prices was found. \
             `--prices FILE` adds them.",
            toned(Tone::Warn, "not whole:")
        );
    }
    text
}

/// The texts that a bill rests on.
pub fn sources(bill: &Bill, prices: &PriceTable) -> String {
    let used: BTreeSet<&str> = bill.lines.iter().filter_map(|line| line.source.as_deref()).collect();
    let dates = |dated: Option<&str>, read: &str| match dated {
        Some(dated) => format!("of {dated}, read {read}"),
        None => format!("read {read}"),
    };
    used.into_iter()
        .filter_map(|id| prices.source(id))
        .map(|source| format!("{} ({})\n", source.text, dates(source.dated.as_deref(), &source.read)))
        .collect()
}

fn amount(line: &Line) -> String {
    match line.usd {
        None => toned(Tone::Warn, "no price"),
        Some(known) if line.unpriced > 0.0 => {
            format!(
                "{} {}",
                usd(known),
                toned(Tone::Warn, &format!("+ no price for {}", quantity(line.unpriced)))
            )
        }
        Some(known) => usd(known),
    }
}

/// An amount of money.
pub fn usd(amount: f64) -> String {
    if amount > 0.0 && amount < 0.005 { "under 0.01".to_owned() } else { format!("{amount:.2}") }
}

fn quantity(quantity: f64) -> String {
    if quantity.fract() == 0.0 || quantity >= 1000.0 {
        format!("{quantity:.0}")
    } else {
        format!("{quantity:.3}")
    }
}
