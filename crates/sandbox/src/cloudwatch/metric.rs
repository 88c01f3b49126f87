//! A metric and its figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invalid_value;
use crate::aws_error::AwsError;

/// What is measured, of what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) dimensions: BTreeMap<String, String>,
}

/// A dimension as calls have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Dimension {
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: Option<String>,
}

/// All that is kept of the values of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
}

/// What is asked of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
}

impl Metric {
    /// A metric of S3.
    pub(super) fn s3(name: &str, bucket: &str, dimension: &str, value: &str) -> Self {
        let dimensions = [("BucketName", bucket), (dimension, value)];
        Self {
            namespace: "AWS/S3".to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    /// As answers have its dimensions.
    pub(super) fn dimension_list(&self) -> Vec<Value> {
        self.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
    }

    pub(super) fn described(&self) -> Value {
        json!({
            "Namespace": self.namespace,
            "MetricName": self.name,
            "Dimensions": self.dimension_list(),
        })
    }

    /// S3 says what its figures are; of those that somebody puts nothing is known.
    pub(super) fn unit(&self) -> &'static str {
        match (self.namespace.as_str(), self.name.as_str()) {
            ("AWS/S3", name) if name.starts_with("Bytes") || name.starts_with("BucketSize") => "Bytes",
            ("AWS/S3", name) if name.ends_with("Latency") => "Milliseconds",
            ("AWS/S3", _) => "Count",
            _ => "None",
        }
    }
}

/// The dimensions of a call, each with a value.
pub(super) fn dimensions(list: &[Dimension]) -> Result<BTreeMap<String, String>, AwsError> {
    list.iter()
        .map(|dimension| match &dimension.value {
            Some(value) if !value.is_empty() && !dimension.name.is_empty() => {
                Ok((dimension.name.clone(), value.clone()))
            }
            _ => Err(invalid_value("A dimension has a name and a value.")),
        })
        .collect()
}

impl Figure {
    pub(super) fn one(value: f64) -> Self {
        Self { count: 1.0, sum: value, minimum: value, maximum: value }
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
        }
    }

    pub(super) fn get(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::SampleCount => self.count,
            Statistic::Average => self.sum / self.count,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
        }
    }
}

impl Statistic {
    /// Percentiles would need the values themselves, which are not kept.
    pub(super) fn read(name: &str) -> Result<Self, AwsError> {
        match name {
            "SampleCount" => Ok(Self::SampleCount),
            "Average" => Ok(Self::Average),
            "Sum" => Ok(Self::Sum),
            "Minimum" => Ok(Self::Minimum),
            "Maximum" => Ok(Self::Maximum),
            other => Err(invalid_value(format!("The sandbox has no statistic {other}."))),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SampleCount => "SampleCount",
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_join() {
        let joined = Figure::one(0.0).join(Figure::one(1.0)).join(Figure::one(0.0)).join(Figure::one(1.0));
        assert_eq!((joined.get(Statistic::SampleCount), joined.get(Statistic::Average)), (4.0, 0.5));
        assert_eq!((joined.get(Statistic::Minimum), joined.get(Statistic::Maximum)), (0.0, 1.0));
    }
}
