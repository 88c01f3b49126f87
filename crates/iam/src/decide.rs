//! From a request and its policies to a decision.

use crate::{Decision, Outcome, Policies, Reason, Request, Trace};

/// Decides a request.
pub fn decide(request: &Request, policies: &Policies<'_>) -> Decision {
    let _ = policies;
    let trace = Trace {
        action: request.action.clone(),
        reason: Reason::NoIdentityAllow,
        steps: Vec::new(),
        deciding: None,
    };
    Decision { outcome: Outcome::ImplicitDeny, trace }
}
