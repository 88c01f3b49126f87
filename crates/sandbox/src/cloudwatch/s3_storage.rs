//! Storage metrics of buckets: once a day, for each kind of storage, and of everything that is paid for: older versions
//! and parts of open uploads as well (T11, T30)
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html>).

use std::collections::BTreeMap;

use firmhold_core::Timestamp;

use super::CloudWatch;
use super::evaluate::Progress;
use super::figures::Sample;
use super::metric::{Figure, Metric};
use crate::records::Home;
use crate::storage::StorageError;
use crate::storage::record::BucketFacts;

const DAY: i64 = 86_400;
/// Days that are caught up on when the clock was turned far.
const MAX_DAYS: i64 = 455;

impl CloudWatch {
    /// Counts what is in the buckets, for each midnight (UTC) since the last time; answers whether there was one.
    pub(super) fn count_storage(
        &self,
        progress: &mut Progress,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let today = now.as_secs().div_euclid(DAY);
        if today <= progress.storage_day {
            return Ok(false);
        }
        let first = (progress.storage_day + 1).max(today - MAX_DAYS);
        let mut samples = Vec::new();
        for facts in self.storage.all_buckets() {
            for day in first..=today {
                samples.extend(self.count_bucket(&facts, Timestamp::from_secs(day * DAY))?);
            }
        }
        self.figures.add(samples)?;
        progress.storage_day = today;
        Ok(true)
    }

    /// What was there at a midnight, of what is there now.
    fn count_bucket(&self, facts: &BucketFacts, midnight: Timestamp) -> Result<Vec<Sample>, StorageError> {
        if facts.created > midnight {
            return Ok(Vec::new());
        }
        let (mut bytes, mut objects) = (BTreeMap::<&'static str, u64>::new(), 0_u64);
        self.storage.for_each_stored(&facts.name, |stored| {
            if stored.since <= midnight {
                objects += 1;
                if let Some(size) = stored.size {
                    *bytes.entry(storage_type(stored.class)).or_default() += size;
                }
            }
        })?;
        let home = Home { account: &facts.owner_account, region: &facts.region };
        #[allow(clippy::cast_precision_loss, reason = "no bucket here has 2^53 bytes")]
        let sample = |name, kind, value: u64| {
            let metric = Metric::s3(name, &facts.name, "StorageType", kind);
            Sample::new(home, metric, midnight, Figure::one(value as f64))
        };
        // An empty bucket has no figures at all.
        let sizes = bytes.into_iter().map(|(kind, bytes)| sample("BucketSizeBytes", kind, bytes));
        let count = (objects > 0).then(|| sample("NumberOfObjects", "AllStorageTypes", objects));
        Ok(sizes.chain(count).collect())
    }
}

/// A storage class as CloudWatch calls it.
fn storage_type(class: Option<&str>) -> &'static str {
    match class {
        Some("STANDARD_IA") => "StandardIAStorage",
        Some("ONEZONE_IA") => "OneZoneIAStorage",
        Some("REDUCED_REDUNDANCY") => "ReducedRedundancyStorage",
        Some("INTELLIGENT_TIERING") => "IntelligentTieringFAStorage",
        Some("GLACIER_IR") => "GlacierInstantRetrievalStorage",
        Some("GLACIER") => "GlacierStorage",
        Some("DEEP_ARCHIVE") => "DeepArchiveStorage",
        _ => "StandardStorage",
    }
}
