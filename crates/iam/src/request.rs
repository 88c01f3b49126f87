//! What is asked of AWS, and which policies have a say in it.

use crate::facts::{DERIVED, Facts, Given};
use crate::{Context, Policy, Principal};

/// One action by one caller on one resource.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// `service:Action`, in any case.
    pub action: String,
    /// The ARN of the resource, or `*` for an action that has none.
    pub resource: String,
    /// The account that owns the resource. `None`: the account that its ARN names; if that names none either,
    /// the owner counts as unknown, and where a resource policy is given both sides have to allow.
    pub resource_account: Option<String>,
    /// The condition keys. Those that follow from the principal (`aws:PrincipalArn`, `aws:PrincipalAccount`,
    /// `aws:PrincipalType`, `aws:username` of a user) count as set where they are not. `aws:userid` of a user or
    /// role nobody but AWS knows: while it is not set, a Deny of a unique id (`AROA…`) applies.
    pub context: Context,
}

impl Request {
    /// The context with the keys that follow from the request itself, where they are not set.
    pub fn full_context(&self) -> Context {
        let facts = Facts::new(self, false);
        let mut context = self.context.clone();
        for key in DERIVED {
            if let (None, Some(Given::One(value))) = (self.context.get(key), facts.get(key)) {
                context.set(key, value);
            }
        }
        context
    }
}

/// The policies that apply to a request
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>).
///
/// ```
/// use firmhold_iam::{Context, Policies, Policy, PolicyKind, Principal, Reason, Request, decide};
///
/// let everything = |kind| Policy::parse("all", r#"{"Version": "2012-10-17", "Statement": {
///     "Effect": "Allow", "Action": "*", "Resource": "*"}}"#, kind);
/// let queues = Policy::parse("queues", r#"{"Version": "2012-10-17", "Statement": {
///     "Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}"#, PolicyKind::ServiceControl)?;
/// let (own, full) = (everything(PolicyKind::Identity)?, everything(PolicyKind::ServiceControl)?);
/// let request = Request {
///     principal: Principal::from_arn("arn:aws:iam::111122223333:role/Admin")?,
///     action: "s3:ListBucket".to_owned(),
///     resource: "arn:aws:s3:::acme-fw".to_owned(),
///     resource_account: Some("111122223333".to_owned()),
///     context: Context::new(),
/// };
/// // Full access at the root of the organization, queues only in the account: every level has to allow.
/// let member = Policies {
///     identity: vec![&own],
///     service_control: vec![vec![&full], vec![&queues]],
///     ..Policies::default()
/// };
/// assert_eq!(decide(&request, &member).trace.reason, Reason::NoServiceControlAllow);
/// // Nobody is bound in the organization's management account.
/// let management = Policies { management_account: Some("111122223333"), ..member };
/// assert!(decide(&request, &management).is_allowed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default, Clone)]
pub struct Policies<'a> {
    /// Identity-based policies of the caller (inline and attached).
    pub identity: Vec<&'a Policy>,
    /// The policy of the resource, e.g. the bucket policy. A key's policy must allow what is done with the key, if
    /// only by leaving it to its account; without one it counts as AWS's default, which does that.
    pub resource: Option<&'a Policy>,
    /// The trust policy of the role that `sts:AssumeRole` names; without one no role can be assumed.
    pub trust: Option<&'a Policy>,
    /// The caller's permissions boundary.
    pub boundary: Option<&'a Policy>,
    /// The session policy given when the caller's role was assumed.
    pub session: Option<&'a Policy>,
    /// The service control policies of the caller's account, level by level from the root of its organization
    /// through each unit to the account itself: every level has to allow. Empty: of no organization.
    pub service_control: Vec<Vec<&'a Policy>>,
    /// The resource control policies of the account that owns the resource. `RCPFullAWSAccess`, which is attached
    /// everywhere and cannot be detached, need not be among them; all others only deny, on any level.
    pub resource_control: Vec<&'a Policy>,
    /// The management account of the organization, if that is known: neither kind of control policy binds its own
    /// identities and resources.
    pub management_account: Option<&'a str>,
}

impl Policies<'_> {
    /// The number of all their statements.
    pub(crate) fn statements(&self) -> usize {
        let one = [self.resource, self.trust, self.boundary, self.session].into_iter().flatten();
        let levels = self.service_control.iter().flatten().copied();
        let many = self.identity.iter().chain(&self.resource_control).copied();
        one.chain(levels).chain(many).map(|policy| policy.statements.len()).sum()
    }
}
