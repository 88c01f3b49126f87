//! T07: firmware in use is archived, or expires, by age.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::lifecycle::{rules_over_firmware, transitions, without};
use crate::lint::subject::{Report, Scene};
use crate::lint::tree::At;

pub static RULE: Rule = Rule {
    id: "T07",
    severity: Severity::Error,
    title: "Firmware in use is archived, or deleted, by age",
    aws: "An object in GLACIER or DEEP_ARCHIVE cannot be read: GetObject answers 403 InvalidObjectState until it was \
          restored, which takes minutes to days, and no lifecycle rule brings it back. A device that asks for a \
          release that has become old enough gets nothing.",
    mend: "Let rules match a tag that says a file is no longer needed (the platform sets `firmhold=retired`), or \
           noncurrent versions; never current objects by their age.",
    pages: &[
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html",
    ],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for rule in rules_over_firmware(scene) {
        for (item, class) in transitions(&rule) {
            if !matches!(class, "GLACIER" | "DEEP_ARCHIVE") {
                continue;
            }
            let Some(at) = item.get("StorageClass") else { continue };
            let when = match item.text_of("Days") {
                Some(days) => format!("{days} days after it was uploaded"),
                None => "by its age".to_owned(),
            };
            let message = format!("Firmware goes to {class} {when}, whether devices need it or not.");
            report.find(&at, message).edits(without(scene.own, &rule, &item).into_iter().collect());
        }
        let by_age = |at: &At<'_>| at.get("Days").is_some() || at.get("Date").is_some();
        if let Some(expiration) = rule.get("Expiration").filter(by_age) {
            let message = "Firmware is deleted by its age, whether devices need it or not.";
            report
                .find(&expiration, message)
                .edits(without(scene.own, &rule, &expiration).into_iter().collect());
        }
    }
}
