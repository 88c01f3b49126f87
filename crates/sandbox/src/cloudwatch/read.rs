//! ListMetrics, GetMetricStatistics, GetMetricData.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::metric::{Dimension, Metric, Statistic, dimensions};
use super::query::{self, Given, checked_period};
use super::{CloudWatch, invalid, invalid_value};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, time};

/// ListMetrics forgets metrics that have had no figure for so long.
const LISTED: Duration = Duration::from_secs(14 * 86_400);
const PAGE: usize = 500;
/// Periods in one answer of GetMetricStatistics.
const MAX_DATAPOINTS: i64 = 1440;
const MAX_QUERIES: usize = 500;
/// Values in one answer of GetMetricData, of all queries together.
const MAX_VALUES: i64 = 100_800;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMetrics {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricStatistics {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    start_time: f64,
    end_time: f64,
    period: i64,
    #[serde(default)]
    statistics: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricData {
    metric_data_queries: Vec<Given>,
    start_time: f64,
    end_time: f64,
    scan_by: Option<String>,
}

impl CloudWatch {
    pub(super) fn list_metrics(&self, call: &Call<'_>) -> Answer {
        let input: ListMetrics = call.input()?;
        call.authorize("*", None, &[])?;
        let mut metrics = self.figures.metrics_since(call.home, self.storage.clock().now().minus(LISTED));
        metrics.retain(|metric| {
            let dimension = |wanted: &Dimension| {
                metric
                    .dimensions
                    .get(&wanted.name)
                    .is_some_and(|own| wanted.value.as_ref().is_none_or(|value| value == own))
            };
            input.namespace.as_ref().is_none_or(|namespace| *namespace == metric.namespace)
                && input.metric_name.as_ref().is_none_or(|name| *name == metric.name)
                && input.dimensions.iter().all(dimension)
        });
        let told = input.next_token.as_deref().and_then(|token| token.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = metrics.iter().skip(told).take(PAGE).map(Metric::described).collect();
        let mut answer = json!({"Metrics": page});
        let next = usize::saturating_add(told, PAGE);
        if next < metrics.len() {
            answer["NextToken"] = next.to_string().into();
        }
        Ok(answer)
    }

    pub(super) fn get_metric_statistics(&self, call: &Call<'_>) -> Answer {
        let input: GetMetricStatistics = call.input()?;
        call.authorize("*", None, &[])?;
        let period = checked_period(input.period)?;
        let statistics: Vec<Statistic> =
            input.statistics.iter().map(|name| Statistic::read(name)).collect::<Result<_, _>>()?;
        if statistics.is_empty() {
            return Err(invalid("At least one of Statistics and ExtendedStatistics must be specified."));
        }
        let (from, to) = span(input.start_time, input.end_time)?;
        if (to - from) / period > MAX_DATAPOINTS {
            return Err(AwsError::new(
                400,
                "InvalidParameterCombination",
                format!(
                    "You have requested up to {} datapoints, which exceeds the limit of {MAX_DATAPOINTS}.",
                    (to - from) / period
                ),
            ));
        }
        let metric = Metric {
            namespace: input.namespace,
            name: input.metric_name,
            dimensions: dimensions(&input.dimensions)?,
        };
        let figures = self.figures.periods(call.home, &metric, period, from.div_euclid(period) * period, to);
        let points: Vec<Value> = figures
            .into_iter()
            .map(|(start, figure)| {
                let mut point = json!({"Timestamp": start, "Unit": metric.unit()});
                for statistic in &statistics {
                    point[statistic.name()] = figure.get(*statistic).into();
                }
                point
            })
            .collect();
        Ok(json!({"Label": metric.name, "Datapoints": points}))
    }

    pub(super) fn get_metric_data(&self, call: &Call<'_>) -> Answer {
        let input: GetMetricData = call.input()?;
        call.authorize("*", None, &[])?;
        if input.metric_data_queries.len() > MAX_QUERIES {
            return Err(invalid_value(
                "The collection MetricDataQueries must not have a size greater than 500.",
            ));
        }
        let queries = query::read(input.metric_data_queries)?;
        let (from, to) = span(input.start_time, input.end_time)?;
        let from = from.div_euclid(60) * 60;
        // INVARIANT: an expression has a value for every period there is, so the span has to be bounded first.
        let finest = query::finest(&queries);
        let asked = queries.iter().map(|query| (to - from) / query.period(finest) + 1);
        if asked.fold(0, i64::saturating_add) > MAX_VALUES {
            return Err(invalid(format!("You have requested more than {MAX_VALUES} datapoints.")));
        }
        let mut values = query::values(&self.figures, call.home, &queries, from, to);
        let ascending = input.scan_by.as_deref() == Some("TimestampAscending");
        let results: Vec<Value> = queries
            .iter()
            .filter(|query| query.return_data)
            .map(|query| {
                let series = values.remove(&query.id).unwrap_or_default();
                let mut points: Vec<(i64, f64)> = series.into_iter().collect();
                if !ascending {
                    points.reverse();
                }
                let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().unzip();
                json!({
                    "Id": query.id,
                    "Label": query.label(),
                    "Timestamps": times,
                    "Values": values,
                    "StatusCode": "Complete",
                })
            })
            .collect();
        Ok(json!({"MetricDataResults": results, "Messages": []}))
    }
}

/// Seconds, from and to.
fn span(from: f64, to: f64) -> Result<(i64, i64), AwsError> {
    let (from, to) = (time(from), time(to));
    match from < to {
        true => Ok((from.as_secs(), to.plus(Duration::from_millis(999)).as_secs())),
        false => Err(invalid("The parameter StartTime must be less than the parameter EndTime.")),
    }
}
