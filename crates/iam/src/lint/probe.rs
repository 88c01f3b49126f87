//! Requests made up to ask the evaluator what a document lets through.

use super::view::{ConditionView, StatementView, s3_resource};
use crate::{Context, ContextValue, Decision, Policies, Policy, PolicyKind, Principal, Request, decide};

/// The account of made-up callers and resources.
const ACCOUNT: &str = "111122223333";

/// What every request of ours has: TLS, and a version of it that nothing refuses.
pub fn over_tls() -> Context {
    let mut context = Context::new();
    context.set("aws:SecureTransport", true).set("s3:TlsVersion", "1.3");
    context
}

/// Decides a request of a role's session under the role's policies and the bucket's.
pub fn as_role(
    action: &str,
    resource: &str,
    context: Context,
    identity: Vec<&Policy>,
    bucket: Option<&Policy>,
) -> Decision {
    let request = Request {
        principal: session(ACCOUNT),
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account: Some(ACCOUNT.to_owned()),
        context,
    };
    decide(&request, &Policies { identity, resource: bucket, ..Policies::default() })
}

/// A session of some role of an account.
pub fn session(account: &str) -> Principal {
    Principal::RoleSession {
        partition: "aws".to_owned(),
        account: account.to_owned(),
        path: Some("/".to_owned()),
        role: "Somebody".to_owned(),
        session: "s".to_owned(),
    }
}

/// A role's policy that lets everything, so that only the other document decides.
pub fn everything() -> Option<Policy> {
    const TEXT: &str =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    Policy::parse("everything", TEXT, PolicyKind::Identity).ok()
}

/// A text that fits a pattern: what a wildcard stands for is made up. `None` where a variable stands for it.
pub fn sample(pattern: &str) -> Option<String> {
    if pattern.contains("${") {
        return None;
    }
    Some(pattern.replace(['*', '?'], "x"))
}

/// The ARN of an object that a statement speaks of. `None` where it speaks of none, or a variable says of which.
pub fn object_of(statement: &StatementView<'_>) -> Option<String> {
    const KEY: &str = "firmhold/x";
    let mut arns = statement.resources.iter().filter_map(|at| at.as_text());
    arns.find_map(|arn| match (arn, s3_resource(arn)) {
        ("*", _) => Some(format!("arn:aws:s3:::acme-fw/{KEY}")),
        (_, Some((_, Some(_)))) => sample(arn),
        // `b*` is meant for the bucket and its objects.
        (_, Some((bucket, None))) if bucket.ends_with('*') => Some(format!("{}/{KEY}", sample(arn)?)),
        _ => None,
    })
}

/// A number on the right side of the one that an operator compares with.
fn within(operator: &str, value: String) -> String {
    match (value.parse::<i64>(), operator.contains("LessThan"), operator.contains("GreaterThan")) {
        (Ok(limit), true, _) => limit.saturating_sub(1).to_string(),
        (Ok(limit), _, true) => limit.saturating_add(1).to_string(),
        _ => value,
    }
}

/// A context that meets a statement's conditions, those that `leave` picks left out.
pub fn meeting(statement: &StatementView<'_>, leave: impl Fn(&ConditionView<'_>) -> bool) -> Context {
    let mut context = over_tls();
    for condition in statement.conditions.iter().filter(|condition| !leave(condition)) {
        let negated = condition.operator_name.contains("Not") || condition.operator_name == "Null";
        let first = condition.values.first().and_then(|value| value.as_text());
        if let (false, Some(value)) = (negated, first.and_then(sample)) {
            let value = within(condition.operator_name, value);
            let many = condition.operator_name.starts_with("For");
            let value = if many { ContextValue::Many(vec![value]) } else { ContextValue::One(value) };
            context.set(condition.key, value);
        }
    }
    context
}
