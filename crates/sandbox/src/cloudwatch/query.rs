//! Metric data queries, of GetMetricData and of alarms: a statistic of a metric, or an expression over others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expression::{Expression, Series};
use super::figures::Figures;
use super::metric::{Dimension, Metric, Statistic, dimensions};
use super::{invalid, invalid_value, missing};
use crate::aws_error::AwsError;
use crate::records::Home;

/// A query as calls have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Given {
    id: String,
    metric_stat: Option<GivenStat>,
    expression: Option<String>,
    label: Option<String>,
    #[serde(default = "yes")]
    return_data: bool,
    period: Option<i64>,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenStat {
    metric: GivenMetric,
    period: i64,
    stat: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenMetric {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

/// A query that was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Query {
    pub(super) id: String,
    pub(super) label: Option<String>,
    pub(super) return_data: bool,
    pub(super) what: What,
}

/// What it asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum What {
    Stat { metric: Metric, period: i64, statistic: Statistic },
    Expression { text: String, period: Option<i64> },
}

impl Query {
    /// Seconds; `finest` for an expression that says none.
    pub(super) fn period(&self, finest: i64) -> i64 {
        match self.what {
            What::Stat { period, .. } => period,
            What::Expression { period, .. } => period.unwrap_or(finest),
        }
    }

    /// The name of its values.
    pub(super) fn label(&self) -> &str {
        match (&self.label, &self.what) {
            (Some(label), _) => label,
            (None, What::Stat { metric, .. }) => &metric.name,
            (None, What::Expression { .. }) => &self.id,
        }
    }
}

/// The shortest period of the statistics, or a minute: that of an expression that says none itself.
pub(super) fn finest(queries: &[Query]) -> i64 {
    let periods = queries.iter().filter_map(|query| match query.what {
        What::Stat { period, .. } => Some(period),
        What::Expression { .. } => None,
    });
    periods.min().unwrap_or(60)
}

/// Checks queries: their ids, and that each expression speaks of others.
pub(super) fn read(given: Vec<Given>) -> Result<Vec<Query>, AwsError> {
    let mut queries: Vec<Query> = Vec::with_capacity(given.len());
    for given in given {
        check_id(&given.id)?;
        if queries.iter().any(|query| query.id == given.id) {
            return Err(invalid(format!(
                "The value {} for parameter MetricDataQueries is used twice.",
                given.id
            )));
        }
        let what = match (given.metric_stat, given.expression) {
            (Some(stat), None) => What::Stat {
                metric: Metric {
                    namespace: stat.metric.namespace,
                    name: stat.metric.metric_name,
                    dimensions: dimensions(&stat.metric.dimensions)?,
                },
                period: checked_period(stat.period)?,
                statistic: Statistic::read(&stat.stat)?,
            },
            (None, Some(text)) => {
                What::Expression { text, period: given.period.map(checked_period).transpose()? }
            }
            _ => {
                return Err(invalid("Each MetricDataQuery must have either MetricStat or Expression."));
            }
        };
        queries.push(Query { id: given.id, label: given.label, return_data: given.return_data, what });
    }
    for query in &queries {
        if let What::Expression { text, .. } = &query.what {
            let known = |id: &str| queries.iter().any(|other| other.id == id && other.id != query.id);
            let expression = Expression::parse(text)
                .map_err(|reason| invalid(format!("Error in expression '{}': {reason}", query.id)))?;
            if let Some(unknown) = expression.names().into_iter().find(|name| !known(name)) {
                return Err(invalid(format!(
                    "Error in expression '{}': the id {unknown} is not one of the queries",
                    query.id
                )));
            }
        }
    }
    Ok(queries)
}

/// Seconds of the longest period: as long as figures are kept.
const MAX_PERIOD: i64 = 455 * 86_400;

/// Whole minutes. The shorter periods are those of metrics of high resolution, which the sandbox has not.
pub(super) fn checked_period(period: i64) -> Result<i64, AwsError> {
    match (60..=MAX_PERIOD).contains(&period) && period % 60 == 0 {
        true => Ok(period),
        false => Err(invalid_value(format!(
            "The value for parameter Period must be a multiple of 60, and at most {MAX_PERIOD}."
        ))),
    }
}

fn check_id(id: &str) -> Result<(), AwsError> {
    let starts = id.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    match starts && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        true => Ok(()),
        false => Err(missing(format!(
            "The value {id} for parameter MetricDataQueries.Id is not matching the expected pattern"
        ))),
    }
}

/// The values of each query between two times, by its id.
pub(super) fn values(
    figures: &Figures,
    home: Home<'_>,
    queries: &[Query],
    from: i64,
    to: i64,
) -> BTreeMap<String, Series> {
    let mut values = BTreeMap::new();
    for query in queries {
        if let What::Stat { metric, period, statistic } = &query.what {
            let figures = figures.periods(home, metric, *period, from, to);
            let series = figures.into_iter().map(|(start, figure)| (start, figure.get(*statistic))).collect();
            values.insert(query.id.clone(), series);
        }
    }
    let finest = finest(queries);
    // An expression may speak of another that comes behind it, so as often as there are expressions.
    let mut left: Vec<&Query> =
        queries.iter().filter(|query| matches!(query.what, What::Expression { .. })).collect();
    for _ in 0..queries.len() {
        left.retain(|query| {
            let What::Expression { text, .. } = &query.what else { return false };
            let Ok(expression) = Expression::parse(text) else { return false };
            if !expression.names().iter().all(|name| values.contains_key(*name)) {
                return true;
            }
            let span = (from, to, query.period(finest));
            let series = expression.value(&values, span);
            values.insert(query.id.clone(), series);
            false
        });
    }
    values
}
