//! What became of an alarm, and DescribeAlarmHistory.

use std::time::Duration;

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CloudWatch;
use super::alarm::{Alarm, State};
use crate::call::{Answer, Call, epoch, time};
use crate::records::{Line, Row};
use crate::storage::StorageError;

/// How long AWS keeps it.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long AWS keeps figures.
const FIGURES_KEPT: Duration = Duration::from_secs(455 * 86_400);

/// One thing that became of an alarm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Item {
    alarm: String,
    time: Timestamp,
    kind: Kind,
    summary: String,
    data: String,
}

impl Row for Item {
    const KIND: &'static str = "cloudwatch-history";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeAlarmHistory {
    alarm_name: Option<String>,
    history_item_type: Option<Kind>,
    start_date: Option<f64>,
    end_date: Option<f64>,
    max_records: Option<usize>,
    next_token: Option<String>,
    scan_by: Option<String>,
}

impl Item {
    pub(super) fn configured(alarm: &Alarm, now: Timestamp) -> Self {
        Self {
            alarm: alarm.name.clone(),
            time: now,
            kind: Kind::ConfigurationUpdate,
            summary: format!("Alarm \"{}\" updated", alarm.name),
            data: json!({"version": "1.0", "type": "Update", "updatedAlarm": alarm.described()}).to_string(),
        }
    }

    pub(super) fn changed(alarm: &Alarm, before: State, now: Timestamp) -> Self {
        Self {
            alarm: alarm.name.clone(),
            time: now,
            kind: Kind::StateUpdate,
            summary: format!("Alarm updated from {} to {}", before.name(), alarm.state.name()),
            data: json!({
                "version": "1.0",
                "oldState": {"stateValue": before},
                "newState": {
                    "stateValue": alarm.state,
                    "stateReason": alarm.reason,
                    "stateReasonData": alarm.reason_data.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()),
                },
            })
            .to_string(),
        }
    }

    /// `failure`: what the target said, if it took nothing.
    pub(super) fn acted(alarm: &Alarm, action: &str, failure: Option<&str>, now: Timestamp) -> Self {
        let summary = match failure {
            None => format!("Successfully executed action {action}"),
            Some(reason) => format!("Failed to execute action {action}. Received error: \"{reason}\""),
        };
        let state = if failure.is_none() { "Succeeded" } else { "Failed" };
        Self {
            alarm: alarm.name.clone(),
            time: now,
            kind: Kind::Action,
            summary,
            data: json!({
                "actionState": state,
                "stateUpdateTimestamp": alarm.state_updated.as_millis(),
                "notificationResource": action,
                "error": failure,
            })
            .to_string(),
        }
    }
}

impl CloudWatch {
    /// Forgets what CloudWatch no longer tells: figures of fifteen months ago, and the history of a month ago.
    pub(crate) fn forget(&self) -> Result<(), StorageError> {
        let now = self.storage.clock().now();
        self.figures.forget(now.minus(FIGURES_KEPT))?;
        self.records.forget::<Item>(now.minus(KEPT))
    }

    /// Keeps what became of an alarm.
    pub(super) fn note(&self, alarm: &Alarm, item: Item) -> Result<(), StorageError> {
        self.records.add(&[Line { home: alarm.home(), time: item.time, row: &item }])
    }

    pub(super) fn describe_alarm_history(&self, call: &Call<'_>) -> Answer {
        let input: DescribeAlarmHistory = call.input()?;
        call.authorize(&call.home.arn("cloudwatch", "alarm:*"), None, &[])?;
        let now = self.storage.clock().now();
        let from = input.start_date.map_or(Timestamp::EPOCH, time).max(now.minus(KEPT));
        let to = input.end_date.map_or(now, time).plus(Duration::from_millis(1));
        let mut items: Vec<Item> = self.records.lines(call.home, from, to)?;
        items.retain(|item| {
            let named = input.alarm_name.as_ref().is_none_or(|name| *name == item.alarm);
            named && input.history_item_type.is_none_or(|kind| kind == item.kind)
        });
        if input.scan_by.as_deref() != Some("TimestampAscending") {
            items.reverse();
        }
        let told = input.next_token.as_deref().and_then(|token| token.parse().ok()).unwrap_or(0);
        let limit = input.max_records.unwrap_or(100).clamp(1, 100);
        let page: Vec<Value> = items.iter().skip(told).take(limit).map(described).collect();
        let mut answer = json!({"AlarmHistoryItems": page});
        let next = told.saturating_add(limit);
        if next < items.len() {
            answer["NextToken"] = next.to_string().into();
        }
        Ok(answer)
    }
}

fn described(item: &Item) -> Value {
    json!({
        "AlarmName": item.alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": epoch(item.time),
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    })
}
