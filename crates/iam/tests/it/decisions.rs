//! The table of decisions with the outcome that AWS gives.

use firmhold_iam::{Policies, Policy, PolicyKind, decide};
use serde_json::Value;

use crate::support;

#[test]
fn every_row() {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/decisions.json")).expect("the table is JSON");
    assert_eq!(rows.len(), 59);
    let wrong: Vec<String> = rows.iter().filter_map(failure).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

fn failure(row: &Value) -> Option<String> {
    let policy = |field: &str, kind| -> Option<Policy> {
        row.get(field).map(|document| support::policy(kind, document))
    };
    let text = |field: &str| row[field].as_str().expect("a text field").to_owned();
    let identity = policy("identity_policy", PolicyKind::Identity);
    let resource = policy("resource_policy", PolicyKind::Resource);
    let trust = policy("trust_policy", PolicyKind::Trust);
    let boundary = policy("permissions_boundary", PolicyKind::Boundary);
    let session = policy("session_policy", PolicyKind::Session);
    let mut request =
        support::request(&text("principal"), &text("action"), &text("resource"), &row["context"]);
    request.resource_account = Some(text("resource_account"));
    let decision = decide(
        &request,
        &Policies {
            identity: identity.iter().collect(),
            resource: resource.as_ref(),
            trust: trust.as_ref(),
            boundary: boundary.as_ref(),
            session: session.as_ref(),
            ..Policies::default()
        },
    );
    let expected = text("expect");
    (decision.outcome.to_string() != expected)
        .then(|| format!("{}: expected {expected}, got {}", text("name"), decision.summary()))
}
