//! What makes a month dear.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Bill, Held, Item, Record, StorageClass, Usage, gb};

/// A device that has fetched one thing so many times does not install it.
const TOO_OFTEN: f64 = 5.0;
/// So many devices are named; the others are counted.
const MOST_NAMED: usize = 10;
/// Shares and rates from which they are worth a word.
const NONCURRENT_SHARE: f64 = 0.3;
const GETS_A_DOWNLOAD: f64 = 20.0;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observation {
    /// A stable name.
    pub id: &'static str,
    /// A sentence with the figures.
    pub says: String,
    /// What to do, as a command or a setting.
    pub mend: String,
    /// USD of the month, where there is a price.
    pub usd: Option<f64>,
}

/// Looks at a month, its bill, and who downloaded what; the dearest first.
pub fn observe(usage: &Usage, bill: &Bill, records: &[Record]) -> Vec<Observation> {
    let mut seen = repeated_downloads(bill, usage, records);
    seen.extend(noncurrent(usage, bill));
    seen.extend(incomplete(usage, bill));
    seen.extend(tiny_objects(usage, bill));
    seen.extend(many_gets(usage, records));
    seen.extend(cross_region(usage, bill));
    seen.extend(early_deletions(usage));
    seen.sort_by(|a, b| b.usd.unwrap_or(0.0).total_cmp(&a.usd.unwrap_or(0.0)));
    seen
}

/// USD a unit that the bill paid on average for an item.
fn mean_usd(bill: &Bill, item: Item, region: &str) -> Option<f64> {
    let line = bill.line(item, region)?;
    (line.quantity > 0.0).then_some(line.usd? / line.quantity)
}

/// Devices that fetch one binary again and again: an installation that fails, or a loop.
fn repeated_downloads(bill: &Bill, usage: &Usage, records: &[Record]) -> Vec<Observation> {
    let mut fetched: BTreeMap<(&str, &str), (u64, u64, Option<u64>)> = BTreeMap::new();
    for record in records {
        let entry = fetched.entry((&record.device, &record.binary)).or_default();
        entry.0 += 1;
        entry.1 = entry.1.saturating_add(record.bytes);
        entry.2 = entry.2.or(record.size).filter(|size| *size > 0);
    }
    let times = |(count, bytes, size): (u64, u64, Option<u64>)| match size {
        Some(size) => bytes as f64 / size as f64,
        None => count as f64,
    };
    let mut often: Vec<_> = fetched.into_iter().filter(|(_, seen)| times(*seen) >= TOO_OFTEN).collect();
    often.sort_by(|a, b| b.1.1.cmp(&a.1.1).then_with(|| a.0.cmp(&b.0)));
    let a_gb = mean_usd(bill, Item::Egress, &usage.region);
    let more = often.len().saturating_sub(MOST_NAMED);
    let mut told: Vec<Observation> = often
        .into_iter()
        .take(MOST_NAMED)
        .map(|((device, binary), seen)| Observation {
            id: "repeated-download",
            says: format!(
                "{device} downloaded {binary} {:.0} times this month, {:.2} GB in all",
                times(seen),
                gb(seen.1)
            ),
            mend: "look at that device's installation log: it fetches and does not install. Until then, quarantine it or leave it out of the release".to_owned(),
            usd: a_gb.map(|usd| usd * gb(seen.1)),
        })
        .collect();
    if more > 0 {
        told.push(Observation {
            id: "repeated-downloads",
            says: format!("{more} more devices downloaded one thing {TOO_OFTEN:.0} times or more"),
            mend: "so many at once have a cause in common: look at the release".to_owned(),
            usd: None,
        });
    }
    told
}

/// Bytes held in a way, and what they cost at each class's mean price.
fn held(usage: &Usage, bill: &Bill, held: Held) -> (u64, Option<f64>) {
    let (mut bytes, mut usd) = (0_u64, Some(0.0));
    for stored in usage.stored.iter().filter(|stored| stored.held == held) {
        let class = if held == Held::Incomplete { StorageClass::Standard } else { stored.class };
        let region = stored.region.as_deref().unwrap_or(&usage.region);
        bytes = bytes.saturating_add(stored.bytes);
        usd = usd
            .zip(mean_usd(bill, Item::Storage(class), region))
            .map(|(sum, mean)| sum + mean * gb(stored.bytes));
    }
    (bytes, usd)
}

fn noncurrent(usage: &Usage, bill: &Bill) -> Option<Observation> {
    let (old, usd) = held(usage, bill, Held::Noncurrent);
    let all: u64 = usage.stored.iter().map(|stored| stored.bytes).fold(0, u64::saturating_add);
    (old > 0 && old as f64 >= all as f64 * NONCURRENT_SHARE).then(|| Observation {
        id: "noncurrent-versions",
        says: format!("{:.2} GB of {:.2} GB are older versions, which no listing shows", gb(old), gb(all)),
        mend: "a lifecycle rule for noncurrent versions (T11): the profile `old-versions` has it".to_owned(),
        usd,
    })
}

fn incomplete(usage: &Usage, bill: &Bill) -> Option<Observation> {
    let (bytes, usd) = held(usage, bill, Held::Incomplete);
    (bytes > 0).then(|| Observation {
        id: "abandoned-uploads",
        says: format!("{:.2} GB are parts of uploads that were never completed", gb(bytes)),
        mend: "a lifecycle rule with AbortIncompleteMultipartUpload after 7 days (T11): every profile has it"
            .to_owned(),
        usd,
    })
}

fn tiny_objects(usage: &Usage, bill: &Bill) -> Option<Observation> {
    let least = super::class::LEAST_BYTES;
    let in_class =
        usage.stored.iter().filter(|stored| stored.class.has_least_size() && stored.tiny_objects > 0);
    let (mut objects, mut padding, mut usd) = (0_u64, 0_u64, Some(0.0));
    for stored in in_class {
        let more = stored.tiny_objects.saturating_mul(least).saturating_sub(stored.tiny_bytes);
        let region = stored.region.as_deref().unwrap_or(&usage.region);
        objects = objects.saturating_add(stored.tiny_objects);
        padding = padding.saturating_add(more);
        let mean = mean_usd(bill, Item::Storage(stored.class), region);
        usd = usd.zip(mean).map(|(sum, mean)| sum + mean * gb(more));
    }
    (objects > 0).then(|| Observation {
        id: "tiny-objects",
        says: format!(
            "{objects} objects below 128 KB lie in a class that bills 128 KB for each: {:.2} GB are paid for that nobody stored",
            gb(padding)
        ),
        mend: "give the lifecycle rule `ObjectSizeGreaterThan: 131072` (T10)".to_owned(),
        usd,
    })
}

/// Many requests for each download: ranges that are too small.
fn many_gets(usage: &Usage, records: &[Record]) -> Option<Observation> {
    let gets: u64 = usage.requests.iter().map(|requests| requests.gets).fold(0, u64::saturating_add);
    let sent = records
        .iter()
        .filter_map(|record| Some(record.bytes as f64 / record.size.filter(|size| *size > 0)? as f64));
    let downloads: f64 = sent.sum();
    let each = gets as f64 / downloads;
    (downloads >= 1.0 && each >= GETS_A_DOWNLOAD).then(|| Observation {
        id: "many-requests",
        says: format!("{gets} requests for {downloads:.0} downloads: {each:.0} each"),
        mend: "let devices ask for larger ranges: a request costs as much for one byte as for all".to_owned(),
        usd: None,
    })
}

fn cross_region(usage: &Usage, bill: &Bill) -> Option<Observation> {
    let bytes = usage.transfers.iter().map(|transfer| transfer.bytes).fold(0, u64::saturating_add);
    let lines = bill.lines.iter().filter(|line| matches!(line.item, Item::Transfer | Item::Rtc));
    let usd: f64 = lines.filter_map(|line| line.usd).sum();
    (bytes > 0 && usd >= bill.usd * 0.2).then(|| Observation {
        id: "cross-region",
        says: format!("{:.2} GB went to other regions, a fifth of the bill or more", gb(bytes)),
        mend:
            "replicate the prefix of the binaries only, and without time control where minutes do not matter"
                .to_owned(),
        usd: Some(usd),
    })
}

fn early_deletions(usage: &Usage) -> Option<Observation> {
    let short = usage.early.iter().filter(|early| early.lived_days < early.class.least_days());
    let bytes = short.map(|early| early.bytes).fold(0, u64::saturating_add);
    (bytes > 0).then(|| Observation {
        id: "early-deletion",
        says: format!(
            "{:.2} GB left their class before its least days, which are billed all the same",
            gb(bytes)
        ),
        mend: "move later, or delete from S3 Standard what lives for weeks only (T10)".to_owned(),
        usd: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{PriceTable, Stored, bill};

    fn month() -> Usage {
        Usage { region: "us-east-1".to_owned(), egress_bytes: 400 << 30, ..Usage::default() }
    }

    fn seen(usage: &Usage, records: &[Record]) -> Vec<Observation> {
        observe(usage, &bill(usage, &PriceTable::committed().unwrap()), records)
    }

    fn record(device: &str, bytes: u64, size: Option<u64>) -> Record {
        Record { device: device.to_owned(), binary: "gateway 1.2.0".to_owned(), bytes, size }
    }

    #[test]
    fn the_device_that_downloads_forty_times_is_named() {
        let mut records: Vec<Record> = (0..100).map(|n| record(&format!("gw-{n}"), 1 << 30, None)).collect();
        records.extend((0..40).map(|_| record("gw-7713", 1 << 30, None)));
        let told = seen(&month(), &records);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].says, "gw-7713 downloaded gateway 1.2.0 40 times this month, 40.00 GB in all");
        // 400 GB at 0.09.
        assert!((told[0].usd.unwrap() - 3.6).abs() < 1e-6, "{told:?}");
    }

    #[test]
    fn forty_ranges_of_one_file_are_one_download() {
        let ranges: Vec<Record> = (0..40).map(|_| record("gw-1", 1 << 20, Some(40 << 20))).collect();
        assert_eq!(seen(&month(), &ranges), []);
    }

    #[test]
    fn hidden_bytes_are_told_with_their_price() {
        let stored = |held, class, objects, bytes, tiny_objects, tiny_bytes| Stored {
            region: None,
            class,
            held,
            objects,
            bytes,
            tiny_objects,
            tiny_bytes,
        };
        let usage = Usage {
            stored: vec![
                stored(Held::Current, StorageClass::Standard, 10, 100 << 30, 0, 0),
                stored(Held::Noncurrent, StorageClass::Standard, 10, 100 << 30, 0, 0),
                stored(Held::Incomplete, StorageClass::Standard, 3, 10 << 30, 0, 0),
                stored(Held::Current, StorageClass::StandardIa, 81_920, 80 << 20, 81_920, 80 << 20),
            ],
            ..month()
        };
        let told = seen(&usage, &[]);
        let ids: Vec<(&str, f64)> =
            told.iter().map(|seen| (seen.id, (seen.usd.unwrap() * 1000.0).round() / 1000.0)).collect();
        // 100 GB and 10 GB at 0.023; 81,920 × 128 KB = 10 GB less 80 MB at 0.0125.
        assert_eq!(ids, [("noncurrent-versions", 2.3), ("abandoned-uploads", 0.23), ("tiny-objects", 0.124)]);
    }
}
