//! T28: an alarm that lacks what CloudWatch needs.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::alarms::{dimension, is_request_metric, is_storage_metric, on_s3};
use crate::lint::finding::Severity;
use crate::lint::mend::add_members;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T28",
    severity: Severity::Warning,
    title: "The alarm lacks members that CloudWatch needs",
    aws: "PutMetricAlarm refuses a metric alarm without Namespace, Statistic and Period; without the dimensions under \
          which S3 reports (BucketName, and FilterId or StorageType) it watches a metric that has no data. Missing \
          data keeps an alarm as it is unless TreatMissingData says otherwise.",
    mend: "Give Namespace AWS/S3, Dimensions, Statistic, Period and TreatMissingData.",
    pages: &["https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let Some((alarm, _, metric)) = on_s3(scene) else { return };
    // One that computes its metric from others has none of these.
    if alarm.get("Metrics").is_some() {
        return;
    }
    let has = |name: &str| alarm.get(name).is_some();
    let bucket = scene.setting.bucket.as_deref().unwrap_or("BUCKET_NAME");
    let second = match is_request_metric(metric) {
        true => json!({ "Name": "FilterId", "Value": "EntireBucket" }),
        false => json!({ "Name": "StorageType", "Value": "AllStorageTypes" }),
    };
    let average = if metric.ends_with("Errors") { "Average" } else { "Sum" };
    let mut members: Vec<(&str, Value)> = Vec::new();
    if !has("Namespace") {
        members.push(("Namespace", json!("AWS/S3")));
    }
    // The metrics of replication have dimensions of their own.
    let of_bucket = is_request_metric(metric) || is_storage_metric(metric);
    if !has("Dimensions") && of_bucket {
        members.push(("Dimensions", json!([{ "Name": "BucketName", "Value": bucket }, second])));
    }
    // A FilterId that is missing is T27's.
    let due = [Some("BucketName"), is_storage_metric(metric).then_some("StorageType")];
    let due = due.into_iter().flatten().filter(|_| has("Dimensions") && of_bucket);
    let unnamed: Vec<&str> = due.filter(|name| dimension(&alarm, name).is_none()).collect();
    if let Some(dimensions) = alarm.get("Dimensions").filter(|_| !unnamed.is_empty()) {
        let message = format!(
            "Without the dimension {} the alarm watches a metric that has no data.",
            unnamed.join(", ")
        );
        report.find(&dimensions, message);
    }
    if !has("Statistic") && !has("ExtendedStatistic") {
        members.push(("Statistic", json!(average)));
    }
    if !has("Period") {
        members.push(("Period", json!(300)));
    }
    if members.is_empty() {
        return;
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let message = format!("The alarm lacks {}.", names.join(", "));
    if !has("TreatMissingData") {
        members.push(("TreatMissingData", json!("notBreaching")));
    }
    report.find(&alarm, message).edits(vec![add_members(&alarm, &members)]);
}
