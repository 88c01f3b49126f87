//! T01: a condition key beside an action that does not have it.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::keys::Known;
use crate::lint::mend::{Edit, set, split};
use crate::lint::subject::{Report, Scene};
use crate::lint::view::{ConditionView, StatementView};

pub static RULE: Rule = Rule {
    id: "T01",
    severity: Severity::Error,
    title: "A condition key stands beside an action whose requests never carry it",
    aws: "A key that the request does not carry makes a plain operator false. An Allow never applies to such an \
          action, so it is denied; a Deny never applies, so it protects nothing, or, with a negated operator, always \
          applies. s3:x-amz-server-side-encryption, for one, is carried by uploads only: beside GetObject it denies \
          every download.",
    mend: "Give the actions that do not carry the key a statement of their own, without that condition.",
    pages: &[
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html",
    ],
    check,
};

/// AWS has about as many actions of S3 in all; a statement with more of them, or of conditions, is made to be slow.
const MAX_ACTIONS: usize = 200;
const MAX_CONDITIONS: usize = 50;
/// Nobody reads a longer list of them.
const MAX_SHOWN: usize = 12;

/// What the absence of its key makes of a condition.
#[derive(PartialEq)]
enum Absent {
    Never,
    Always,
}

fn absent(condition: &ConditionView<'_>) -> Absent {
    let name = condition.operator_name;
    let always = name.ends_with("IfExists")
        || name.starts_with("ForAllValues:")
        || name.contains("Not") && !name.starts_with("ForAnyValue:")
        || name == "Null" && condition.values.iter().any(|value| value.as_text() == Some("true"));
    if always { Absent::Always } else { Absent::Never }
}

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in scene.own.statements.iter().filter(|statement| !statement.conditions.is_empty()) {
        let mut actions: Vec<&str> = Vec::new();
        for action in statement.actions.iter().filter_map(|action| action.as_text()).take(MAX_ACTIONS) {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
        for condition in statement.conditions.iter().take(MAX_CONDITIONS) {
            if report.is_full() {
                return;
            }
            let mut without = actions.clone();
            without.retain(|action| scene.known.can_carry(action, condition.key) == Some(false));
            if !without.is_empty() {
                one(scene.known, statement, condition, &without, report);
            }
        }
    }
}

fn one(
    known: &Known,
    statement: &StatementView<'_>,
    condition: &ConditionView<'_>,
    without: &[&str],
    report: &mut Report<'_>,
) {
    let shown = without.get(..MAX_SHOWN).unwrap_or(without).join(", ");
    let names = match without.len().saturating_sub(MAX_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} others"),
    };
    let key = condition.key;
    let refused: &[&str] = match (statement.allows(), absent(condition)) {
        (false, Absent::Never) => &[],
        _ => without,
    };
    let message = match (statement.allows(), absent(condition)) {
        (true, Absent::Never) => {
            format!("No request for {names} carries `{key}`, so {names} is never allowed here.")
        }
        (false, Absent::Never) => {
            format!("No request for {names} carries `{key}`, so {names} is never denied here.")
        }
        // A Deny that should spare what has the key spares nothing; two conditions may be meant so.
        (false, Absent::Always) if statement.conditions.len() == 1 => {
            format!("No request for {names} carries `{key}`, so {names} is always denied here.")
        }
        (_, Absent::Always) => return,
    };
    report
        .find(&condition.at, message)
        .refuses("AccessDenied", refused.iter().copied())
        .edits(apart(known, statement, without).into_iter().collect());
}

/// The statement with the actions that carry all keys, and one with the others and without those keys.
fn apart(known: &Known, statement: &StatementView<'_>, without: &[&str]) -> Option<Edit> {
    let mut kept = statement.at.to_json();
    let mut other = kept.clone();
    let (with, rest): (Vec<&str>, Vec<&str>) = statement
        .actions
        .iter()
        .filter_map(|action| action.as_text())
        .partition(|action| !without.contains(action));
    if with.is_empty() {
        return None;
    }
    set(&mut kept, &["Action"], json!(with));
    set(&mut other, &["Action"], json!(rest));
    if let Some(sid) = statement.sid {
        set(&mut other, &["Sid"], json!(format!("{sid}Rest")));
    }
    let carried = |key: &str| rest.iter().all(|action| known.can_carry(action, key) != Some(false));
    let conditions = other.get_mut("Condition").and_then(Value::as_object_mut)?;
    for operator in conditions.values_mut().filter_map(Value::as_object_mut) {
        operator.retain(|key, _| carried(key));
    }
    conditions.retain(|_, keys| keys.as_object().is_some_and(|keys| !keys.is_empty()));
    if conditions.is_empty() {
        other.as_object_mut()?.shift_remove("Condition");
    }
    Some(split(&statement.at, &[kept, other]))
}
