//! Short ways to policies and requests.

use firmhold_iam::{Context, ContextValue, Policy, PolicyKind, Principal, Request};
use serde_json::Value;

pub fn policy(kind: PolicyKind, document: &Value) -> Policy {
    match Policy::parse(&kind.to_string(), &document.to_string(), kind) {
        Ok(policy) => policy,
        Err(error) => panic!("{error}: {document:#}"),
    }
}

pub fn principal(arn: &str) -> Principal {
    Principal::from_arn(arn).expect("the ARN of a principal")
}

/// What a JSON object says about a request.
pub fn context(object: &Value) -> Context {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut context = Context::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        let value: ContextValue = match value {
            Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().into(),
            other => text(other).into(),
        };
        context.set(key, value);
    }
    context
}

pub fn request(who: &str, action: &str, resource: &str, keys: &Value) -> Request {
    Request {
        principal: principal(who),
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account: Some("123456789012".to_owned()),
        context: context(keys),
    }
}
