//! A lifecycle rule that does nothing.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::lifecycle::has_action;
use crate::lint::mend::remove;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "lifecycle-rule-without-action",
    severity: Severity::Error,
    title: "A lifecycle rule has no action",
    aws: "S3 refuses the configuration with 400 InvalidRequest: every rule, also one that is disabled, has a transition, \
          an expiration or an abort of uploads.",
    mend: "Say what the rule does, or leave it out.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.own.is(DocumentKind::Lifecycle) {
        return;
    }
    let rules = scene.own.rules();
    for rule in rules.iter().filter(|rule| !has_action(rule)) {
        let edit = (rules.len() > 1).then(|| remove(rule));
        report.find(rule, "This rule does nothing.").edits(edit.into_iter().collect());
    }
}
