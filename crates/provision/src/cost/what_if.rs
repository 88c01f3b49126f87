//! Two scenarios side by side.

use std::collections::BTreeMap;

use firmhold_core::Problem;
use serde::Serialize;

use super::{Bill, PriceTable, Profile, Scenario, bill};

/// What is changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Deliver through CloudFront, in this geography.
    Cdn(String),
    /// Replicate to this region.
    SecondRegion(String),
    /// Another lifecycle profile.
    Profile(Profile),
    /// Another region for the bucket.
    Region(String),
}

impl Change {
    fn applied(&self, mut scenario: Scenario) -> Scenario {
        match self {
            Self::Cdn(geography) => scenario.cdn = Some(geography.clone()),
            Self::SecondRegion(region) => scenario.second_region = Some(region.clone()),
            Self::Profile(profile) => scenario.profile = *profile,
            Self::Region(region) => scenario.region.clone_from(region),
        }
        scenario
    }
}

/// A line that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// What and where.
    pub what: String,
    /// USD before; `None` where there is no such line, or no price for it.
    pub before: Option<f64>,
    /// USD after; as above.
    pub after: Option<f64>,
    /// A price is missing on one side, so the difference is not known.
    pub no_price: bool,
}

/// Before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The bill as it is.
    pub before: Bill,
    /// The bill as it would be.
    pub after: Bill,
    /// Lines that differ, the largest difference first.
    pub differences: Vec<Difference>,
    /// USD a month more, negative for less; `None` when a price is missing on either side.
    pub usd: Option<f64>,
}

/// Compares a scenario with what it would be.
///
/// # Errors
/// As [`Scenario::usage`], on either side.
pub fn what_if(scenario: &Scenario, changes: &[Change], prices: &PriceTable) -> Result<Comparison, Problem> {
    let changed = changes.iter().fold(scenario.clone(), |scenario, change| change.applied(scenario));
    let before = bill(&scenario.usage()?, prices);
    let after = bill(&changed.usage()?, prices);
    let differences = differences(&before, &after);
    let known = before.complete && after.complete;
    Ok(Comparison { usd: known.then_some(after.usd - before.usd), differences, before, after })
}

fn differences(before: &Bill, after: &Bill) -> Vec<Difference> {
    let mut lines: BTreeMap<(String, String), Difference> = BTreeMap::new();
    for (bill, is_after) in [(before, false), (after, true)] {
        for line in &bill.lines {
            let entry = lines.entry((line.what.clone(), line.region.clone())).or_insert_with(|| Difference {
                what: format!("{}, {}", line.what, line.region),
                before: None,
                after: None,
                no_price: false,
            });
            *(if is_after { &mut entry.after } else { &mut entry.before }) = line.usd;
            entry.no_price |= line.unpriced > 0.0;
        }
    }
    let by = |difference: &Difference| difference.after.unwrap_or(0.0) - difference.before.unwrap_or(0.0);
    let mut differing: Vec<Difference> =
        lines.into_values().filter(|line| line.no_price || by(line).abs() >= 0.005).collect();
    differing.sort_by(|a, b| by(b).abs().total_cmp(&by(a).abs()));
    differing
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_cdn_moves_the_bytes() {
        let scenario = Scenario { gets: 1.0, resent: 1.0, ..Scenario::new("us-east-1", 10_000, GIB) };
        let prices = PriceTable::committed().unwrap();
        let told = what_if(&scenario, &[Change::Cdn("north-america".to_owned())], &prices).unwrap();
        // 10,000 GB: 9,900 × 0.09 = 891 from the bucket, 10,000 × 0.085 = 850 and a cent from CloudFront.
        let usd = told.usd.unwrap();
        assert!((usd - (850.0 - 891.0)).abs() < 0.1, "{usd}");
        let first: Vec<&str> = told.differences.iter().take(2).map(|line| line.what.as_str()).collect();
        assert_eq!(
            first,
            ["transfer to the internet, us-east-1", "CloudFront to the internet, north-america"]
        );
    }

    #[test]
    fn a_missing_price_is_said() {
        let scenario = Scenario::new("us-east-1", 10, GIB);
        let prices = PriceTable::committed().unwrap();
        let told = what_if(&scenario, &[Change::SecondRegion("mx-central-1".to_owned())], &prices).unwrap();
        assert_eq!(told.usd, None);
        assert!(
            told.differences
                .iter()
                .any(|line| line.no_price && line.what == "storage STANDARD, mx-central-1")
        );
    }
}
