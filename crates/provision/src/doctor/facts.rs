//! What is known of the trouble.

use std::collections::BTreeMap;

use firmhold_core::{Code, Problem};
use serde::Serialize;

/// A figure that can be given.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// What it is, with its unit.
    pub what: &'static str,
}

/// All that the symptoms know.
pub const FIGURES: &[Figure] = &[
    Figure { name: "latency-ms", what: "milliseconds to the first byte of a small object" },
    Figure { name: "stream-mbps", what: "megabits a second of one connection" },
    Figure { name: "parallel-gain", what: "eight connections' throughput, in that of one" },
    Figure { name: "acceleration-gain", what: "throughput through Transfer Acceleration, in that without" },
    Figure {
        name: "noncurrent-share",
        what: "share of the stored bytes that are noncurrent versions, 0 to 1",
    },
    Figure { name: "incomplete-gb", what: "GB in uploads that were never completed" },
    Figure {
        name: "tiny-share",
        what: "share of the objects in STANDARD_IA or GLACIER_IR below 128 KB, 0 to 1",
    },
    Figure { name: "gets-per-download", what: "GET requests for each download" },
    Figure { name: "downloads-per-device", what: "times that one device fetched one binary in a month" },
    Figure { name: "cross-region-share", what: "share of the bill that is transfer between regions, 0 to 1" },
    Figure { name: "insufficient-data-hours", what: "hours for which an alarm is in INSUFFICIENT_DATA" },
    Figure { name: "replication-lag-s", what: "seconds from an upload to its replica" },
    Figure { name: "clock-offset-s", what: "seconds that this machine's clock is off" },
];

/// Names to put into commands; what is not known stays a word in capitals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The bucket.
    pub bucket: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// The role's name or ARN.
    pub role: Option<String>,
    /// The KMS key.
    pub key: Option<String>,
    /// An object's key.
    pub object: Option<String>,
    /// The replica's bucket.
    pub replica: Option<String>,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// An error text, as it was printed.
    pub text: Option<String>,
    /// Figures by name.
    pub figures: BTreeMap<String, f64>,
    /// Names.
    pub names: Names,
}

impl Facts {
    /// Adds a figure, `name=value`.
    ///
    /// # Errors
    /// [`Code::Usage`] for one that there is not, with those that there are.
    pub fn add_figure(&mut self, text: &str) -> Result<(), Problem> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let known = FIGURES.iter().find(|figure| figure.name == name.trim()).ok_or_else(|| {
            let names: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
            Problem::new(Code::Usage, format!("there is no figure {:?}", name.trim()))
                .with_hint(format!("There are {}.", names.join(", ")))
        })?;
        let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(|| {
            Problem::new(Code::Usage, format!("{} needs a number: {}", known.name, known.what))
        })?;
        self.figures.insert(known.name.to_owned(), value);
        Ok(())
    }
}
