//! CloudWatch alarms on a bucket.

use super::document::DocumentKind;
use super::subject::Scene;
use super::tree::At;

/// The metrics that S3 reports only where a metrics configuration asks for them
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html>).
const REQUEST_METRICS: [&str; 16] = [
    "AllRequests",
    "GetRequests",
    "PutRequests",
    "DeleteRequests",
    "HeadRequests",
    "PostRequests",
    "SelectRequests",
    "ListRequests",
    "BytesDownloaded",
    "BytesUploaded",
    "4xxErrors",
    "5xxErrors",
    "FirstByteLatency",
    "TotalRequestLatency",
    "SelectBytesScanned",
    "SelectBytesReturned",
];

/// The alarm of a document on one metric of S3; its metric's name with it.
pub fn on_s3<'a>(scene: &Scene<'a>) -> Option<(At<'a>, At<'a>, &'a str)> {
    let root = scene.own.root.clone().filter(|_| scene.own.is(DocumentKind::Alarm))?;
    let at = root.get("MetricName")?;
    let name = at.as_text()?;
    let here = match root.text_of("Namespace") {
        Some(namespace) => namespace == "AWS/S3",
        None => is_request_metric(name) || is_storage_metric(name),
    };
    here.then_some((root, at, name))
}

pub fn is_request_metric(name: &str) -> bool {
    REQUEST_METRICS.contains(&name)
}

/// The metrics that S3 reports once a day, by storage class.
pub fn is_storage_metric(name: &str) -> bool {
    matches!(name, "NumberOfObjects" | "BucketSizeBytes")
}

/// The value of a dimension.
pub fn dimension<'a>(alarm: &At<'a>, name: &str) -> Option<&'a str> {
    let dimensions = alarm.get("Dimensions")?.items();
    let found = dimensions.iter().find(|dimension| dimension.text_of("Name") == Some(name))?;
    found.text_of("Value")
}
