//! What must not be applied to anyone's account, wherever it came from.

use firmhold_core::{Code, Problem};
use firmhold_iam::{Policy, PolicyKind};
use serde_json::Value;

use super::{Spec, Trust};
use crate::naming;

impl Spec {
    /// Refuses what would harm the owner or what AWS would not take. Parts of a spec come over the wire from the
    /// platform, and the owner's credentials could carry out anything.
    ///
    /// # Errors
    /// [`Code::Usage`].
    pub fn check(&self) -> Result<(), Problem> {
        if self.account.len() != 12 || !self.account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse("the account must be twelve digits"));
        }
        if let Some(says) = naming::check_role_name(&self.role.name) {
            return Err(refuse(format!("the role's name {says}")));
        }
        match &self.trust {
            Trust::Nobody => Ok(()),
            Trust::Platform { external_ids, .. } if external_ids.iter().any(|id| id.trim().is_empty()) => {
                Err(refuse("the platform sent an empty external ID"))
            }
            trust => check_trust(&trust.document()?),
        }
    }
}

/// Refuses a trust policy that lets anyone in without an external ID, or everybody with one (design D5).
///
/// # Errors
/// [`Code::Usage`], with what is wrong.
pub fn check_trust(document: &Value) -> Result<(), Problem> {
    Policy::parse("trust policy", &document.to_string(), PolicyKind::Trust)
        .map_err(|error| refuse(format!("the trust policy is no policy of its kind: {error}")))?;
    statements(document).iter().try_for_each(refuse_open_trust)
}

/// The statements of a policy; one alone may stand without a list.
pub(crate) fn statements(policy: &Value) -> &[Value] {
    match policy.get("Statement") {
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

pub(super) fn refuse(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Usage, detail).with_hint("Nothing was changed.")
}

/// INVARIANT: a role is never given a trust policy that lets anyone in without an external ID (design D5).
fn refuse_open_trust(statement: &Value) -> Result<(), Problem> {
    if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
        return Ok(());
    }
    if needs_external_id(statement) && !names_everybody(statement) {
        return Ok(());
    }
    Err(refuse(
        "the trust policy would let others in: a statement allows without `StringEquals` on `sts:ExternalId`, or for everybody",
    ))
}

/// Whether a statement lets nobody in without an external ID.
pub(crate) fn needs_external_id(statement: &Value) -> bool {
    let filled = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    match statement.pointer("/Condition/StringEquals/sts:ExternalId") {
        Some(Value::Array(ids)) => !ids.is_empty() && ids.iter().all(filled),
        Some(one) => filled(one),
        None => false,
    }
}

/// Whether a statement is for everybody.
pub(crate) fn names_everybody(statement: &Value) -> bool {
    let star = |value: &Value| match value {
        Value::String(text) => text == "*",
        Value::Array(list) => list.iter().any(|entry| entry == "*"),
        _ => false,
    };
    match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds.values().any(star),
        Some(principal) => star(principal),
        None => true,
    }
}
