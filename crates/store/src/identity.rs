//! Who the platform is, and how it becomes that (design D12).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use firmhold_core::{Problem, RoleArn, Timestamp, problem::Code};

use crate::aws::Aws;
use crate::error;
use crate::keeper::{Keeper, KeptCredentials, Source};
use crate::session::{AssumeRole, LONGEST_SESSION, RoleSession};

/// The platform's identity, as AWS sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// The caller: `arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION` once it works as the platform's role.
    pub arn: String,
    /// Whether it is a session of a role: then roles chain, and the backends' sessions end after an hour (rule L3).
    pub chained: bool,
    /// ARN of the role that it is configured to work as.
    pub role_arn: String,
}

impl Identity {
    /// Asks STS who the client's credentials are.
    pub(crate) async fn of(sts: &aws_sdk_sts::Client, role_arn: &str) -> Result<Self, Problem> {
        let answer = sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| error::sts("say who the platform is", Code::PlatformIdentity, error))?;
        let arn = answer.arn().unwrap_or_default().to_owned();
        Ok(Self {
            account: answer.account().unwrap_or_default().to_owned(),
            chained: is_session(&arn),
            role_arn: role_arn.to_owned(),
            arn,
        })
    }

    /// Whether the caller is a session of the role that it is configured to work as.
    pub fn is_platform_role(&self) -> bool {
        is_session_of(&self.arn, &self.role_arn)
    }
}

/// `arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION`
fn is_session(arn: &str) -> bool {
    arn.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with("assumed-role/"))
}

/// Whether `arn` is a session of `role_arn`. A session's ARN does not say the role's path.
fn is_session_of(arn: &str, role_arn: &str) -> bool {
    let Ok(role) = role_arn.parse::<RoleArn>() else { return false };
    let sessions = format!("arn:{}:sts::{}:assumed-role/{}/", role.partition, role.account, role.name());
    arn.starts_with(&sessions)
}

/// STS as the platform's role.
#[derive(Debug)]
pub(crate) struct Platform {
    keeper: Arc<Keeper>,
    sts: aws_sdk_sts::Client,
}

impl Platform {
    pub async fn new(aws: &Aws) -> Self {
        let keeper = Keeper::new(PlatformRole::new(aws.clone()).await, aws.config.clock.clone());
        Self { sts: aws.sts(KeptCredentials(keeper.clone())), keeper }
    }

    /// The client that backends' roles are assumed with.
    pub fn sts(&self) -> &aws_sdk_sts::Client {
        &self.sts
    }

    /// The access key of the session that the next call is signed with, if there is one.
    pub fn access_key_id(&self) -> Option<String> {
        self.keeper.access_key_id()
    }

    /// Forgets the session with this access key, because STS does not know it any more.
    pub fn forget(&self, access_key_id: &str) {
        self.keeper.forget(access_key_id);
    }
}

/// The first hop: the platform's role, which the base credentials either are already or assume.
struct PlatformRole {
    aws: Aws,
    base: Option<SharedCredentialsProvider>,
}

impl PlatformRole {
    async fn new(aws: Aws) -> Self {
        let base = aws.base_credentials().await;
        Self { aws, base }
    }
}

#[async_trait]
impl Source for PlatformRole {
    async fn assume(&self) -> Result<RoleSession, Problem> {
        let config = &self.aws.config;
        let none = || Problem::new(Code::PlatformIdentity, "the platform finds no AWS credentials");
        let base = self.base.as_ref().ok_or_else(none)?;
        let now = config.clock.now();
        let credentials =
            base.provide_credentials().await.map_err(|cause| none().caused_by(error::chain(&cause)))?;
        let sts = self.aws.sts(credentials.clone());
        let caller = Identity::of(&sts, &config.platform_role_arn).await?;
        if caller.is_platform_role() {
            // Keys without an end are looked at anew after an hour.
            let hour = now.plus(LONGEST_SESSION);
            let end = credentials.expiry().map_or(hour, Timestamp::from_system_time);
            return Ok(RoleSession::new(&credentials, caller.arn, now, end));
        }
        let assume = AssumeRole {
            sts: &sts,
            clock: &config.clock,
            role_arn: &config.platform_role_arn,
            session_name: "firmhold-platform".to_owned(),
            external_id: None,
            policy: None,
            denied: Code::PlatformIdentity,
        };
        assume.send().await
    }
}

impl fmt::Debug for PlatformRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlatformRole").field(&self.aws.config.platform_role_arn).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_by_its_role() {
        let role = "arn:aws:iam::999999999999:role/service/firmhold-platform";
        let session = "arn:aws:sts::999999999999:assumed-role/firmhold-platform/i-0123";
        assert!(is_session(session) && is_session_of(session, role));
        for other in [
            "arn:aws:sts::999999999999:assumed-role/firmhold-platform-2/i-0123",
            "arn:aws:sts::111122223333:assumed-role/firmhold-platform/i-0123",
            "arn:aws-cn:sts::999999999999:assumed-role/firmhold-platform/i-0123",
            "arn:aws:iam::999999999999:user/firmhold-platform",
            "",
        ] {
            assert!(!is_session_of(other, role), "{other}");
        }
        assert!(!is_session("arn:aws:iam::999999999999:user/assumed-role/x"));
    }
}
