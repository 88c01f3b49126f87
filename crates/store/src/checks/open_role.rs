//! A role that strangers can assume through the platform (design D5).

use std::fmt;

use firmhold_core::problem::Code;
use firmhold_core::{Check, CheckId, FieldErrors, Problem};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fix;
use super::trust::{Answer, intrude, open};
use crate::{RoleAccess, Stores, Target};

/// How a call got in that should have been refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intrusion {
    /// V3.
    WithoutExternalId,
    /// V4.
    RandomExternalId,
}

impl Intrusion {
    /// The check that makes this call.
    pub const fn check(self) -> CheckId {
        match self {
            Self::WithoutExternalId => CheckId::V3,
            Self::RandomExternalId => CheckId::V4,
        }
    }
}

impl fmt::Display for Intrusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithoutExternalId => "without an external id",
            Self::RandomExternalId => "with a random external id",
        })
    }
}

/// The proof that a role is open, and the trust policy that shuts it. The platform cannot read the role's own policy,
/// so it does not pretend to know the statement at fault.
#[derive(Debug, Clone)]
pub struct OpenRole {
    /// Which call got in.
    pub how: Intrusion,
    /// V3 or V4, failed.
    pub check: Check,
    /// The role.
    pub role_arn: String,
    /// To be applied to the role.
    pub trust_policy: Value,
}

impl OpenRole {
    pub(super) fn new(
        stores: &Stores,
        target: &Target,
        role: &RoleAccess,
        how: Intrusion,
        check: Check,
    ) -> Self {
        Self {
            how,
            check,
            role_arn: role.role_arn.clone(),
            trust_policy: fix::trust_document(stores, target, role),
        }
    }

    /// The 422 of create and PATCH, which do not store such a role.
    pub fn to_problem(&self) -> Problem {
        let sentence = format!(
            "{} can be assumed {}, so anybody could use it through this platform",
            self.role_arn, self.how
        );
        let mut fields = FieldErrors::new();
        fields.add("role_arn", sentence.clone());
        Problem::new(Code::RoleOpen, sentence)
            .with_fields(fields)
            .with_extra(json!({ "trust_policy": self.trust_policy, "check": self.check }))
    }
}

/// V3 and V4 alone, once, for create and PATCH: a role that lets strangers in is never stored. A refusal, and whatever
/// else stands in the way, is `None`: `verify` finds that out. So is a target without a role.
pub async fn role_is_open(stores: &Stores, target: &Target) -> Option<OpenRole> {
    let role = target.access.role()?;
    for how in [Intrusion::WithoutExternalId, Intrusion::RandomExternalId] {
        let started = Instant::now();
        if let Answer::LetIn = intrude(stores, target, how).await {
            let check = open(stores, target, role, how).into_check(how.check(), None, started.elapsed());
            return Some(OpenRole::new(stores, target, role, how, check));
        }
    }
    None
}
