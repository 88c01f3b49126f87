//! What a fleet will do, as figures of a month.

use std::str::FromStr;

use firmhold_core::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::{Cdn, Held, Moved, Requests, StorageClass, Stored, Transfer, Usage};

/// Metrics that a filter of S3 request metrics publishes, each billed:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html>
const METRICS_A_FILTER: u64 = 16;
/// A part of an upload, in bytes; see `firmhold push --part-size`.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// After these days a noncurrent retired version moves to Standard-IA, and a retired binary to Glacier Instant
/// Retrieval.
const FIRST_MOVE_DAYS: f64 = 30.0;
/// After these a noncurrent one is deleted, and a retired binary moves to Deep Archive.
const SECOND_MOVE_DAYS: f64 = 180.0;
const MONTH_DAYS: f64 = 30.0;

/// What happens to what no release needs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// All stays in S3 Standard.
    #[default]
    None,
    /// It is deleted; its noncurrent version goes to Standard-IA at 30 days and away at 180.
    OldVersions,
    /// By its tag it goes to Glacier Instant Retrieval at 30 days and to Deep Archive at 180.
    Retired,
    /// Everything lies in Intelligent-Tiering.
    Tiering,
}

impl FromStr for Profile {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        match text {
            "none" => Ok(Self::None),
            "old-versions" => Ok(Self::OldVersions),
            "retired" => Ok(Self::Retired),
            "tiering" => Ok(Self::Tiering),
            other => Err(Problem::new(Code::Usage, format!("there is no lifecycle profile {other:?}"))
                .with_hint("There are none, old-versions, retired and tiering.")),
        }
    }
}

/// A fleet and its backend.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// The bucket's region.
    pub region: String,
    /// Where it is replicated to.
    pub second_region: Option<String>,
    /// The replica's class.
    pub replica_class: StorageClass,
    /// With Replication Time Control.
    pub rtc: bool,
    /// Devices.
    pub devices: u64,
    /// Bytes of a firmware image.
    pub image_bytes: u64,
    /// Images of a release: one for each kind of device.
    pub images: u64,
    /// Releases a month.
    pub releases: f64,
    /// Share of the devices that take each release, 0 to 1.
    pub uptake: f64,
    /// Bytes sent for each image that a device installs, in images: 1.1 where lines break.
    pub resent: f64,
    /// GET and HEAD requests that a device makes for an image.
    pub gets: f64,
    /// Months since the first release: how much is there already.
    pub months: f64,
    /// Releases that are kept in use; older ones are retired.
    pub live_releases: f64,
    /// What happens to retired ones.
    pub profile: Profile,
    /// Devices download through CloudFront, in this geography.
    pub cdn: Option<String>,
    /// With CloudFront, the share of bytes that its caches have not, 0 to 1.
    pub cdn_misses: f64,
    /// With a customer managed key of the owner's.
    pub kms: bool,
    /// Filters of request metrics.
    pub metric_filters: u64,
    /// Alarms.
    pub alarms: u64,
    /// A trail records every object call.
    pub data_events: bool,
    /// See [`Usage::free_allowances`].
    pub free_allowances: bool,
}

impl Scenario {
    /// One with the usual answers for what is not said: a release a month taken by every device, a year in.
    pub fn new(region: &str, devices: u64, image_bytes: u64) -> Self {
        Self {
            region: region.to_owned(),
            second_region: None,
            replica_class: StorageClass::Standard,
            rtc: false,
            devices,
            image_bytes,
            images: 1,
            releases: 1.0,
            uptake: 1.0,
            resent: 1.1,
            gets: 2.0,
            months: 12.0,
            live_releases: 3.0,
            profile: Profile::None,
            cdn: None,
            cdn_misses: 0.05,
            kms: false,
            metric_filters: 0,
            alarms: 0,
            data_events: false,
            free_allowances: true,
        }
    }

    /// What is taken for granted, a sentence each.
    pub fn assumptions(&self) -> Vec<String> {
        let mut says = vec![
            format!(
                "{} releases a month of {} images, each taken by {:.0} % of {} devices; {} months in",
                self.releases,
                self.images,
                self.uptake * 100.0,
                self.devices,
                self.months
            ),
            format!(
                "a device fetches {:.2} times an image's bytes by {:.1} requests, because lines break",
                self.resent, self.gets
            ),
            format!("{} releases are in use, older ones are retired", self.live_releases),
        ];
        if self.cdn.is_some() {
            says.push(format!(
                "CloudFront fetches {:.0} % of the bytes from the bucket, which costs no transfer",
                self.cdn_misses * 100.0
            ));
        }
        if self.kms {
            says.push("bucket keys are on: KMS is asked once for a hundred requests".to_owned());
        }
        says.push(if self.free_allowances {
            "nobody else in the account uses AWS's monthly allowances".to_owned()
        } else {
            "others in the account use AWS's monthly allowances up".to_owned()
        });
        says
    }

    /// The month.
    ///
    /// # Errors
    /// [`Code::Usage`] for shares that are none, and numbers that are not.
    pub fn usage(&self) -> Result<Usage, Problem> {
        self.check()?;
        let mut usage = Usage {
            region: self.region.clone(),
            free_allowances: self.free_allowances,
            kms_keys: u64::from(self.kms) * if self.second_region.is_some() { 2 } else { 1 },
            metrics: self.metric_filters.saturating_mul(METRICS_A_FILTER),
            alarms: self.alarms,
            ..Usage::default()
        };
        self.keep(&mut usage);
        self.push(&mut usage);
        self.deliver(&mut usage);
        let asked: u64 =
            usage.requests.iter().map(|requests| requests.puts.saturating_add(requests.gets)).sum();
        if self.kms {
            usage.kms_requests = asked / 100;
        }
        if self.data_events {
            usage.data_events = asked;
        }
        Ok(usage)
    }

    fn check(&self) -> Result<(), Problem> {
        let shares = [("uptake", self.uptake), ("CDN misses", self.cdn_misses)];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(Problem::new(
                    Code::Usage,
                    format!("the {name} {share} is no share: it is 0 to 1"),
                ));
            }
        }
        let counts = [
            ("releases a month", self.releases),
            ("months", self.months),
            ("releases in use", self.live_releases),
            ("times an image is sent", self.resent),
            ("requests for an image", self.gets),
        ];
        for (name, count) in counts {
            if !(count.is_finite() && (0.0..=1e9).contains(&count)) {
                return Err(Problem::new(Code::Usage, format!("{count} is no number of {name}")));
            }
        }
        if self.second_region.as_deref() == Some(self.region.as_str()) {
            return Err(Problem::new(Code::Usage, "the second region is the first one"));
        }
        Ok(())
    }

    /// The class that a new image lies in.
    fn class(&self) -> StorageClass {
        if self.profile == Profile::Tiering {
            StorageClass::IntelligentTiering
        } else {
            StorageClass::Standard
        }
    }

    /// What lies there, as a mean over the month.
    fn keep(&self, usage: &mut Usage) {
        let all = self.releases * self.months;
        let live = all.min(self.live_releases);
        let retired = all - live;
        let first = (self.releases * FIRST_MOVE_DAYS / MONTH_DAYS).min(retired);
        let second = (self.releases * SECOND_MOVE_DAYS / MONTH_DAYS).min(retired) - first;
        let (standard, ia, ir, deep) = (
            StorageClass::Standard,
            StorageClass::StandardIa,
            StorageClass::GlacierIr,
            StorageClass::DeepArchive,
        );
        let mut put = |class, held, releases: f64| {
            if releases > 0.0 {
                usage.stored.push(self.stored(class, held, releases));
            }
        };
        match self.profile {
            Profile::None | Profile::Tiering => put(self.class(), Held::Current, all),
            Profile::OldVersions => {
                put(standard, Held::Current, live);
                put(standard, Held::Noncurrent, first);
                put(ia, Held::Noncurrent, second);
            }
            Profile::Retired => {
                put(standard, Held::Current, live + first);
                put(ir, Held::Current, second);
                put(deep, Held::Current, retired - first - second);
            }
        }
        // A month's releases move on, once there are as many.
        let moved =
            |into, there: f64| Moved { into, objects: count(self.releases.min(there) * self.images as f64) };
        match self.profile {
            Profile::OldVersions => usage.moved.push(moved(ia, second)),
            Profile::Retired => {
                usage.moved.push(moved(ir, second));
                usage.moved.push(moved(deep, retired - first - second));
            }
            Profile::None | Profile::Tiering => {}
        }
        usage.moved.retain(|moved| moved.objects > 0);
        if let Some(second_region) = &self.second_region {
            let copy = self.stored(self.replica_class, Held::Current, all);
            usage.stored.push(Stored { region: Some(second_region.clone()), ..copy });
        }
    }

    fn stored(&self, class: StorageClass, held: Held, releases: f64) -> Stored {
        let objects = releases * self.images as f64;
        let bytes = count(objects * self.image_bytes as f64);
        let tiny = self.image_bytes < super::class::LEAST_BYTES;
        let objects = count(objects);
        Stored {
            region: None,
            class,
            held,
            objects,
            bytes,
            tiny_objects: if tiny { objects } else { 0 },
            tiny_bytes: if tiny { bytes } else { 0 },
        }
    }

    /// Uploads of a month, and their replication.
    fn push(&self, usage: &mut Usage) {
        let objects = self.releases * self.images as f64;
        let parts = self.image_bytes.div_ceil(PART_BYTES).max(1);
        // Beginning and completing an upload are billed as a PUT each; the manifest beside an object is one more.
        let puts = count(objects * (parts as f64 + 3.0));
        // The server reads each object once when it proves it.
        usage.requests.push(Requests { region: None, class: self.class(), puts, gets: count(objects) });
        if let Some(second) = &self.second_region {
            let bytes = count(objects * self.image_bytes as f64);
            usage.transfers.push(Transfer { to: second.clone(), bytes, rtc: self.rtc });
            // S3 copies a multipart object by the same parts.
            usage.requests.push(Requests {
                region: Some(second.clone()),
                class: self.replica_class,
                puts: count(objects * (parts as f64 + 2.0)),
                gets: 0,
            });
        }
    }

    /// Downloads of a month.
    fn deliver(&self, usage: &mut Usage) {
        let downloads = self.devices as f64 * self.uptake * self.releases;
        let bytes = downloads * self.resent * self.image_bytes as f64;
        let gets = downloads * self.gets;
        let from_bucket = match &self.cdn {
            None => {
                usage.egress_bytes = count(bytes);
                gets
            }
            Some(geography) => {
                usage.cdn.push(Cdn {
                    geography: geography.clone(),
                    bytes: count(bytes),
                    requests: count(gets),
                });
                gets * self.cdn_misses
            }
        };
        usage.requests.push(Requests {
            region: None,
            class: self.class(),
            puts: 0,
            gets: count(from_bucket),
        });
    }
}

/// The nearest whole number; never negative.
fn count(number: f64) -> u64 {
    // `as` saturates, and the inputs were checked.
    number.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Item, PriceTable, bill};

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn a_fleets_month() {
        let scenario = Scenario { resent: 1.0, gets: 1.0, ..Scenario::new("us-east-1", 1024, 100 * MIB) };
        let usage = scenario.usage().unwrap();
        // 12 releases of 100 MiB; 1,024 × 100 MiB = 100 GiB to devices, which is the allowance.
        let bill = bill(&usage, &PriceTable::committed().unwrap());
        let kept = bill.line(Item::Storage(StorageClass::Standard), "us-east-1").unwrap();
        assert!((kept.quantity - 1200.0 / 1024.0).abs() < 1e-9, "{kept:?}");
        assert_eq!(bill.line(Item::Egress, "us-east-1").unwrap().usd, Some(0.0));
        assert!(bill.complete, "{bill:?}");
    }

    #[test]
    fn profiles_move_what_is_retired() {
        let of = |profile| {
            let scenario = Scenario { profile, months: 24.0, ..Scenario::new("us-east-1", 10, MIB) };
            let stored = scenario.usage().unwrap().stored;
            stored.iter().map(|stored| (stored.class.as_str(), stored.objects)).collect::<Vec<_>>()
        };
        // 24 releases, 3 in use, 21 retired: one of the last 30 days, five up to 180, fifteen older.
        assert_eq!(of(Profile::None), [("STANDARD", 24)]);
        assert_eq!(of(Profile::Tiering), [("INTELLIGENT_TIERING", 24)]);
        assert_eq!(of(Profile::OldVersions), [("STANDARD", 3), ("STANDARD", 1), ("STANDARD_IA", 5)]);
        assert_eq!(of(Profile::Retired), [("STANDARD", 4), ("GLACIER_IR", 5), ("DEEP_ARCHIVE", 15)]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let base = || Scenario::new("us-east-1", 1, 1);
        for scenario in [
            Scenario { uptake: 1.5, ..base() },
            Scenario { releases: f64::NAN, ..base() },
            Scenario { months: -1.0, ..base() },
            Scenario { second_region: Some("us-east-1".to_owned()), ..base() },
        ] {
            assert_eq!(scenario.usage().unwrap_err().code(), Code::Usage);
        }
    }
}
