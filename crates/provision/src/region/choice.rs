//! The choice, and why.

use std::str::FromStr;

use firmhold_core::{Code, Problem};
use serde::Serialize;

use super::country::{Country, country};
use super::distance::kilometres;
use super::region_table::{Region, regions};
use super::residency::Residency;
use crate::cost::{Item, PriceTable, StorageClass};

/// A secondary must be this far from the primary, or one storm, flood or grid failure reaches both.
const APART_KM: f64 = 300.0;
/// Regions whose mean distances differ by less than this share are as far as each other; then the price decides.
const AS_FAR: f64 = 0.10;
/// So that nothing is divided by a distance of nothing.
const NEAR_KM: f64 = 100.0;

/// Devices in one country.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fleet {
    /// Where.
    pub country: Country,
    /// How many.
    pub devices: u64,
}

impl FromStr for Fleet {
    type Err = Problem;

    /// `DE` or `DE=1200`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let (code, count) = text.split_once('=').unwrap_or((text, "1"));
        let usage = |says: String| {
            Problem::new(Code::Usage, says)
                .with_hint("Write the two letters of a country and a number: DE=1200.")
        };
        let country = *country(code.trim())
            .ok_or_else(|| usage(format!("{:?} is no country of ISO 3166", code.trim())))?;
        let devices = count.trim().parse::<u64>().ok().filter(|count| *count > 0);
        let devices = devices.ok_or_else(|| usage(format!("{:?} is no number of devices", count.trim())))?;
        Ok(Self { country, devices })
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Where the devices are; at least one.
    pub fleet: Vec<Fleet>,
    /// Where the data may lie.
    pub residency: Residency,
    /// Also regions that an account must turn on first.
    pub opt_in: bool,
}

/// A region with its figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The region.
    pub region: Region,
    /// Mean great circle from the devices, each as heavy as it counts, in kilometres.
    pub mean_km: f64,
    /// To the farthest country of the fleet, in kilometres.
    pub farthest_km: f64,
    /// The farthest country.
    pub farthest: &'static str,
    /// List price of S3 Standard, first tier, USD per GB-month; `None` where no text with a price was found.
    pub storage_usd: Option<f64>,
    /// List price of transfer to the internet, first paid tier, USD per GB; `None` as above.
    pub egress_usd: Option<f64>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// Where the bucket should lie.
    pub primary: Candidate,
    /// Why, a sentence each.
    pub primary_reasons: Vec<String>,
    /// Where the replica should lie, if any region is fit for it.
    pub secondary: Option<Candidate>,
    /// Why it, or why none.
    pub secondary_reasons: Vec<String>,
    /// The next ones, nearest first.
    pub others: Vec<Candidate>,
}

/// Chooses a primary and a secondary region.
///
/// # Errors
/// [`Code::Usage`] when there are no devices, or no region keeps the residency rule: which countries have one is told.
pub fn choose(question: &Question, prices: &PriceTable) -> Result<Choice, Problem> {
    if question.fleet.is_empty() {
        return Err(Problem::new(Code::Usage, "there are no devices to be near to")
            .with_hint("Say where they are: `--devices DE=1200 --devices US=300`."));
    }
    let mut all = candidates(question, prices)?;
    let (at, by_price) = nearest(&all);
    let primary = all.remove(at);
    let primary_reasons = primary_reasons(question, &primary, by_price.as_deref());
    let apart: Vec<usize> = (0..all.len())
        .filter(|index| all.get(*index).is_some_and(|other| apart_km(&primary, other) >= APART_KM))
        .collect();
    let fit: Vec<Candidate> = apart.iter().filter_map(|index| all.get(*index).cloned()).collect();
    let (secondary, secondary_reasons) = if fit.is_empty() {
        (None, vec![no_secondary(question, &primary)])
    } else {
        let (at, by_price) = nearest(&fit);
        let chosen = fit.into_iter().nth(at);
        let reasons =
            chosen.as_ref().map(|chosen| secondary_reasons(question, &primary, chosen, by_price.as_deref()));
        (chosen, reasons.unwrap_or_default())
    };
    let taken = secondary.as_ref().map(|candidate| candidate.region.code);
    all.retain(|candidate| Some(candidate.region.code) != taken);
    all.truncate(3);
    Ok(Choice { primary, primary_reasons, secondary, secondary_reasons, others: all })
}

/// Those that are allowed, nearest first; never empty.
fn candidates(question: &Question, prices: &PriceTable) -> Result<Vec<Candidate>, Problem> {
    let kept = |region: &&Region| question.residency.allows(region.country);
    let open = |region: &&Region| question.opt_in || !region.opt_in;
    let mut all: Vec<Candidate> = regions()
        .iter()
        .filter(kept)
        .filter(open)
        .map(|region| candidate(region, question, prices))
        .collect();
    all.sort_by(|a, b| a.mean_km.total_cmp(&b.mean_km).then_with(|| a.region.code.cmp(b.region.code)));
    if !all.is_empty() {
        return Ok(all);
    }
    let off: Vec<&str> = regions().iter().filter(kept).map(|region| region.code).collect();
    let problem =
        Problem::new(Code::Usage, format!("no region that is on by default lies in {}", question.residency));
    Err(if off.is_empty() {
        problem.with_hint("AWS's standard partition has no region there at all; China and GovCloud are partitions of their own.")
    } else {
        problem
            .with_hint(format!("An account can turn {} on; `--opt-in` lets it be chosen.", off.join(" or ")))
    })
}

fn candidate(region: &Region, question: &Question, prices: &PriceTable) -> Candidate {
    let far = |fleet: &Fleet| kilometres(fleet.country.place, region.place);
    let total: f64 = question.fleet.iter().map(|fleet| fleet.devices as f64).sum();
    let sum: f64 = question.fleet.iter().map(|fleet| far(fleet) * fleet.devices as f64).sum();
    let farthest = question.fleet.iter().max_by(|a, b| far(a).total_cmp(&far(b)));
    Candidate {
        region: *region,
        mean_km: (sum / total).round(),
        farthest_km: farthest.map_or(0.0, far).round(),
        farthest: farthest.map_or("", |fleet| fleet.country.name),
        storage_usd: prices.first_tier(Item::Storage(StorageClass::Standard), region.code),
        egress_usd: prices.first_tier(Item::Egress, region.code),
    }
}

/// Which of them, sorted by distance, is taken: the nearest, or one as near with a lower price of storage and
/// transfer; then a sentence on that.
fn nearest(all: &[Candidate]) -> (usize, Option<String>) {
    let Some(first) = all.first() else { return (0, None) };
    let bound = first.mean_km.max(NEAR_KM) * (1.0 + AS_FAR);
    let price = |candidate: &Candidate| Some(candidate.storage_usd? + candidate.egress_usd?);
    let Some(to_beat) = price(first) else { return (0, None) };
    let as_far = all.iter().enumerate().skip(1).take_while(|(_, other)| other.mean_km <= bound);
    let cheaper = as_far
        .filter_map(|(index, other)| Some((index, other, price(other).filter(|own| *own < to_beat - 1e-9)?)))
        .min_by(|a, b| a.2.total_cmp(&b.2));
    match cheaper {
        Some((index, other, own)) => {
            let says = format!(
                "{} is nearer by {:.0} km only, and a GB stored for a month and fetched once costs {to_beat:.4} USD there instead of {own:.4}",
                first.region.code,
                other.mean_km - first.mean_km
            );
            (index, Some(says))
        }
        None => (0, None),
    }
}

fn apart_km(a: &Candidate, b: &Candidate) -> f64 {
    kilometres(a.region.place, b.region.place)
}

fn primary_reasons(question: &Question, chosen: &Candidate, by_price: Option<&str>) -> Vec<String> {
    let mut reasons = vec![match by_price {
        Some(says) => {
            format!("{:.0} km from a device on average, among the nearest: {says}", chosen.mean_km)
        }
        None => format!("{:.0} km from a device on average, the nearest of those allowed", chosen.mean_km),
    }];
    if question.fleet.len() > 1 {
        reasons.push(format!("{:.0} km to the farthest devices, in {}", chosen.farthest_km, chosen.farthest));
    }
    reasons.extend(residency_reason(question, chosen));
    reasons.push(price_reason(chosen));
    reasons
}

fn secondary_reasons(
    question: &Question,
    primary: &Candidate,
    chosen: &Candidate,
    by_price: Option<&str>,
) -> Vec<String> {
    let mut reasons = vec![format!(
        "{:.0} km from {}: what takes one down does not reach the other",
        apart_km(primary, chosen),
        primary.region.code
    )];
    reasons.push(format!("{:.0} km from a device on average when it has to serve them", chosen.mean_km));
    reasons.extend(by_price.map(str::to_owned));
    reasons.extend(residency_reason(question, chosen));
    reasons.push(price_reason(chosen));
    reasons
}

fn residency_reason(question: &Question, chosen: &Candidate) -> Option<String> {
    let rule = (question.residency != Residency::Anywhere).then_some(&question.residency)?;
    let name = country(chosen.region.country).map_or(chosen.region.country, |country| country.name);
    let on = if chosen.region.opt_in { ", and must be turned on in the account first" } else { "" };
    Some(format!("lies in {name}: the data stays in {rule}{on}"))
}

fn price_reason(chosen: &Candidate) -> String {
    let usd =
        |price: Option<f64>| price.map_or_else(|| "no price".to_owned(), |price| format!("{price} USD"));
    format!(
        "list price: {} a GB-month in S3 Standard, {} a GB to the internet",
        usd(chosen.storage_usd),
        usd(chosen.egress_usd)
    )
}

fn no_secondary(question: &Question, primary: &Candidate) -> String {
    let more = if question.opt_in {
        ""
    } else {
        "; with regions that must be turned on first (`--opt-in`) there may be one"
    };
    format!(
        "no other region in {} is at least {APART_KM:.0} km from {}{more}",
        question.residency, primary.region.code
    )
}
