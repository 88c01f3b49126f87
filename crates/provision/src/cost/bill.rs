//! The bill of a month.

use std::collections::BTreeMap;

use serde::Serialize;

use super::class::{ARCHIVE_INDEX_BYTES, ARCHIVE_NAME_BYTES, LEAST_BYTES};
use super::{Held, Item, PriceTable, StorageClass, Stored, Usage, gb};

/// Days of the month that early deletions are billed by.
const MONTH_DAYS: f64 = 30.0;

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What.
    pub item: Item,
    /// Its words.
    pub what: String,
    /// Where.
    pub region: String,
    /// How much, in `unit`.
    pub quantity: f64,
    /// The unit of the price.
    pub unit: &'static str,
    /// What it costs, as far as there is a price; `None` where there is none at all.
    pub usd: Option<f64>,
    /// How much of the quantity has no price.
    pub unpriced: f64,
    /// The text that the price rests on.
    pub source: Option<String>,
}

/// A month's bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// Its lines; none of them is of nothing.
    pub lines: Vec<Line>,
    /// The sum of what has a price.
    pub usd: f64,
    /// Whether every line has one.
    pub complete: bool,
}

impl Bill {
    /// The line of an item in a region.
    pub fn line(&self, item: Item, region: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.item == item && line.region == region)
    }
}

/// Prices a month.
pub fn bill(usage: &Usage, prices: &PriceTable) -> Bill {
    let mut counted = Counted { usage, amounts: BTreeMap::new() };
    counted.storage();
    counted.requests();
    counted.traffic();
    counted.services();
    let lines: Vec<Line> = counted
        .amounts
        .into_iter()
        .filter(|(_, pieces)| *pieces > 0.0)
        .map(|(key, pieces)| line(&key, pieces, prices, usage.free_allowances))
        .collect();
    Bill {
        usd: lines.iter().filter_map(|line| line.usd).sum(),
        complete: lines.iter().all(|line| line.unpriced <= 0.0),
        lines,
    }
}

/// An item in a region, and of a transfer the region that it goes to.
type Key = (Item, String, Option<String>);

/// Pieces (GB, requests, keys) of each item: tiers are by the sum of a month, so the same item adds up first.
struct Counted<'a> {
    usage: &'a Usage,
    amounts: BTreeMap<Key, f64>,
}

impl Counted<'_> {
    fn add(&mut self, item: Item, region: Option<&str>, pieces: f64) {
        let region = region.unwrap_or(&self.usage.region).to_owned();
        *self.amounts.entry((item, region, None)).or_default() += pieces;
    }

    fn storage(&mut self) {
        let usage = self.usage;
        for stored in &usage.stored {
            let region = stored.region.as_deref();
            let class = if stored.held == Held::Incomplete { StorageClass::Standard } else { stored.class };
            self.add(Item::Storage(class), region, billed_gb(class, stored));
            if class.is_archive() {
                let names = gb(stored.objects.saturating_mul(ARCHIVE_NAME_BYTES));
                self.add(Item::Storage(StorageClass::Standard), region, names);
            }
            if class == StorageClass::IntelligentTiering {
                let watched = stored.objects.saturating_sub(stored.tiny_objects);
                self.add(Item::Monitoring, region, watched as f64);
            }
        }
        for early in &usage.early {
            let short = early.class.least_days().saturating_sub(early.lived_days);
            self.add(Item::Storage(early.class), None, gb(early.bytes) * f64::from(short) / MONTH_DAYS);
        }
    }

    fn requests(&mut self) {
        let usage = self.usage;
        for requests in &usage.requests {
            let region = requests.region.as_deref();
            self.add(Item::Put(requests.class), region, requests.puts as f64);
            self.add(Item::Get(requests.class), region, requests.gets as f64);
        }
        for moved in &usage.moved {
            self.add(Item::Transition(moved.into), None, moved.objects as f64);
        }
        for retrieved in &usage.retrieved {
            self.add(Item::Retrieval(retrieved.class), None, gb(retrieved.bytes));
        }
    }

    fn traffic(&mut self) {
        let usage = self.usage;
        self.add(Item::Egress, None, gb(usage.egress_bytes));
        self.add(Item::AccelerationIn, None, gb(usage.accelerated_in_bytes));
        self.add(Item::AccelerationOut, None, gb(usage.accelerated_out_bytes));
        for transfer in &usage.transfers {
            let key = (Item::Transfer, usage.region.clone(), Some(transfer.to.clone()));
            *self.amounts.entry(key).or_default() += gb(transfer.bytes);
            if transfer.rtc {
                self.add(Item::Rtc, None, gb(transfer.bytes));
            }
        }
        for cdn in &usage.cdn {
            self.add(Item::CdnEgress, Some(&cdn.geography), gb(cdn.bytes));
            self.add(Item::CdnRequest, Some(&cdn.geography), cdn.requests as f64);
        }
    }

    fn services(&mut self) {
        let usage = self.usage;
        for (item, count) in [
            (Item::KmsKey, usage.kms_keys),
            (Item::KmsRequest, usage.kms_requests),
            (Item::Metric, usage.metrics),
            (Item::Alarm, usage.alarms),
            (Item::DataEvent, usage.data_events),
        ] {
            self.add(item, None, count as f64);
        }
    }
}

/// GB that a class bills for these: tiny objects count 128 KB where there is a least size, and an archived one
/// carries its index.
fn billed_gb(class: StorageClass, stored: &Stored) -> f64 {
    let bytes = if class.has_least_size() {
        let larger = stored.bytes.saturating_sub(stored.tiny_bytes);
        larger.saturating_add(stored.tiny_objects.saturating_mul(LEAST_BYTES))
    } else if class.is_archive() {
        stored.bytes.saturating_add(stored.objects.saturating_mul(ARCHIVE_INDEX_BYTES))
    } else {
        stored.bytes
    };
    gb(bytes)
}

fn line((item, region, to): &Key, pieces: f64, prices: &PriceTable, free: bool) -> Line {
    let (unit, per) = item.unit();
    let quantity = pieces / per;
    let price = prices.find_to(*item, region, to.as_deref());
    let (usd, unpriced) = price.map_or((None, quantity), |price| {
        let (usd, unpriced) = price.of(quantity, free);
        (Some(usd), unpriced)
    });
    let region = to.as_ref().map_or_else(|| region.clone(), |to| format!("{region} to {to}"));
    Line {
        item: *item,
        what: item.words(),
        region,
        quantity,
        unit,
        usd,
        // What is left by rounding is not a quantity.
        unpriced: if unpriced > 1e-9 { unpriced } else { 0.0 },
        source: price.map(|price| price.source.clone()),
    }
}
