//! What is asked of AWS, and which policies have a say in it.

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
    /// `aws:PrincipalType`, `aws:username` of a user) are filled in where they are not set.
    pub context: Context,
}

/// The policies that apply to a request.
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
}
