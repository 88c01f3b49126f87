//! DescribeAlarms, DeleteAlarms, ListTagsForResource.

use serde::Deserialize;
use serde_json::{Value, json};

use super::alarm::{Alarm, State};
use super::{CloudWatch, invalid};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, page};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeAlarms {
    #[serde(default)]
    alarm_names: Vec<String>,
    alarm_name_prefix: Option<String>,
    #[serde(default)]
    alarm_types: Vec<String>,
    state_value: Option<State>,
    action_prefix: Option<String>,
    max_records: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteAlarms {
    alarm_names: Vec<String>,
}

#[derive(Deserialize)]
struct ListTagsForResource {
    #[serde(rename = "ResourceARN")]
    arn: String,
}

impl CloudWatch {
    pub(super) fn describe_alarms(&self, call: &Call<'_>) -> Answer {
        let input: DescribeAlarms = call.input()?;
        if !input.alarm_names.is_empty() && input.alarm_name_prefix.is_some() {
            return Err(invalid("AlarmNames and AlarmNamePrefix cannot be specified together."));
        }
        call.authorize(&call.home.arn("cloudwatch", "alarm:*"), None, &[])?;
        let mut alarms: Vec<Alarm> = self.records.all(call.home)?;
        // There are no composite alarms, so they are all of the one type.
        let metric =
            input.alarm_types.is_empty() || input.alarm_types.iter().any(|kind| kind == "MetricAlarm");
        alarms.retain(|alarm| {
            let by_name = input.alarm_names.is_empty() || input.alarm_names.contains(&alarm.name);
            let by_prefix = alarm.name.starts_with(input.alarm_name_prefix.as_deref().unwrap_or_default());
            let by_state = input.state_value.is_none_or(|state| state == alarm.state);
            let by_action = input.action_prefix.as_deref().is_none_or(|prefix| {
                let mut actions = alarm
                    .ok_actions
                    .iter()
                    .chain(&alarm.alarm_actions)
                    .chain(&alarm.insufficient_data_actions);
                actions.any(|action| action.starts_with(prefix))
            });
            metric && by_name && by_prefix && by_state && by_action
        });
        let limit = input.max_records.unwrap_or(50).clamp(1, 100);
        let (alarms, next) = page(alarms, limit, input.next_token.as_deref(), |alarm| &alarm.name);
        let alarms: Vec<Value> = alarms.iter().map(Alarm::described).collect();
        let mut answer = json!({"MetricAlarms": alarms, "CompositeAlarms": []});
        if let Some(next) = next {
            answer["NextToken"] = next.into();
        }
        Ok(answer)
    }

    /// All or none: one that is not there stops the others.
    pub(super) fn delete_alarms(&self, call: &Call<'_>) -> Answer {
        let input: DeleteAlarms = call.input()?;
        for name in &input.alarm_names {
            call.authorize(&call.home.arn("cloudwatch", &format!("alarm:{name}")), None, &[])?;
        }
        for name in &input.alarm_names {
            if self.records.get::<Alarm>(call.home, name)?.is_none() {
                return Err(not_found());
            }
        }
        for name in &input.alarm_names {
            self.records.remove::<Alarm>(call.home, name)?;
        }
        Ok(Value::Null)
    }

    pub(super) fn list_tags_for_resource(&self, call: &Call<'_>) -> Answer {
        let input: ListTagsForResource = call.input()?;
        call.authorize(&input.arn, None, &[])?;
        let name = input.arn.split_once(":alarm:").map(|(_, name)| name).unwrap_or_default();
        let alarm: Option<Alarm> = self.records.get(call.home, name)?;
        let alarm = alarm.ok_or_else(not_found)?;
        let tags: Vec<Value> =
            alarm.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(json!({"Tags": tags}))
    }
}

fn not_found() -> AwsError {
    AwsError::new(404, "ResourceNotFound", "The named resource does not exist.")
}
