//! PutMetricAlarm, held to what AWS asks of an alarm (T28)
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).

use std::collections::BTreeMap;

use firmhold_iam::Arn;
use serde::Deserialize;
use serde_json::Value;

use super::alarm::{Alarm, Comparison, Source, State};
use super::history::Item;
use super::metric::{Dimension, Metric, Statistic, dimensions};
use super::query::{self, Given, checked_period};
use super::{CloudWatch, invalid, invalid_value, missing};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, Tag};
use crate::query::tag_keys;

/// Seconds that an alarm may look back; the longer one for periods of an hour and more.
const MAX_SPAN: i64 = 86_400;
const MAX_LONG_SPAN: i64 = 7 * 86_400;
const MAX_ACTIONS: usize = 5;
/// Alarms of one region.
const MAX_ALARMS: usize = 5000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutMetricAlarm {
    alarm_name: Option<String>,
    alarm_description: Option<String>,
    actions_enabled: Option<bool>,
    #[serde(rename = "OKActions", default)]
    ok_actions: Vec<String>,
    #[serde(default)]
    alarm_actions: Vec<String>,
    #[serde(default)]
    insufficient_data_actions: Vec<String>,
    metric_name: Option<String>,
    namespace: Option<String>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    period: Option<i64>,
    unit: Option<String>,
    evaluation_periods: Option<u32>,
    datapoints_to_alarm: Option<u32>,
    threshold: Option<f64>,
    comparison_operator: Option<String>,
    treat_missing_data: Option<String>,
    #[serde(default)]
    metrics: Vec<Given>,
    #[serde(default)]
    tags: Vec<Tag>,
}

impl CloudWatch {
    /// Makes an alarm or replaces one. What it was of, and its tags, stay; its state starts anew when it is new.
    pub(super) fn put_metric_alarm(&self, call: &Call<'_>) -> Answer {
        let mut input: PutMetricAlarm = call.input()?;
        let name = input.alarm_name.take().filter(|name| (1..=255).contains(&name.chars().count()));
        let name = name
            .ok_or_else(|| missing("The parameter AlarmName is required, and has at most 255 characters."))?;
        let tags: BTreeMap<String, String> =
            std::mem::take(&mut input.tags).into_iter().map(|tag| (tag.key, tag.value)).collect();
        let arn = call.home.arn("cloudwatch", &format!("alarm:{name}"));
        call.authorize(&arn, None, &tag_keys(&tags))?;
        let alarm = checked(call, name, input, tags)?;
        let others = self.records.all::<Alarm>(call.home)?;
        if others.len() >= MAX_ALARMS && others.iter().all(|other| other.name != alarm.name) {
            let message = format!("The maximum limit of {MAX_ALARMS} alarms has been exceeded.");
            return Err(AwsError::new(400, "LimitExceeded", message));
        }
        let item = Item::configured(&alarm, call.now);
        self.records.change(call.home, &alarm.name, |row: &mut Option<Alarm>| {
            let next = match row.take() {
                None => alarm.clone(),
                Some(old) => Alarm {
                    state: old.state,
                    reason: old.reason,
                    reason_data: old.reason_data,
                    state_updated: old.state_updated,
                    tags: old.tags,
                    ..alarm.clone()
                },
            };
            *row = Some(next);
            Ok::<(), AwsError>(())
        })?;
        self.note(&alarm, item)?;
        Ok(Value::Null)
    }
}

fn checked(
    call: &Call<'_>,
    name: String,
    input: PutMetricAlarm,
    tags: BTreeMap<String, String>,
) -> Result<Alarm, AwsError> {
    let required = |name: &str| missing(format!("The parameter {name} is required."));
    let comparison = input.comparison_operator.as_deref().ok_or_else(|| required("ComparisonOperator"))?;
    let comparison: Comparison = named("ComparisonOperator", comparison)?;
    let evaluation_periods = input.evaluation_periods.filter(|periods| *periods > 0);
    let evaluation_periods = evaluation_periods.ok_or_else(|| required("EvaluationPeriods"))?;
    let threshold = input.threshold.ok_or_else(|| required("Threshold"))?;
    let treat_missing = named("TreatMissingData", input.treat_missing_data.as_deref().unwrap_or("missing"))?;
    if input.datapoints_to_alarm.is_some_and(|needed| needed == 0 || needed > evaluation_periods) {
        return Err(invalid("DatapointsToAlarm must be from 1 to EvaluationPeriods."));
    }
    for actions in [&input.ok_actions, &input.alarm_actions, &input.insufficient_data_actions] {
        check_actions(call, actions)?;
    }
    let unit = input.unit.clone();
    let alarm = Alarm {
        account: call.home.account.to_owned(),
        region: call.home.region.to_owned(),
        name,
        description: input.alarm_description.clone(),
        updated: call.now,
        actions_enabled: input.actions_enabled.unwrap_or(true),
        ok_actions: input.ok_actions.clone(),
        alarm_actions: input.alarm_actions.clone(),
        insufficient_data_actions: input.insufficient_data_actions.clone(),
        evaluation_periods,
        datapoints_to_alarm: input.datapoints_to_alarm,
        source: source(input)?,
        unit,
        threshold,
        comparison,
        treat_missing,
        state: State::InsufficientData,
        reason: "Unchecked: Initial alarm creation".to_owned(),
        reason_data: None,
        state_updated: call.now,
        tags,
    };
    let (period, span) = (alarm.period(), alarm.period() * i64::from(evaluation_periods));
    let most = if period >= 3600 { MAX_LONG_SPAN } else { MAX_SPAN };
    if span > most {
        return Err(invalid(format!(
            "Metrics cannot be checked across more than {} (EvaluationPeriods * Period must be <= {most}).",
            if most == MAX_SPAN { "a day" } else { "seven days" }
        )));
    }
    Ok(alarm)
}

/// One metric with its statistic and period, or queries.
fn source(input: PutMetricAlarm) -> Result<Source, AwsError> {
    let single = [
        input.metric_name.is_some(),
        input.namespace.is_some(),
        input.period.is_some(),
        input.statistic.is_some(),
        input.extended_statistic.is_some(),
        !input.dimensions.is_empty(),
    ];
    if !input.metrics.is_empty() {
        if single.contains(&true) {
            return Err(invalid(
                "Metrics list and MetricName, Namespace, Statistic, ExtendedStatistic, Dimensions or Period cannot be \
                 specified together.",
            ));
        }
        let queries = query::read(input.metrics)?;
        let watched = queries.iter().filter(|query| query.return_data).count();
        return match watched {
            1 => Ok(Source::Queries(queries)),
            _ => Err(invalid("Exactly one element of the metrics list should return data.")),
        };
    }
    let required =
        |name: &str| missing(format!("The parameter {name} is required for an alarm on a metric."));
    let metric = Metric {
        name: input.metric_name.filter(|name| !name.is_empty()).ok_or_else(|| required("MetricName"))?,
        namespace: input.namespace.filter(|name| !name.is_empty()).ok_or_else(|| required("Namespace"))?,
        dimensions: dimensions(&input.dimensions)?,
    };
    let statistic = match (input.statistic, input.extended_statistic) {
        (Some(statistic), None) => Statistic::read(&statistic)?,
        (None, Some(_)) => return Err(invalid_value("The sandbox has no percentiles.")),
        _ => return Err(invalid("Exactly one of Statistic and ExtendedStatistic must be specified.")),
    };
    let period = checked_period(input.period.ok_or_else(|| required("Period"))?)?;
    Ok(Source::Metric { metric, period, statistic })
}

fn check_actions(call: &Call<'_>, actions: &[String]) -> Result<(), AwsError> {
    if actions.len() > MAX_ACTIONS {
        return Err(invalid(format!("An alarm has at most {MAX_ACTIONS} actions for a state.")));
    }
    for action in actions {
        let arn = Arn::parse(action).ok_or_else(|| invalid(format!("Invalid arn syntax: {action}")))?;
        if arn.service != "sns" {
            return Err(invalid("The sandbox has topics of SNS as actions."));
        }
        if arn.region != call.home.region {
            let region = call.home.region;
            return Err(invalid(format!(
                "Invalid region {} specified. Only {region} is supported.",
                arn.region
            )));
        }
    }
    Ok(())
}

fn named<T: for<'de> Deserialize<'de>>(parameter: &str, value: &str) -> Result<T, AwsError> {
    serde_json::from_value(Value::from(value)).map_err(|_| {
        invalid(format!("The value '{value}' is not one that the parameter {parameter} can have."))
    })
}
