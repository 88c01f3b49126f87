//! An alarm.

use std::collections::BTreeMap;

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expression::Series;
use super::figures::Figures;
use super::metric::{Metric, Statistic};
use super::query::{self, Query, What};
use crate::call::epoch;
use crate::records::{Home, Row};

/// A metric alarm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alarm {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) updated: Timestamp,
    pub(super) actions_enabled: bool,
    pub(super) ok_actions: Vec<String>,
    pub(super) alarm_actions: Vec<String>,
    pub(super) insufficient_data_actions: Vec<String>,
    pub(super) source: Source,
    pub(super) unit: Option<String>,
    pub(super) evaluation_periods: u32,
    pub(super) datapoints_to_alarm: Option<u32>,
    pub(super) threshold: f64,
    pub(super) comparison: Comparison,
    pub(super) treat_missing: TreatMissing,
    pub(super) state: State,
    pub(super) reason: String,
    pub(super) reason_data: Option<String>,
    pub(super) state_updated: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
}

impl Row for Alarm {
    const KIND: &'static str = "cloudwatch-alarm";
}

/// What it watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Source {
    Metric {
        metric: Metric,
        period: i64,
        statistic: Statistic,
    },
    /// One of them returns its data: that is watched.
    Queries(Vec<Query>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Comparison {
    #[serde(rename = "GreaterThanOrEqualToThreshold")]
    GreaterThanOrEqualTo,
    #[serde(rename = "GreaterThanThreshold")]
    GreaterThan,
    #[serde(rename = "LessThanThreshold")]
    LessThan,
    #[serde(rename = "LessThanOrEqualToThreshold")]
    LessThanOrEqualTo,
}

/// What a period without figures counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TreatMissing {
    #[serde(rename = "breaching")]
    Breaching,
    #[serde(rename = "notBreaching")]
    NotBreaching,
    #[serde(rename = "ignore")]
    Ignore,
    #[serde(rename = "missing")]
    Missing,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl Comparison {
    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanOrEqualTo => value >= threshold,
            Self::GreaterThan => value > threshold,
            Self::LessThan => value < threshold,
            Self::LessThanOrEqualTo => value <= threshold,
        }
    }

    /// In the words of an alarm's reason.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualTo => "greater than or equal to",
            Self::GreaterThan => "greater than",
            Self::LessThan => "less than",
            Self::LessThanOrEqualTo => "less than or equal to",
        }
    }
}

impl Alarm {
    pub(super) fn home(&self) -> Home<'_> {
        Home { account: &self.account, region: &self.region }
    }

    pub(super) fn arn(&self) -> String {
        self.home().arn("cloudwatch", &format!("alarm:{}", self.name))
    }

    /// Seconds.
    pub(super) fn period(&self) -> i64 {
        match &self.source {
            Source::Metric { period, .. } => *period,
            Source::Queries(queries) => query::finest(queries),
        }
    }

    /// How many periods have to breach.
    pub(super) fn needed(&self) -> u32 {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)
    }

    /// What it watches, between two times.
    pub(super) fn values(&self, figures: &Figures, from: i64, to: i64) -> Series {
        match &self.source {
            Source::Metric { metric, period, statistic } => figures
                .periods(self.home(), metric, *period, from, to)
                .into_iter()
                .map(|(start, figure)| (start, figure.get(*statistic)))
                .collect(),
            Source::Queries(queries) => {
                let mut values = query::values(figures, self.home(), queries, from, to);
                let watched = queries.iter().find(|query| query.return_data);
                watched.and_then(|query| values.remove(&query.id)).unwrap_or_default()
            }
        }
    }

    /// What it does on becoming `state`.
    pub(super) fn actions(&self, state: State) -> &[String] {
        match state {
            State::Ok => &self.ok_actions,
            State::Alarm => &self.alarm_actions,
            State::InsufficientData => &self.insufficient_data_actions,
        }
    }

    /// As answers have it.
    pub(super) fn described(&self) -> Value {
        let mut alarm = json!({
            "AlarmName": self.name,
            "AlarmArn": self.arn(),
            "AlarmConfigurationUpdatedTimestamp": epoch(self.updated),
            "ActionsEnabled": self.actions_enabled,
            "OKActions": self.ok_actions,
            "AlarmActions": self.alarm_actions,
            "InsufficientDataActions": self.insufficient_data_actions,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": epoch(self.state_updated),
            "StateTransitionedTimestamp": epoch(self.state_updated),
            "EvaluationPeriods": self.evaluation_periods,
            "Threshold": self.threshold,
            "ComparisonOperator": self.comparison,
            "TreatMissingData": self.treat_missing,
        });
        match &self.source {
            Source::Metric { metric, period, statistic } => {
                alarm["MetricName"] = metric.name.clone().into();
                alarm["Namespace"] = metric.namespace.clone().into();
                alarm["Statistic"] = statistic.name().into();
                alarm["Dimensions"] = metric.dimension_list().into();
                alarm["Period"] = (*period).into();
            }
            Source::Queries(queries) => {
                alarm["Metrics"] = queries.iter().map(described_query).collect::<Vec<_>>().into();
            }
        }
        let optional = [
            ("AlarmDescription", self.description.clone().map(Value::from)),
            ("StateReasonData", self.reason_data.clone().map(Value::from)),
            ("Unit", self.unit.clone().map(Value::from)),
            ("DatapointsToAlarm", self.datapoints_to_alarm.map(Value::from)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                alarm[name] = value;
            }
        }
        alarm
    }
}

fn described_query(query: &Query) -> Value {
    let mut described = json!({"Id": query.id, "ReturnData": query.return_data});
    if let Some(label) = &query.label {
        described["Label"] = label.clone().into();
    }
    match &query.what {
        What::Stat { metric, period, statistic } => {
            described["MetricStat"] =
                json!({"Metric": metric.described(), "Period": period, "Stat": statistic.name()});
        }
        What::Expression { text, period } => {
            described["Expression"] = text.clone().into();
            if let Some(period) = period {
                described["Period"] = (*period).into();
            }
        }
    }
    described
}
