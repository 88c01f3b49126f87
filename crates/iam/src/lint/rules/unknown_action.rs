//! Actions that AWS does not have.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "unknown-action",
    severity: Severity::Error,
    title: "AWS has no such action",
    aws: "IAM saves a policy with an action that does not exist. The statement grants, or denies, nothing: many S3 \
          operations need an action of another name, as HeadObject needs s3:GetObject.",
    mend: "Name the action as AWS's service authorization reference does.",
    pages: &["https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in &scene.own.statements {
        for at in &statement.actions {
            let Some(action) = at.as_text() else { continue };
            if scene.known.action_exists(action) == Some(false) {
                report.find(at, format!("There is no action `{action}`."));
            }
        }
    }
}
