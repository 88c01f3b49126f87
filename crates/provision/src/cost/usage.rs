//! What was used in a month.

use firmhold_core::{Code, Problem};
use serde::{Deserialize, Serialize};

use super::StorageClass;

/// A month of a backend, in figures: measured, or made from a scenario. What is not said is nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// The bucket's region; where a figure names none, it is of this one.
    pub region: String,
    /// Objects, as a mean over the month.
    pub stored: Vec<Stored>,
    /// What was deleted or moved before its class's least days were over.
    pub early: Vec<Early>,
    /// Requests by class.
    pub requests: Vec<Requests>,
    /// Objects that lifecycle rules moved.
    pub moved: Vec<Moved>,
    /// Bytes read from classes that bill it.
    pub retrieved: Vec<Retrieved>,
    /// Bytes from the bucket to the internet, not through a CDN.
    pub egress_bytes: u64,
    /// Bytes replicated to other regions.
    pub transfers: Vec<Transfer>,
    /// Bytes uploaded through Transfer Acceleration.
    pub accelerated_in_bytes: u64,
    /// Bytes downloaded through it.
    pub accelerated_out_bytes: u64,
    /// Through CloudFront.
    pub cdn: Vec<Cdn>,
    /// Customer managed keys.
    pub kms_keys: u64,
    /// Calls of KMS.
    pub kms_requests: u64,
    /// CloudWatch metrics that are billed: a filter of request metrics has sixteen.
    pub metrics: u64,
    /// Alarms.
    pub alarms: u64,
    /// Data events that a trail records.
    pub data_events: u64,
    /// Nobody else in the account uses AWS's monthly allowances (100 GB to the internet, 20,000 KMS requests, 1 TB of
    /// CloudFront).
    pub free_allowances: bool,
}

/// How objects stand in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Current versions.
    #[default]
    Current,
    /// Older versions.
    Noncurrent,
    /// Parts of uploads that were never completed: billed as S3 Standard.
    Incomplete,
}

/// Objects of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Where, if not in the bucket's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Their class.
    pub class: StorageClass,
    /// How they stand there.
    #[serde(default)]
    pub held: Held,
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that have less than 128 KB.
    #[serde(default)]
    pub tiny_objects: u64,
    /// Bytes of those.
    #[serde(default)]
    pub tiny_bytes: u64,
}

/// Bytes that lived too short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Early {
    /// Their class.
    pub class: StorageClass,
    /// How many.
    pub bytes: u64,
    /// Days that they lived in the class.
    pub lived_days: u32,
}

/// Requests to objects of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// Where, if not in the bucket's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The class.
    pub class: StorageClass,
    /// PUT, COPY, POST, LIST.
    #[serde(default)]
    pub puts: u64,
    /// GET and HEAD.
    #[serde(default)]
    pub gets: u64,
}

/// Objects moved by a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Into this class.
    pub into: StorageClass,
    /// How many.
    pub objects: u64,
}

/// Bytes read from a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieved {
    /// The class.
    pub class: StorageClass,
    /// How many.
    pub bytes: u64,
}

/// Bytes to another region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The region that they go to.
    pub to: String,
    /// How many.
    pub bytes: u64,
    /// Under Replication Time Control.
    #[serde(default)]
    pub rtc: bool,
}

/// Delivery through CloudFront.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cdn {
    /// Where the devices are: a geography of CloudFront's price list, e.g. `north-america`.
    pub geography: String,
    /// Bytes to them.
    pub bytes: u64,
    /// Their HTTPS requests.
    pub requests: u64,
}

impl Usage {
    /// From TOML, or from JSON if it begins with a brace.
    ///
    /// # Errors
    /// [`Code::Usage`] with the place.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let read = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| error.to_string())
        } else {
            toml::from_str(text).map_err(|error| error.to_string())
        };
        let usage: Self = read.map_err(|says| {
            Problem::new(Code::Usage, format!("these are no figures of a month: {says}"))
                .with_hint("docs/account-cost.md shows a file.")
        })?;
        usage.check()?;
        Ok(usage)
    }

    /// Refuses figures that contradict themselves.
    ///
    /// # Errors
    /// [`Code::Usage`].
    pub fn check(&self) -> Result<(), Problem> {
        if self.region.is_empty() {
            return Err(Problem::new(Code::Usage, "the month's `region` is missing"));
        }
        for stored in &self.stored {
            if stored.tiny_objects > stored.objects || stored.tiny_bytes > stored.bytes {
                let says = format!("{}: more objects or bytes below 128 KB than in all", stored.class);
                return Err(Problem::new(Code::Usage, says));
            }
        }
        Ok(())
    }
}
