//! A request as the statements of its policies look at it.

use std::cell::OnceCell;

use crate::arn::Resource;
use crate::{Context, ContextValue, Principal, Request};

/// A request, taken apart once for all statements. Keys that follow from the caller are made where a condition asks.
pub struct Facts<'a> {
    pub principal: &'a Principal,
    pub resource: Resource<'a>,
    /// Whether a permissions boundary limits the caller.
    pub bounded: bool,
    /// In lower case.
    action: String,
    given: &'a Context,
    resource_account: Option<&'a str>,
    principal_arn: OnceCell<Option<String>>,
}

/// The value of a condition key, one or many.
#[derive(Debug, Clone, Copy)]
pub enum Given<'f> {
    One(&'f str),
    Many(&'f [String]),
}

impl<'f> Given<'f> {
    pub fn iter(self) -> impl Iterator<Item = &'f str> {
        let (one, many) = match self {
            Self::One(value) => (Some(value), &[][..]),
            Self::Many(values) => (None, values),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

impl<'f> From<&'f ContextValue> for Given<'f> {
    fn from(value: &'f ContextValue) -> Self {
        match value {
            ContextValue::One(value) => Self::One(value),
            ContextValue::Many(values) => Self::Many(values),
        }
    }
}

/// The keys that follow from the caller and the owner of the resource.
pub const DERIVED: [&str; 8] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principaltype",
    "aws:resourceaccount",
    USER_ID,
    "aws:username",
];
const USER_ID: &str = "aws:userid";

impl<'a> Facts<'a> {
    pub fn new(request: &'a Request, bounded: bool) -> Self {
        Self {
            principal: &request.principal,
            resource: Resource::of(&request.resource),
            bounded,
            action: request.action.to_ascii_lowercase(),
            given: &request.context,
            resource_account: request.resource_account.as_deref(),
            principal_arn: OnceCell::new(),
        }
    }

    /// Service and name, in lower case.
    pub fn action(&self) -> (&str, &str) {
        self.action.split_once(':').unwrap_or(("", &self.action))
    }

    /// The value of a key (in lower case): the one that was given, else the one that follows from the caller.
    pub fn get(&self, key: &str) -> Option<Given<'_>> {
        match self.given.get(key) {
            Some(value) => Some(value.into()),
            None => self.derived(key).map(Given::One),
        }
    }

    /// What AWS puts into a key by who asks, where it does
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>): unsigned requests
    /// are of the account and the user `anonymous`, and have neither an ARN nor `aws:PrincipalIsAWSService`.
    fn derived(&self, key: &str) -> Option<&str> {
        let principal = self.principal;
        let anonymous = *principal == Principal::Anonymous;
        match key {
            "aws:principalarn" => self.principal_arn.get_or_init(|| principal.principal_arn()).as_deref(),
            "aws:principalaccount" => principal.account().or(anonymous.then_some("anonymous")),
            "aws:principaltype" => Some(principal.principal_type()),
            "aws:principalisawsservice" => match principal {
                Principal::Anonymous => None,
                Principal::Service(_) => Some("true"),
                _ => Some("false"),
            },
            "aws:principalservicename" => match principal {
                Principal::Service(name) => Some(name),
                _ => None,
            },
            "aws:username" => match principal {
                Principal::User { name, .. } => Some(name),
                _ => None,
            },
            USER_ID => match principal {
                Principal::Root { account, .. } => Some(account),
                Principal::Anonymous => Some("anonymous"),
                _ => None,
            },
            "aws:resourceaccount" => self.resource_account,
            _ => None,
        }
    }

    /// The caller's unique id, `AROAEXAMPLE:session`, where somebody said it.
    pub fn user_id(&self) -> Option<&str> {
        match self.get(USER_ID) {
            Some(Given::One(id)) => Some(id),
            _ => None,
        }
    }

    /// Of a session whose role's path nobody said: what is known of its role's ARN, which is partition, account and
    /// name. A key that was given is known whole.
    pub fn role_around_path(&self, key: &str) -> Option<(&'a str, &'a str, &'a str)> {
        match self.principal {
            Principal::RoleSession { partition, account, path: None, role, .. }
                if key == "aws:principalarn" && self.given.get(key).is_none() =>
            {
                Some((partition, account, role))
            }
            _ => None,
        }
    }
}
