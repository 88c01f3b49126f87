//! Whatever comes in, nothing panics, and some things hold of every document.

use firmhold_iam::{Context, Outcome, Policies, Policy, PolicyKind, Principal, Request, decide};
use proptest::prelude::*;
use serde_json::{Value, json};

const KINDS: [PolicyKind; 7] = [
    PolicyKind::Identity,
    PolicyKind::Resource,
    PolicyKind::Trust,
    PolicyKind::Boundary,
    PolicyKind::Session,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
];

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        "[a-zA-Z*?${}:',]{0,12}",
        Just("Statement".to_owned()),
        Just("Effect".to_owned()),
        Just("Allow".to_owned()),
        Just("Principal".to_owned()),
        Just("Condition".to_owned()),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn operator() -> impl Strategy<Value = String> {
    let set = prop_oneof![3 => Just(""), 1 => Just("ForAllValues:"), 1 => Just("ForAnyValue:")];
    let name = prop::sample::select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "NumericEquals",
        "NumericLessThan",
        "NumericNotEquals",
        "DateLessThan",
        "DateNotEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "ArnLike",
        "ArnNotEquals",
    ]);
    let suffix = prop_oneof![Just(""), Just("IfExists")];
    (set, name, suffix).prop_map(|(set, name, suffix)| format!("{set}{name}{suffix}"))
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("10".to_owned()),
        Just("true".to_owned()),
        Just("2026-01-01".to_owned()),
        Just("10.0.0.0/8".to_owned()),
        Just("arn:aws:s3:::b/*".to_owned()),
        Just("${x:a}".to_owned()),
        Just("${x:b, '7'}".to_owned()),
        "[a-z*?:$]{0,6}",
    ]
}

fn statement(effect: &'static str) -> impl Strategy<Value = Value> {
    let conditions = prop::collection::vec((operator(), prop::collection::vec(value(), 1..3)), 0..3);
    let resource =
        prop::sample::select(vec!["*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${x:a}", "arn:aws:s3:::*"]);
    (conditions, resource, any::<bool>()).prop_map(move |(conditions, resource, not)| {
        let conditions: serde_json::Map<String, Value> =
            conditions.into_iter().map(|(operator, values)| (operator, json!({ "x:a": values }))).collect();
        let element = if not { "NotResource" } else { "Resource" };
        json!({ "Effect": effect, "Action": "s3:*", element: resource, "Condition": conditions })
    })
}

fn context() -> impl Strategy<Value = Context> {
    let values = prop::collection::vec(value(), 0..3);
    (prop::option::of(values), prop::option::of(value())).prop_map(|(many, one)| {
        let mut context = Context::new();
        if let Some(many) = many {
            context.set("x:a", many);
        }
        if let Some(one) = one {
            context.set("x:b", one);
        }
        context
    })
}

fn request(context: Context) -> Request {
    Request {
        principal: crate::support::principal("arn:aws:iam::123456789012:user/u"),
        action: "s3:GetObject".to_owned(),
        resource: "arn:aws:s3:::b/k".to_owned(),
        resource_account: Some("123456789012".to_owned()),
        context,
    }
}

fn parsed(statement: &Value) -> Option<Policy> {
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    Policy::parse("p", &document.to_string(), PolicyKind::Identity).ok()
}

fn outcome(request: &Request, policies: &[&Policy]) -> Outcome {
    decide(request, &Policies { identity: policies.to_vec(), ..Policies::default() }).outcome
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        for kind in KINDS {
            let _ = Policy::parse("p", &text, kind);
        }
    }

    #[test]
    fn any_json_is_parsed_or_refused(document in any_json()) {
        for kind in KINDS {
            let _ = Policy::parse("p", &document.to_string(), kind);
            let _ = Policy::parse("p", &json!({ "Statement": [document] }).to_string(), kind);
        }
    }

    #[test]
    fn any_request_is_decided(
        statement in statement("Deny"), context in context(),
        arn in any::<String>(), action in any::<String>(), resource in any::<String>(),
    ) {
        let _ = Principal::from_arn(&arn);
        if let Some(policy) = parsed(&statement) {
            let request = Request { action, resource, ..request(context) };
            let decision = decide(&request, &Policies { identity: vec![&policy], ..Policies::default() });
            prop_assert!(!decision.is_allowed() || decision.deciding().is_none());
            let _ = (decision.summary(), decision.aws_reason());
        }
    }

    /// Where one and the same condition allows, it denies too: nothing unknown opens a door.
    #[test]
    fn what_allows_would_deny(statement in statement("Allow"), context in context()) {
        let mut denying = statement.clone();
        denying["Effect"] = json!("Deny");
        if let (Some(allow), Some(deny)) = (parsed(&statement), parsed(&denying)) {
            let request = request(context);
            if outcome(&request, &[&allow]) == Outcome::Allow {
                prop_assert_eq!(outcome(&request, &[&deny]), Outcome::ExplicitDeny);
                prop_assert_eq!(outcome(&request, &[&allow, &deny]), Outcome::ExplicitDeny);
            }
        }
    }

    /// Another statement that denies never turns a refusal into a grant.
    #[test]
    fn a_deny_only_takes_away(allow in statement("Allow"), deny in statement("Deny"), context in context()) {
        if let (Some(allow), Some(deny)) = (parsed(&allow), parsed(&deny)) {
            let request = request(context);
            let before = outcome(&request, &[&allow]);
            let after = outcome(&request, &[&allow, &deny]);
            prop_assert!(after == before || after == Outcome::ExplicitDeny);
        }
    }
}
