//! The role with its policies.

use std::collections::BTreeMap;

use firmhold_core::Problem;
use serde::Serialize;
use serde_json::Value;

use super::Fact;
use crate::owner::Owner;
use crate::spec::Spec;

/// What the reads need.
pub(crate) const LOOKS: &[&str] = &["iam:GetRole", "iam:GetRolePolicy"];

/// What is known of the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleFacts {
    /// The role itself.
    pub role: Fact<RoleFound>,
    /// Our inline policy, as text.
    pub policy: Fact<String>,
}

/// A role that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleFound {
    /// Its ARN, path included.
    pub arn: String,
    /// Its trust policy, as text.
    pub trust: String,
    /// Its description.
    pub description: String,
    /// Longest session, in seconds.
    pub max_session_seconds: i32,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl RoleFound {
    /// The trust policy; `None` when it cannot be read.
    pub(crate) fn trust(&self) -> Option<Value> {
        serde_json::from_str(&self.trust).ok()
    }
}

impl RoleFacts {
    pub(super) fn none() -> Self {
        Self { role: Fact::Absent, policy: Fact::Absent }
    }

    pub(super) async fn read(owner: &Owner, spec: &Spec) -> Result<Self, Problem> {
        let role = reads::role(owner, spec).await?;
        let policy = match &role {
            Fact::Known(_) => reads::policy(owner, spec).await?,
            Fact::Absent => Fact::Absent,
            Fact::Denied(action) => Fact::Denied(action.clone()),
        };
        Ok(Self { role, policy })
    }
}

/// The reads, one by one.
pub(crate) mod reads {
    use percent_encoding::percent_decode_str;

    use super::{Fact, Owner, Problem, RoleFound, Spec};
    use crate::refusal::fact;

    pub(crate) async fn role(owner: &Owner, spec: &Spec) -> Result<Fact<RoleFound>, Problem> {
        by_name(owner, &spec.role.name, &spec.role_arn()).await
    }

    /// `target` is what refusals call it.
    pub(crate) async fn by_name(owner: &Owner, name: &str, target: &str) -> Result<Fact<RoleFound>, Problem> {
        let answer = owner.clients.iam.get_role().role_name(name).send().await;
        let found = fact(&["NoSuchEntity"], "iam:GetRole", target, answer)?;
        Ok(found.and_then(|answer| answer.role).map(|role| RoleFound {
            trust: role.assume_role_policy_document().map(decoded).unwrap_or_default(),
            description: role.description().unwrap_or_default().to_owned(),
            max_session_seconds: role.max_session_duration().unwrap_or_default(),
            tags: role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
            arn: role.arn,
        }))
    }

    pub(crate) async fn policy(owner: &Owner, spec: &Spec) -> Result<Fact<String>, Problem> {
        let call = owner.clients.iam.get_role_policy().role_name(&spec.role.name);
        let answer = call.policy_name(&spec.role.policy_name).send().await;
        let found = fact(&["NoSuchEntity"], "iam:GetRolePolicy", &spec.role_arn(), answer)?;
        Ok(found.map(|answer| decoded(answer.policy_document())))
    }

    /// IAM answers documents percent-encoded (RFC 3986).
    fn decoded(text: &str) -> String {
        percent_decode_str(text).decode_utf8_lossy().into_owned()
    }
}
