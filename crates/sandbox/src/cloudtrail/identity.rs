//! Who did it, as CloudTrail writes it
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>).

use firmhold_core::Timestamp;
use firmhold_iam::Principal;
use serde_json::{Value, json};

use crate::caller::Caller;

/// The caller of a request.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(super) account: Option<String>,
    principal: Principal,
    user_id: String,
    pub(super) access_key_id: Option<String>,
    session_began: Option<Timestamp>,
}

impl Who {
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            account: caller.account.clone(),
            principal: caller.principal.clone(),
            user_id: caller.user_id.clone().unwrap_or_default(),
            access_key_id: caller.access_key_id.clone(),
            session_began: caller.session_began,
        }
    }

    /// The name in `Username` of an event: the user's, or the session's.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.principal {
            Principal::User { name, .. } => Some(name),
            Principal::RoleSession { session, .. } => Some(session),
            _ => None,
        }
    }

    /// `userIdentity`, as its own account is told it.
    pub(super) fn identity(&self) -> Value {
        let account = self.account.as_deref().unwrap_or("anonymous");
        let mut identity = json!({
            "type": "AWSAccount",
            "principalId": self.user_id,
            "accountId": account,
        });
        if let Some(key) = &self.access_key_id {
            identity["arn"] = self.principal.to_string().into();
            identity["accessKeyId"] = key.clone().into();
        }
        match &self.principal {
            Principal::User { name, .. } => {
                identity["type"] = "IAMUser".into();
                identity["userName"] = name.clone().into();
            }
            Principal::RoleSession { role, .. } => {
                identity["type"] = "AssumedRole".into();
                let issuer = self.user_id.split(':').next().unwrap_or_default();
                let mut attributes = json!({"mfaAuthenticated": "false"});
                if let Some(began) = self.session_began {
                    attributes["creationDate"] = began.to_string().into();
                }
                identity["sessionContext"] = json!({
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": issuer,
                        "arn": self.principal.principal_arn(),
                        "accountId": account,
                        "userName": role,
                    },
                    "attributes": attributes,
                });
            }
            _ => {}
        }
        identity
    }

    /// `userIdentity`, as another account is told it: no names.
    pub(super) fn foreign_identity(&self) -> Value {
        let account = self.account.as_deref().unwrap_or("anonymous");
        json!({"type": "AWSAccount", "principalId": self.user_id, "accountId": account})
    }
}
