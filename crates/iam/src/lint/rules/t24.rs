//! T24: the vendor's role as principal.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::{add_members, replace};
use crate::lint::subject::{Report, Scene};
use crate::lint::trusts::opening;
use crate::lint::view::StatementView;
use crate::{Arn, lint::mend::Edit};

pub static RULE: Rule = Rule {
    id: "T24",
    severity: Severity::Warning,
    title: "The trust policy names another account's role as principal",
    aws: "The role must exist when the policy is saved. IAM keeps its unique id, not its name: when the vendor \
          deletes and recreates it, the ARN is the same, the id is not, and the trust is silently gone.",
    mend: "Name the vendor's account, and narrow it with ArnEquals on aws:PrincipalArn.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in opening(scene) {
        for (_, at) in statement.principals.iter().filter(|(kind, _)| *kind == "AWS") {
            let Some(text) = at.as_text() else { continue };
            let Some(arn) = Arn::parse(text).filter(|arn| arn.service == "iam") else { continue };
            if !arn.resource.starts_with("role/") && !arn.resource.starts_with("user/") {
                continue;
            }
            let severity = if scene.own.ours { Severity::Note } else { Severity::Warning };
            let root = format!("arn:{}:iam::{}:root", arn.partition, arn.account);
            let message =
                format!("If `{text}` is ever recreated, this trust is gone though it reads the same.");
            let alone = statement.principals.len() == 1;
            let mut edits = Vec::new();
            if let Some(narrowed) = narrow(statement, text).filter(|_| alone) {
                edits = vec![replace(at, &Value::from(root)), narrowed];
            }
            report.find(at, message).severity(severity).edits(edits);
        }
    }
}

fn narrow(statement: &StatementView<'_>, role: &str) -> Option<Edit> {
    let equals = ("ArnEquals", json!({ "aws:PrincipalArn": role }));
    match statement.at.get("Condition") {
        None => Some(add_members(
            &statement.at,
            &[("Condition", json!({ "ArnEquals": { "aws:PrincipalArn": role } }))],
        )),
        Some(condition) if condition.get("ArnEquals").is_none() => Some(add_members(&condition, &[equals])),
        Some(_) => None,
    }
}
