//! PutMetricData.

use std::time::Duration;

use firmhold_core::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::figures::Sample;
use super::metric::{Dimension, Figure, Metric, dimensions};
use super::{CloudWatch, invalid_value, missing};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, time};

const MAX_DATA: usize = 1000;
/// 2^360: no value, and no number of them, is greater. So sums stay finite.
const MAX_VALUE: f64 = 2.348_542_582_773_833_3e108;
/// How old a figure may be, and how far ahead of the time.
const OLDEST: Duration = Duration::from_secs(14 * 86_400);
const AHEAD: Duration = Duration::from_secs(2 * 3600);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutMetricData {
    namespace: String,
    #[serde(default)]
    metric_data: Vec<Datum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<f64>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    counts: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Datum {
    fn figure(&self) -> Result<Figure, AwsError> {
        let several = |value: &f64, count: f64| Figure { count, sum: value * count, ..Figure::one(*value) };
        match (self.value, &self.statistic_values, self.values.as_slice()) {
            (Some(value), None, []) => Ok(Figure::one(value)),
            (None, Some(set), []) => Ok(Figure {
                count: set.sample_count,
                sum: set.sum,
                minimum: set.minimum,
                maximum: set.maximum,
            }),
            (None, None, [first, rest @ ..]) => {
                if !self.counts.is_empty() && self.counts.len() != self.values.len() {
                    return Err(invalid_value("Values and Counts must have the same length."));
                }
                let count = |at: usize| self.counts.get(at).copied().unwrap_or(1.0);
                let joined = rest.iter().zip(1..).map(|(value, at)| several(value, count(at)));
                Ok(joined.fold(several(first, count(0)), Figure::join))
            }
            _ => Err(missing(
                "At least one, and only one, of Value, Values and StatisticValues must be specified.",
            )),
        }
    }
}

impl CloudWatch {
    pub(super) fn put_metric_data(&self, call: &Call<'_>) -> Answer {
        let input: PutMetricData = call.input()?;
        let namespace = [("cloudwatch:namespace".to_owned(), input.namespace.as_str().into())];
        call.authorize("*", None, &namespace)?;
        if input.namespace.is_empty() || input.namespace.starts_with("AWS/") {
            return Err(invalid_value("The value AWS/ for parameter Namespace is invalid."));
        }
        if input.metric_data.is_empty() || input.metric_data.len() > MAX_DATA {
            return Err(invalid_value("The collection MetricData must have a size from 1 to 1000."));
        }
        let samples = input.metric_data.iter().map(|datum| {
            let metric = Metric {
                namespace: input.namespace.clone(),
                name: datum.metric_name.clone(),
                dimensions: dimensions(&datum.dimensions)?,
            };
            let at = datum.timestamp.map_or(Ok(call.now), |at| checked_time(time(at), call.now))?;
            Ok(Sample::new(call.home, metric, at, checked_figure(datum.figure()?)?))
        });
        self.figures.add(samples.collect::<Result<_, AwsError>>()?)?;
        Ok(Value::Null)
    }
}

fn checked_time(at: Timestamp, now: Timestamp) -> Result<Timestamp, AwsError> {
    match (now.minus(OLDEST)..=now.plus(AHEAD)).contains(&at) {
        true => Ok(at),
        false => Err(invalid_value(
            "The parameter MetricData.Timestamp must be no more than two weeks in the past and two hours in the future.",
        )),
    }
}

fn checked_figure(figure: Figure) -> Result<Figure, AwsError> {
    let Figure { count, sum, minimum, maximum } = figure;
    let fits = |value: f64| value.abs() <= MAX_VALUE;
    match count > 0.0 && [count, sum, minimum, maximum].into_iter().all(fits) {
        true => Ok(figure),
        false => Err(invalid_value("A value of MetricData is out of range, or there is none.")),
    }
}
