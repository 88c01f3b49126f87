//! T27: an alarm on a metric that is not there.

use serde_json::json;

use super::Rule;
use crate::lint::alarms::{dimension, is_request_metric, on_s3};
use crate::lint::finding::Severity;
use crate::lint::mend::add_members;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T27",
    severity: Severity::Error,
    title: "The alarm watches a request metric that nobody turned on",
    aws: "S3 reports 4xxErrors, AllRequests and the other request metrics only for a metrics configuration, which is \
          off by default and billed, and only with its FilterId as dimension. Without one there is no data and the \
          alarm never rings.",
    mend: "Put a metrics configuration on the bucket (put-bucket-metrics-configuration), and name its id as FilterId; \
           or leave the alarm out.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-request-metrics-bucket.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let Some((alarm, at, name)) = on_s3(scene).filter(|(_, _, name)| is_request_metric(name)) else { return };
    if dimension(&alarm, "FilterId").is_some() {
        let message = format!(
            "`{name}` has data only while the bucket has the metrics configuration of this FilterId."
        );
        report.find(&at, message).severity(Severity::Note);
        return;
    }
    let bucket = scene.setting.bucket.as_deref().unwrap_or("BUCKET_NAME");
    let dimensions = json!([
        { "Name": "BucketName", "Value": bucket },
        { "Name": "FilterId", "Value": "EntireBucket" },
    ]);
    let edit = alarm.get("Dimensions").is_none().then(|| add_members(&alarm, &[("Dimensions", dimensions)]));
    report
        .find(&at, format!("`{name}` has no data without a metrics configuration, and no FilterId is named."))
        .edits(edit.into_iter().collect());
}
