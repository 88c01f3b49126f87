//! The tables of decisions with the outcome that AWS gives.

use firmhold_iam::{Policies, Policy, PolicyKind, Principal, Request, decide};
use serde_json::Value;

use crate::support;

#[test]
fn every_row() {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/decisions.json")).expect("the table is JSON");
    assert_eq!(rows.len(), 59);
    check(&rows);
}

/// Cases that were argued by hand, each with the page of AWS's documentation that it rests on.
#[test]
fn every_argued_row() {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/argued.json")).expect("the table is JSON");
    assert!(rows.len() >= 20);
    for row in &rows {
        let url = row["page"]["url"].as_str().expect("a page");
        assert!(url.starts_with("https://docs.aws.amazon.com/"), "{url}");
        assert!(row["page"]["title"].is_string() && row["why"].is_string(), "{}", row["name"]);
    }
    check(&rows);
}

fn check(rows: &[Value]) {
    let wrong: Vec<String> = rows.iter().filter_map(failure).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

fn failure(row: &Value) -> Option<String> {
    let policy = |field: &str, kind| -> Option<Policy> {
        row.get(field).map(|document| support::policy(kind, document))
    };
    let list = |documents: &Value, kind| -> Vec<Policy> {
        documents.as_array().into_iter().flatten().map(|document| support::policy(kind, document)).collect()
    };
    let text = |field: &str| row[field].as_str().expect("a text field").to_owned();
    let identity = policy("identity_policy", PolicyKind::Identity);
    let resource = policy("resource_policy", PolicyKind::Resource);
    let trust = policy("trust_policy", PolicyKind::Trust);
    let boundary = policy("permissions_boundary", PolicyKind::Boundary);
    let session = policy("session_policy", PolicyKind::Session);
    let levels = row["service_control"].as_array().into_iter().flatten();
    let levels: Vec<Vec<Policy>> = levels.map(|level| list(level, PolicyKind::ServiceControl)).collect();
    let resource_control = list(&row["resource_control"], PolicyKind::ResourceControl);
    let request = Request {
        principal: principal(&text("principal")),
        action: text("action"),
        resource: text("resource"),
        resource_account: Some(text("resource_account")),
        context: support::context(&row["context"]),
    };
    let decision = decide(
        &request,
        &Policies {
            identity: identity.iter().collect(),
            resource: resource.as_ref(),
            trust: trust.as_ref(),
            boundary: boundary.as_ref(),
            session: session.as_ref(),
            service_control: levels.iter().map(|level| level.iter().collect()).collect(),
            resource_control: resource_control.iter().collect(),
            management_account: row["management_account"].as_str(),
        },
    );
    let expected = text("expect");
    (decision.outcome.to_string() != expected)
        .then(|| format!("{}: expected {expected}, got {}", text("name"), decision.summary()))
}

fn principal(text: &str) -> Principal {
    match text {
        "anonymous" => Principal::Anonymous,
        text if text.starts_with("federated:") => Principal::Federated(text.replace("federated:", "")),
        service if service.ends_with(".amazonaws.com") => Principal::Service(service.to_owned()),
        arn => support::principal(arn),
    }
}
