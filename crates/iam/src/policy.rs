//! A policy document.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::decision::Place;
use crate::document;
use crate::statement::Statement;

/// What a policy is attached to. It decides which elements a document must and must not have
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#access_policy-types>).
///
/// ```
/// use firmhold_iam::{Policy, PolicyKind};
///
/// let trust = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}"#;
/// assert!(Policy::parse("mine", trust, PolicyKind::Trust).is_ok());
/// let error = Policy::parse("mine", trust, PolicyKind::Identity).unwrap_err();
/// assert_eq!(error.message, "identity policies have no Principal");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// Attached to a user or role: no `Principal`.
    Identity,
    /// Attached to a resource, e.g. a bucket policy: has a `Principal` in every statement.
    Resource,
    /// The trust policy of a role: has a `Principal`, and no `Resource`, which is the role itself.
    Trust,
    /// A permissions boundary: limits what identity-based policies grant.
    Boundary,
    /// Given while a role is assumed: limits what the role grants.
    Session,
    /// A service control policy of an organization: limits what the identities of an account can do
    /// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_syntax.html>).
    ServiceControl,
    /// A resource control policy of an organization: limits what anybody can do with the resources of an account.
    /// It speaks of every `Principal` and only denies
    /// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>).
    ResourceControl,
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Resource => "resource",
            Self::Trust => "trust",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::ServiceControl => "service control",
            Self::ResourceControl => "resource control",
        })
    }
}

/// What a statement does to the requests that it applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Effect {
    /// Allows, unless something denies.
    Allow,
    /// Denies, whatever allows.
    Deny,
}

/// Why a text is not a policy of its kind, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {policy:?}: {message} ({place})")]
pub struct PolicyError {
    /// The name of the policy.
    pub policy: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// A parsed document, with the name that traces call it by.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) name: Arc<str>,
    pub(crate) kind: PolicyKind,
    pub(crate) statements: Vec<Statement>,
}

impl Policy {
    /// Reads a document, strictly: AWS refuses or ignores what this refuses.
    ///
    /// # Errors
    /// Text that is not JSON, an unknown or doubled key, a value of the wrong type, an element that this kind of
    /// policy must not have or lacks, an unknown operator, a value that its operator cannot read.
    pub fn parse(name: &str, text: &str, kind: PolicyKind) -> Result<Policy, PolicyError> {
        match document::read(text, kind) {
            Ok(statements) => Ok(Policy { name: name.into(), kind, statements }),
            Err(fault) => {
                Err(PolicyError { policy: name.to_owned(), message: fault.message, place: fault.place })
            }
        }
    }

    /// The name given to [`Policy::parse`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind given to [`Policy::parse`].
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }
}
