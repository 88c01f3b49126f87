//! T29: an alarm on a number of errors that grows with the fleet.

use serde_json::json;

use super::Rule;
use crate::lint::alarms::on_s3;
use crate::lint::finding::Severity;
use crate::lint::mend::{add_first, replace};
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T29",
    severity: Severity::Warning,
    title: "The alarm counts 4xx errors, and a fleet makes them every day",
    aws: "A device that comes late with an expired link gets 403, and that is a 4xxError. Their number grows with the \
          fleet, so a fixed one rings daily and is soon ignored.",
    mend: "Watch the rate: the Average of 4xxErrors is the share of requests that failed, e.g. 0.05. Which error it \
           was, the access logs say.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let Some((alarm, _, "4xxErrors")) = on_s3(scene) else { return };
    let Some(threshold) = alarm.get("Threshold") else { return };
    let statistic = alarm.get("Statistic");
    let average = statistic.as_ref().and_then(|at| at.as_text()) == Some("Average");
    if average && threshold.as_number().is_some_and(|limit| limit < 1.0) {
        return;
    }
    let mut edits = vec![replace(&threshold, &json!(0.05))];
    match &statistic {
        Some(statistic) => edits.push(replace(statistic, &json!("Average"))),
        None => edits.push(add_first(&alarm, "Statistic", &json!("Average"))),
    }
    let limit = threshold.as_text().unwrap_or_default();
    report
        .find(&threshold, format!("A threshold of {limit} is a number of errors, not a rate."))
        .edits(edits);
}
