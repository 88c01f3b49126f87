//! The trust policy that came back, before it goes anywhere near the role.

use firmhold_iam::lint::{self, Document, DocumentKind, Finding, Setting, Severity};
use firmhold_iam::{Policy, PolicyKind};
use serde::Serialize;
use serde_json::Value;

use crate::policy_text::same;
use crate::spec::{names_everybody, needs_external_id, statements};

/// No trust policy is longer: IAM takes 8,192 characters at most, by request.
const MAX_BYTES: usize = 64 * 1024;

/// Why a policy is not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The line that it stands in, from 1; 0 for the whole.
    pub line: usize,
    /// A sentence.
    pub says: String,
}

/// What a policy that was given is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    /// Why it must not be applied; empty if it may.
    pub refusals: Vec<Refusal>,
    /// What the linter found, refusals and lesser things.
    pub findings: Vec<Finding>,
    /// What changes in the role's trust policy, as a diff of the two in one layout; empty if nothing does.
    pub diff: String,
    /// The policy, if it may be applied.
    #[serde(skip)]
    pub document: Option<Value>,
}

impl Review {
    /// Whether it may be applied.
    pub fn is_sound(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Whether the role trusts so already.
    pub fn is_there(&self) -> bool {
        self.is_sound() && self.diff.is_empty()
    }
}

/// Reads a trust policy that the platform sent for the role `role_arn`, beside what the role has now.
///
/// Refused are: what AWS would not take, placeholders (with their place), a statement that lets somebody in without an
/// external ID or lets everybody in, and a principal of the owner's own account, whom the platform is not.
pub fn review(name: &str, given: &str, role_arn: &str, current: Option<&Value>) -> Review {
    let mut review =
        Review { refusals: Vec::new(), findings: Vec::new(), diff: String::new(), document: None };
    if given.len() > MAX_BYTES {
        review.refusals.push(whole(format!("{name} is longer than any trust policy can be")));
        return review;
    }
    let setting = Setting { role_arn: Some(role_arn.to_owned()), ..Setting::default() };
    let document = Document::new(name, DocumentKind::Trust, given);
    review.findings = lint::lint(std::slice::from_ref(&document), &setting);
    let errors = review.findings.iter().filter(|finding| finding.severity == Severity::Error);
    review.refusals.extend(errors.map(|finding| Refusal {
        line: finding.place.line,
        says: format!("{} [{}]", finding.message, finding.id),
    }));
    let parsed = match Policy::parse(name, given, PolicyKind::Trust) {
        Ok(_) => serde_json::from_str::<Value>(given).ok(),
        Err(error) => {
            // The linter has said it, unless it has no rule for it.
            if review.refusals.is_empty() {
                review.refusals.push(Refusal { line: error.place.line, says: error.to_string() });
            }
            None
        }
    };
    let Some(given) = parsed else { return review };
    review.refusals.extend(beyond_the_linter(&given, role_arn));
    if !current.is_some_and(|current| same(current, &given)) {
        review.diff = lint::diff(&current.map(pretty).unwrap_or_default(), &pretty(&given));
    }
    if review.is_sound() {
        review.document = Some(given);
    }
    review
}

/// INVARIANT: a role never gets a trust policy that lets anybody in without an external ID (design D5), whatever the
/// linter thinks of it.
fn beyond_the_linter(given: &Value, role_arn: &str) -> Vec<Refusal> {
    let own = role_arn.split(':').nth(4).unwrap_or_default();
    let statements = statements(given).iter().filter(|statement| allows(statement));
    let mut refusals = Vec::new();
    let mut any = false;
    for (index, statement) in statements.enumerate() {
        any = true;
        let principals = principals(statement);
        if !needs_external_id(statement) {
            refusals.push(whole(format!(
                "statement {} lets its principals in without an external ID: it has no StringEquals on sts:ExternalId",
                index + 1
            )));
        }
        if names_everybody(statement) {
            refusals
                .push(whole(format!("statement {} lets everybody in who knows the external ID", index + 1)));
        }
        let inside = |principal: &&String| !own.is_empty() && account_of(principal) == Some(own);
        if let Some(principal) = principals.iter().find(inside) {
            refusals.push(whole(format!(
                "statement {} trusts {principal}, which is in your own account: the platform is not",
                index + 1
            )));
        }
    }
    if !any {
        refusals.push(whole("it lets nobody in: there is no statement that allows".to_owned()));
    }
    refusals
}

fn whole(says: String) -> Refusal {
    Refusal { line: 0, says }
}

fn allows(statement: &Value) -> bool {
    statement.get("Effect").and_then(Value::as_str) != Some("Deny")
}

/// Who is named.
fn principals(statement: &Value) -> Vec<String> {
    let texts = |value: &Value| -> Vec<String> {
        match value {
            Value::Array(list) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            one => one.as_str().map(str::to_owned).into_iter().collect(),
        }
    };
    match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds.values().flat_map(texts).collect(),
        Some(one) => texts(one),
        None => Vec::new(),
    }
}

/// The account of a principal: of an ARN, or the number itself.
fn account_of(principal: &str) -> Option<&str> {
    if principal.starts_with("arn:") { principal.split(':').nth(4) } else { Some(principal) }
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}
