//! Options that describe a fleet, as `estimate` and `what-if` take them.

use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Code, Problem};
use firmhold_provision::cost::{Scenario, StorageClass};

use crate::quantity;

/// A fleet and its backend
#[derive(Args)]
pub struct FleetArgs {
    /// The bucket's region
    #[arg(long, value_name = "REGION")]
    region: String,
    /// Devices
    #[arg(long, value_name = "COUNT")]
    devices: u64,
    /// Size of a firmware image, e.g. 40MiB
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    image_size: u64,
    /// Images of a release, one for each kind of device
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    images: u64,
    /// Releases a month
    #[arg(long, value_name = "COUNT", default_value_t = 1.0)]
    releases: f64,
    /// Share of the devices that take each release
    #[arg(long, value_name = "0..1", default_value_t = 1.0)]
    uptake: f64,
    /// Bytes sent for each image that is installed, in images: more than 1 where lines break
    #[arg(long, value_name = "FACTOR", default_value_t = 1.1)]
    resent: f64,
    /// Requests that a device makes for an image
    #[arg(long, value_name = "COUNT", default_value_t = 2.0)]
    gets: f64,
    /// Months since the first release
    #[arg(long, value_name = "COUNT", default_value_t = 12.0)]
    months: f64,
    /// Releases kept in use; older ones are retired
    #[arg(long, value_name = "COUNT", default_value_t = 3.0)]
    live_releases: f64,
    /// Lifecycle profile: none, old-versions, retired, tiering
    #[arg(long, value_name = "PROFILE", default_value = "none")]
    lifecycle: String,
    /// Replicate to this region
    #[arg(long, value_name = "REGION")]
    second_region: Option<String>,
    /// The replica's storage class
    #[arg(long, value_name = "CLASS", default_value = "STANDARD", requires = "second_region")]
    replica_class: String,
    /// With Replication Time Control
    #[arg(long, requires = "second_region")]
    rtc: bool,
    /// Devices download through CloudFront, and are there: north-america, europe, asia, …
    #[arg(long, value_name = "GEOGRAPHY")]
    cdn: Option<String>,
    /// Encrypt with a KMS key of your own
    #[arg(long)]
    kms: bool,
    /// Filters of request metrics
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    metric_filters: u64,
    /// CloudWatch alarms
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    alarms: u64,
    /// A trail records every object call
    #[arg(long)]
    data_events: bool,
    /// Others in the account use AWS's monthly allowances up
    #[arg(long)]
    no_allowances: bool,
    /// Prices of your own, in the form of docs/account-cost.md
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

impl FleetArgs {
    /// The scenario.
    ///
    /// # Errors
    /// [`Code::Usage`] for a class or profile that there is not.
    pub fn scenario(&self) -> Result<Scenario, Problem> {
        let replica_class = StorageClass::parse(&self.replica_class).ok_or_else(|| {
            let all: Vec<&str> = StorageClass::ALL.iter().map(|class| class.as_str()).collect();
            Problem::new(Code::Usage, format!("{:?} is no storage class", self.replica_class))
                .with_hint(format!("There are {}.", all.join(", ")))
        })?;
        Ok(Scenario {
            second_region: self.second_region.clone(),
            replica_class,
            rtc: self.rtc,
            images: self.images,
            releases: self.releases,
            uptake: self.uptake,
            resent: self.resent,
            gets: self.gets,
            months: self.months,
            live_releases: self.live_releases,
            profile: self.lifecycle.parse()?,
            cdn: self.cdn.clone(),
            kms: self.kms,
            metric_filters: self.metric_filters,
            alarms: self.alarms,
            data_events: self.data_events,
            free_allowances: !self.no_allowances,
            ..Scenario::new(&self.region, self.devices, self.image_size)
        })
    }
}
