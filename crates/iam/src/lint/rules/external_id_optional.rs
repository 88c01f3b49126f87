//! An external ID that is asked for, and not needed.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::rename;
use crate::lint::subject::{Report, Scene};
use crate::lint::trusts::{is_external_id, opening, opens_without_external_id};

pub static RULE: Rule = Rule {
    id: "external-id-optional",
    severity: Severity::Error,
    title: "The external ID is asked for, and not needed, or any of many will do",
    aws: "StringEqualsIfExists, ForAllValues and Null hold when the request has no external ID at all, and StringLike \
          with a wildcard for every one of that form, which can be tried out or made to fit. The role looks protected and is open: the vendor's own check that others are refused \
          is what is missing.",
    mend: "Use StringEquals with the one value.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in opening(scene) {
        let Some(condition) = statement.conditions.iter().find(|condition| is_external_id(condition)) else {
            continue;
        };
        let name = condition.operator_name;
        let like = name.contains("Like") && !name.contains("Not");
        let wild = condition.values.iter().find(|value| {
            like && value
                .as_text()
                .is_some_and(|text| text.replace("${*}", "").replace("${?}", "").contains(['*', '?']))
        });
        let by_name = name.ends_with("IfExists") || name.starts_with("ForAllValues:") || name.contains("Not");
        let open = opens_without_external_id(scene, statement).unwrap_or(by_name);
        let message = match wild.and_then(|value| value.as_text()) {
            _ if open => format!("`{name}` also holds for a request without an external ID."),
            Some(text) => format!("`{name}` with `{text}` takes every external ID of that form."),
            None => continue,
        };
        let alone = condition.operator.members().count() == 1;
        let free = statement.at.get("Condition").is_some_and(|all| all.get("StringEquals").is_none());
        let edit = (alone && free && wild.is_none()).then(|| rename(&condition.operator, "StringEquals"));
        report.find(&condition.at, message).edits(edit.into_iter().collect());
    }
}
