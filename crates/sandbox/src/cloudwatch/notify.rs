//! What an alarm does when its state changes: it tells topics.

use firmhold_core::Timestamp;
use serde_json::{Value, json};

use super::CloudWatch;
use super::alarm::{Alarm, Source, State};
use super::history::Item;
use crate::region;
use crate::sns::{FromService, Publication};
use crate::storage::StorageError;

impl CloudWatch {
    pub(super) fn act(&self, alarm: &Alarm, before: State, now: Timestamp) -> Result<(), StorageError> {
        if !alarm.actions_enabled {
            return Ok(());
        }
        let arn = alarm.arn();
        let place = region::name(&alarm.region);
        let subject: String =
            format!("{}: \"{}\" in {place}", alarm.state.name(), alarm.name).chars().take(100).collect();
        let message = message(alarm, before, place).to_string();
        for action in alarm.actions(alarm.state) {
            let from = FromService {
                name: "cloudwatch.amazonaws.com",
                source: &arn,
                account: &alarm.account,
                as_owner: true,
            };
            let publication = Publication { subject: Some(&subject), message: &message };
            let told = self.sns.publish_for(&from, action, &publication);
            let failure = told.as_ref().err().map(|error| error.message.as_str());
            self.note(alarm, Item::acted(alarm, action, failure, now))?;
        }
        Ok(())
    }
}

/// As CloudWatch writes it to a topic.
fn message(alarm: &Alarm, before: State, place: &str) -> Value {
    let mut trigger = json!({
        "Period": alarm.period(),
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.needed(),
        "ComparisonOperator": alarm.comparison,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing,
        "EvaluateLowSampleCountPercentile": "",
    });
    match &alarm.source {
        Source::Metric { metric, statistic, .. } => {
            let dimensions: Vec<Value> =
                metric.dimensions.iter().map(|(name, value)| json!({"value": value, "name": name})).collect();
            trigger["MetricName"] = metric.name.clone().into();
            trigger["Namespace"] = metric.namespace.clone().into();
            trigger["StatisticType"] = "Statistic".into();
            trigger["Statistic"] = statistic.name().to_uppercase().into();
            trigger["Unit"] = alarm.unit.clone().into();
            trigger["Dimensions"] = dimensions.into();
        }
        Source::Queries(_) => trigger["Metrics"] = alarm.described()["Metrics"].clone(),
    }
    json!({
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": alarm.account,
        "AlarmConfigurationUpdatedTimestamp": alarm.updated.to_string(),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": alarm.state_updated.to_string(),
        "Region": place,
        "AlarmArn": alarm.arn(),
        "OldStateValue": before,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": trigger,
    })
}
