//! The statement at fault, where its document is at hand.

use serde::Serialize;

use super::culprit::{Culprit, Verdict};
use super::text::Read;
use crate::decision::Place;
use crate::lint::{Document, DocumentKind, Mend, exempting};
use crate::{Context, Effect, Fit, Policies, Policy, PolicyKind, Principal, Request, decide};

/// A statement of a given document that refuses the request, or would allow it but for a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldStatement {
    /// The document.
    pub document: String,
    /// The number of the statement, from 1.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Where it stands; where a condition decides, that condition.
    pub place: Place,
    /// How it meets the request.
    pub fit: Fit,
    /// The document with the exemption.
    pub mend: Option<Mend>,
}

/// The statements of these documents that speak of the request. What the text does not say of the request (its
/// address, its headers) is not known, so a condition on it does not clear a statement.
pub fn find(read: &Read, verdict: Verdict, held: &[Document]) -> Vec<HeldStatement> {
    let (Some(action), Some(effect)) = (&read.action, effect(verdict)) else { return Vec::new() };
    let caller = read.caller.as_deref().and_then(|arn| Principal::from_arn(arn).ok());
    let request = Request {
        principal: caller.unwrap_or(Principal::Anonymous),
        action: action.clone(),
        resource: read.resource.clone().unwrap_or_else(|| "*".to_owned()),
        resource_account: None,
        context: Context::new(),
    };
    held.iter().flat_map(|document| in_document(document, &request, effect)).collect()
}

/// A Deny that refused, or an Allow that came near.
fn effect(verdict: Verdict) -> Option<Effect> {
    match (verdict.culprit, verdict.explicit) {
        (Culprit::ExpiredLink | Culprit::Credentials | Culprit::Encoded, _) => None,
        (_, Some(false)) => Some(Effect::Allow),
        (_, _) => Some(Effect::Deny),
    }
}

fn in_document(document: &Document, request: &Request, effect: Effect) -> Vec<HeldStatement> {
    let kind = match document.kind() {
        DocumentKind::Trust => PolicyKind::Trust,
        DocumentKind::Bucket | DocumentKind::Key => PolicyKind::Resource,
        _ => PolicyKind::Identity,
    };
    let Ok(policy) = Policy::parse(document.name(), document.text(), kind) else { return Vec::new() };
    let mut policies = Policies::default();
    match kind {
        PolicyKind::Trust => policies.trust = Some(&policy),
        PolicyKind::Resource => policies.resource = Some(&policy),
        _ => policies.identity = vec![&policy],
    }
    let steps = decide(request, &policies).trace.steps.into_iter();
    let near = |fit: &Fit| matches!(fit, Fit::Applies | Fit::ConditionNotMet(_));
    steps
        .filter(|step| step.effect == effect && near(&step.fit))
        .map(|step| HeldStatement {
            mend: (effect == Effect::Deny)
                .then(|| exempting(document, step.statement, &request.principal))
                .flatten(),
            document: step.policy.to_string(),
            statement: step.statement,
            sid: step.sid.map(|sid| sid.to_string()),
            place: Place::clone(&step.place),
            fit: step.fit,
        })
        .collect()
}
