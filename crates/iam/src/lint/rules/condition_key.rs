//! Condition keys that AWS does not have.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "unknown-condition-key",
    severity: Severity::Error,
    title: "AWS has no such condition key",
    aws: "IAM saves a policy with any condition key. One that no request ever has makes an Allow that never applies, \
          or a Deny that never does (with a negated operator: that always does).",
    mend: "Name the key as AWS's service authorization reference does.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for condition in scene.own.statements.iter().flat_map(|statement| &statement.conditions) {
        if scene.known.key_exists(condition.key) == Some(false) {
            report.find(&condition.at, format!("There is no condition key `{}`.", condition.key));
        }
    }
}
