//! The answer to a request, and how it came about.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::policy::{Effect, PolicyKind};

/// Whether a request is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Allowed.
    Allow,
    /// A statement denies it, whatever else allows it.
    ExplicitDeny,
    /// Nothing allows it, or not everything that has to.
    ImplicitDeny,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::ExplicitDeny => "explicit_deny",
            Self::ImplicitDeny => "implicit_deny",
        })
    }
}

/// Where something stands in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// A path like `Statement[1].Condition.StringEquals`; empty for the document itself.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{} at ", self.path)?;
        }
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// How one statement met the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Fit {
    /// It applies.
    Applies,
    /// It speaks of other principals.
    OtherPrincipal,
    /// It speaks of other actions.
    OtherAction,
    /// It speaks of other resources.
    OtherResource,
    /// A condition is not met: its operator and key, e.g. `StringEquals sts:ExternalId`.
    ConditionNotMet(#[serde(serialize_with = "shared")] Arc<str>),
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applies => f.write_str("applies"),
            Self::OtherPrincipal => f.write_str("other principal"),
            Self::OtherAction => f.write_str("other action"),
            Self::OtherResource => f.write_str("other resource"),
            Self::ConditionNotMet(condition) => write!(f, "not met: {}", condition.escape_debug()),
        }
    }
}

/// One statement that was looked at. What it takes from its policy is shared with it: a trace is made for every
/// decision, and read for few.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The kind of the policy.
    pub kind: PolicyKind,
    /// The policy's name.
    #[serde(serialize_with = "shared")]
    pub policy: Arc<str>,
    /// The number of the statement in its policy, from 1.
    pub statement: usize,
    /// The statement's `Sid`, unless empty.
    #[serde(serialize_with = "shared_if_any")]
    pub sid: Option<Arc<str>>,
    /// What the statement does where it applies.
    pub effect: Effect,
    /// Where the statement stands; where a condition is not met, that condition.
    #[serde(serialize_with = "shared")]
    pub place: Arc<Place>,
    /// Whether it applies, and if not, why not.
    pub fit: Fit,
}

fn shared<T: Serialize + ?Sized, S: Serializer>(it: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    T::serialize(it, serializer)
}

fn shared_if_any<S: Serializer>(it: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    it.as_deref().serialize(serializer)
}

/// Why a request has no outcome but an implicit deny, or is allowed without a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A statement decided: see [`Decision::deciding`].
    Statement,
    /// AWS lets the root user do everything in its own account that no policy denies.
    RootUser,
    /// `sts:GetCallerIdentity` needs no permission and cannot be denied.
    NeedsNoPermission,
    /// No identity-based policy allows it.
    NoIdentityAllow,
    /// No policy of the resource allows it, and the caller is of another account or of none.
    NoResourceAllow,
    /// The role has no trust policy, or one that does not trust the caller.
    NoTrustAllow,
    /// The permissions boundary does not allow it.
    NoBoundaryAllow,
    /// The session policy does not allow it.
    NoSessionAllow,
    /// On some level of the organization no service control policy allows it.
    NoServiceControlAllow,
    /// AWS lets no root user and no unsigned request assume a role, and nobody of an external provider without the
    /// provider's token.
    CannotAssumeRoles,
    /// KMS takes signed requests only, whatever a key's policy allows to everybody.
    NotSigned,
}

/// Every statement that was looked at, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The action that was asked for.
    pub action: String,
    /// Why the outcome is what it is.
    pub reason: Reason,
    /// In the order identity, resource, trust, boundary, session, service control, resource control; each policy in
    /// the order of its statements.
    pub steps: Vec<Step>,
    /// Which of the steps decided.
    pub deciding: Option<usize>,
}

/// The outcome with its trace.
///
/// ```
/// use firmhold_iam::{Context, Fit, Outcome, Policies, Policy, PolicyKind, Principal, Reason, Request, decide};
///
/// let trust = Policy::parse("trust", r#"{"Version": "2012-10-17", "Statement": [{
///     "Sid": "Vendor", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:role/vendor"},
///     "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "9d1f"}}}]}"#,
///     PolicyKind::Trust)?;
/// let may = Policy::parse("may", r#"{"Version": "2012-10-17", "Statement": {
///     "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}"#, PolicyKind::Identity)?;
/// let request = Request {
///     principal: Principal::from_arn("arn:aws:sts::999999999999:assumed-role/vendor/worker")?,
///     action: "sts:AssumeRole".to_owned(),
///     resource: "arn:aws:iam::111122223333:role/Firmware".to_owned(),
///     resource_account: None,
///     context: Context::new(),
/// };
/// let policies = Policies { identity: vec![&may], trust: Some(&trust), ..Policies::default() };
/// let decision = decide(&request, &policies);
/// assert_eq!((decision.outcome, decision.trace.reason), (Outcome::ImplicitDeny, Reason::NoTrustAllow));
///
/// // The statement that would have allowed it, the condition in its way, and where that stands.
/// let nearest = decision.nearest().expect("a statement speaks of the request");
/// assert_eq!(nearest.fit, Fit::ConditionNotMet("StringEquals sts:ExternalId".into()));
/// assert_eq!(nearest.place.path, r#"Statement[0].Condition.StringEquals["sts:ExternalId"]"#);
/// assert_eq!(nearest.place.line, 3);
/// assert_eq!(decision.aws_reason(), "because no role trust policy allows the sts:AssumeRole action");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The outcome.
    pub outcome: Outcome,
    /// How it came about.
    pub trace: Trace,
}

impl Decision {
    /// Whether the request is let through.
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allow
    }

    /// The statement that decided: the first that denies, else the one that grants. `None` where nothing allows,
    /// and where AWS needs no statement to allow.
    pub fn deciding(&self) -> Option<&Step> {
        self.trace.deciding.and_then(|index| self.trace.steps.get(index))
    }

    /// One line for a request log, e.g. `explicit_deny by resource policy "bucket-policy" statement 2
    /// (DenyPlainHttp)` or `implicit_deny: no identity statement allows s3:GetObject`.
    pub fn summary(&self) -> String {
        match self.deciding() {
            Some(step) => format!("{} by {step}", self.outcome),
            None => {
                let nearest = self.nearest().map(|step| format!("; nearest: {step}, {}", step.fit));
                format!("{}: {}{}", self.outcome, self.why(), nearest.unwrap_or_default())
            }
        }
    }

    /// Of a request that nothing allows: the statement that would have, but for a condition.
    pub fn nearest(&self) -> Option<&Step> {
        let near = |step: &&Step| {
            step.effect == Effect::Allow
                && matches!(step.fit, Fit::ConditionNotMet(_))
                && self.is_asked(step.kind)
        };
        self.trace.steps.iter().find(near).filter(|_| self.outcome == Outcome::ImplicitDeny)
    }

    /// Whether a grant by a policy of this kind is what is missing.
    fn is_asked(&self, kind: PolicyKind) -> bool {
        match self.trace.reason {
            Reason::NoIdentityAllow => kind == PolicyKind::Identity || kind == PolicyKind::Resource,
            Reason::NoResourceAllow => kind == PolicyKind::Resource,
            Reason::NoTrustAllow => kind == PolicyKind::Trust,
            Reason::NoBoundaryAllow => kind == PolicyKind::Boundary,
            Reason::NoSessionAllow => kind == PolicyKind::Session,
            Reason::NoServiceControlAllow => kind == PolicyKind::ServiceControl,
            _ => false,
        }
    }

    /// The tail of AWS's own message, e.g. `because no identity-based policy allows the s3:GetObject action` or
    /// `with an explicit deny in a resource-based policy`; empty when allowed
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>).
    pub fn aws_reason(&self) -> String {
        let action = &self.trace.action;
        match self.outcome {
            Outcome::Allow => String::new(),
            Outcome::ExplicitDeny => {
                let policy = match self.deciding().map(|step| step.kind) {
                    Some(PolicyKind::Resource) => "a resource-based policy",
                    Some(PolicyKind::Trust) => "the role trust policy",
                    Some(PolicyKind::Boundary) => "a permissions boundary",
                    Some(PolicyKind::Session) => "a session policy",
                    Some(PolicyKind::ServiceControl) => "a service control policy",
                    Some(PolicyKind::ResourceControl) => "a resource control policy",
                    Some(PolicyKind::Identity) | None => "an identity-based policy",
                };
                format!("with an explicit deny in {policy}")
            }
            Outcome::ImplicitDeny => {
                let policy = match self.trace.reason {
                    Reason::NoResourceAllow | Reason::NotSigned => "resource-based policy",
                    Reason::NoTrustAllow | Reason::CannotAssumeRoles => "role trust policy",
                    Reason::NoBoundaryAllow => "permissions boundary",
                    Reason::NoSessionAllow => "session policy",
                    Reason::NoServiceControlAllow => "service control policy",
                    _ => "identity-based policy",
                };
                format!("because no {policy} allows the {action} action")
            }
        }
    }

    fn why(&self) -> String {
        let action = &self.trace.action;
        match self.trace.reason {
            Reason::Statement | Reason::NoIdentityAllow => format!("no identity statement allows {action}"),
            Reason::RootUser => "root user of the account".to_owned(),
            Reason::NeedsNoPermission => format!("{action} needs no permission"),
            Reason::NoResourceAllow => format!("no resource statement allows {action}"),
            Reason::NoTrustAllow => format!("no trust statement allows {action}"),
            Reason::NoBoundaryAllow => format!("the permissions boundary does not allow {action}"),
            Reason::NoSessionAllow => format!("the session policy does not allow {action}"),
            Reason::NoServiceControlAllow => {
                format!("on some level of the organization no service control policy allows {action}")
            }
            Reason::CannotAssumeRoles => {
                "neither a root user nor an unsigned request can assume a role, and who has a provider's token uses \
                 another action"
                    .to_owned()
            }
            Reason::NotSigned => "the service takes no unsigned request".to_owned(),
        }
    }
}

/// `resource policy "bucket-policy" statement 2 (DenyPlainHttp)`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} policy {:?} statement {}", self.kind, self.policy, self.statement)?;
        match &self.sid {
            Some(sid) => write!(f, " ({})", sid.escape_debug()),
            None => Ok(()),
        }
    }
}
