//! A price, with the text it rests on.

use serde::{Deserialize, Serialize};

/// A text that says a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// By which rows name it.
    pub id: String,
    /// What text it is.
    pub text: String,
    /// Where, if it has an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The date that the text gives itself or its prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dated: Option<String>,
    /// The day on which it was read for this table.
    pub read: String,
}

/// A step of a price: so much a unit, up to a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Up to this many units in the month; without, for all that is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    /// USD a unit; 0 is a free allowance.
    pub usd: f64,
}

/// The price of an item in a region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// In order. Where the last has an end, what lies beyond has no price.
    pub tiers: Vec<Tier>,
    /// [`Source::id`].
    pub source: String,
}

impl Price {
    /// What `quantity` units cost, and how many of them no tier covers.
    pub fn of(&self, quantity: f64, free: bool) -> (f64, f64) {
        let (mut usd, mut done) = (0.0, 0.0);
        for tier in &self.tiers {
            if !free && tier.usd == 0.0 {
                // Somebody else in the account uses the allowance up: the next tier begins at nothing.
                continue;
            }
            let here = (tier.to.unwrap_or(f64::INFINITY).min(quantity) - done).max(0.0);
            usd += here * tier.usd;
            done += here;
        }
        (usd, quantity - done)
    }

    /// USD a unit of the first tier that is not free.
    pub fn first_paid(&self) -> Option<f64> {
        self.tiers.iter().map(|tier| tier.usd).find(|usd| *usd > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(tiers: &[(Option<f64>, f64)]) -> Price {
        let tiers = tiers.iter().map(|&(to, usd)| Tier { to, usd }).collect();
        Price { tiers, source: String::new() }
    }

    #[test]
    fn tiers_and_allowances() {
        let egress = price(&[(Some(100.0), 0.0), (Some(10_240.0), 0.09), (None, 0.085)]);
        for (quantity, free, usd) in [
            (50.0, true, 0.0),
            (50.0, false, 4.5),
            (100.0, true, 0.0),
            (200.0, true, 9.0),
            (10_240.0 + 100.0, true, 10_140.0 * 0.09 + 8.5),
        ] {
            let (told, left) = egress.of(quantity, free);
            assert!((told - usd).abs() < 1e-9 && left == 0.0, "{quantity}: {told}, not {usd}");
        }
        assert_eq!(egress.first_paid(), Some(0.09));
    }

    #[test]
    fn what_no_text_covers_has_no_price() {
        assert_eq!(price(&[(Some(10.0), 1.0)]).of(25.0, true), (10.0, 15.0));
        assert_eq!(price(&[]).of(3.0, true), (0.0, 3.0));
    }
}
