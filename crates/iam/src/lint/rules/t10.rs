//! T10: firmware in use goes to an infrequent-access class.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::lifecycle::{rules_over_firmware, transitions, without};
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T10",
    severity: Severity::Warning,
    title: "Firmware in use goes to an infrequent-access class",
    aws: "STANDARD_IA and ONEZONE_IA bill every byte that is read, 128 KB for every smaller object, and 30 days for \
          every object that goes earlier. Firmware is read in bursts, by a whole fleet at once: a release costs more \
          there than it saves.",
    mend: "Leave current firmware in STANDARD, or in INTELLIGENT_TIERING, which bills no reads.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for rule in rules_over_firmware(scene) {
        for (item, class) in transitions(&rule) {
            if !matches!(class, "STANDARD_IA" | "ONEZONE_IA") {
                continue;
            }
            if let Some(at) = item.get("StorageClass") {
                let message = format!("Every download of firmware in {class} is billed by the byte.");
                report.find(&at, message).edits(without(scene.own, &rule, &item).into_iter().collect());
            }
        }
    }
}
