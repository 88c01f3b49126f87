//! Any request under any policies. The input is parts with a zero byte between them: caller, action, resource,
//! owner, condition keys (`name=value` lines; `name+=value` for a key of several values), then documents, each with
//! a letter in front that says what it is attached to.
//!
//! What must hold: no panic, a trace that can be printed, and that what is allowed is allowed no longer once a
//! statement denies everything.
#![no_main]

use firmhold_iam::{Context, ContextValue, Policies, Policy, PolicyKind, Principal, Request, decide};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let mut next = || parts.next().unwrap_or_default();
    let principal = match next() {
        "" => Principal::Anonymous,
        text if text.ends_with(".amazonaws.com") => Principal::Service(text.to_owned()),
        text => Principal::from_arn(text).unwrap_or(Principal::Anonymous),
    };
    let (action, resource, owner) = (next(), next(), next());
    let request = Request {
        principal,
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account: Some(owner.to_owned()).filter(|owner| !owner.is_empty()),
        context: context(next()),
    };
    let documents: Vec<Policy> = parts.filter_map(policy).collect();
    let of = |kind| documents.iter().filter(move |policy| policy.kind() == kind);
    let policies = Policies {
        identity: of(PolicyKind::Identity).collect(),
        resource: of(PolicyKind::Resource).next(),
        trust: of(PolicyKind::Trust).next(),
        boundary: of(PolicyKind::Boundary).next(),
        session: of(PolicyKind::Session).next(),
        service_control: of(PolicyKind::ServiceControl).map(|policy| vec![policy]).collect(),
        resource_control: of(PolicyKind::ResourceControl).collect(),
        management_account: None,
    };
    let decision = decide(&request, &policies);
    let _ = (decision.summary(), decision.aws_reason(), decision.nearest());

    let everything = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    let deny = Policy::parse("deny", everything, PolicyKind::Identity).expect("a document");
    let mut denied = policies.clone();
    denied.identity.push(&deny);
    let after = decide(&request, &denied);
    assert!(!after.is_allowed() || after.deciding().is_none(), "{}", after.summary());
});

fn context(lines: &str) -> Context {
    let mut context = Context::new();
    for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
        match name.strip_suffix('+') {
            None => context.set(name, value),
            Some(name) => {
                let mut values = match context.get(name) {
                    Some(ContextValue::Many(values)) => values.clone(),
                    _ => Vec::new(),
                };
                values.push(value.to_owned());
                context.set(name, values)
            }
        };
    }
    context
}

fn policy(text: &str) -> Option<Policy> {
    let kind = match text.chars().next()? {
        'i' => PolicyKind::Identity,
        'r' => PolicyKind::Resource,
        't' => PolicyKind::Trust,
        'b' => PolicyKind::Boundary,
        's' => PolicyKind::Session,
        'c' => PolicyKind::ServiceControl,
        'x' => PolicyKind::ResourceControl,
        _ => return None,
    };
    Policy::parse("fuzz", text.get(1..)?, kind).ok()
}
