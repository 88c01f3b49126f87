//! The second hop: a backend's role, with its external ID.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use firmhold_core::{Clock, Problem, problem::Code};
use firmhold_iam::{BackendShape, SessionScope, session_policy};
use uuid::Uuid;

use crate::identity::Platform;
use crate::keeper::Source;
use crate::session::{AssumeRole, RoleSession};
use crate::target::RoleAccess;

/// What the second hop leads to.
pub(crate) struct Hop {
    /// The role and its external IDs.
    pub role: RoleAccess,
    /// The backend's id, which the session's name says.
    pub backend: Uuid,
    /// What the session is narrowed to.
    pub shape: BackendShape,
    /// For what it is.
    pub scope: SessionScope,
}

/// A backend's role, to be assumed for one scope.
pub(crate) struct BackendRole {
    platform: Arc<Platform>,
    clock: Clock,
    hop: Hop,
    /// Which of the external IDs worked last.
    works: AtomicUsize,
}

impl BackendRole {
    pub const fn new(platform: Arc<Platform>, clock: Clock, hop: Hop) -> Self {
        Self { platform, clock, hop, works: AtomicUsize::new(0) }
    }

    /// Assumes the role with this external ID, or without one. Where STS says that the platform's own session is over,
    /// it is renewed, and the role asked once more.
    pub async fn assume_with(&self, external_id: Option<&str>) -> Result<RoleSession, Problem> {
        let used = self.platform.access_key_id();
        match self.try_once(external_id).await {
            Err(problem) if problem.code() == Code::PlatformIdentity && problem.aws_code().is_some() => {
                if let Some(used) = used {
                    self.platform.forget(&used);
                }
                self.try_once(external_id).await
            }
            outcome => outcome,
        }
    }

    async fn try_once(&self, external_id: Option<&str>) -> Result<RoleSession, Problem> {
        let assume = AssumeRole {
            sts: self.platform.sts(),
            clock: &self.clock,
            role_arn: &self.hop.role.role_arn,
            // At most 64 characters. The owner's CloudTrail shows it.
            session_name: format!("firmhold-{}-{}", scope_name(self.hop.scope), self.hop.backend),
            external_id,
            policy: Some(session_policy(&self.hop.shape, self.hop.scope).to_string()),
            denied: Code::AssumeDenied,
        };
        assume.send().await
    }
}

#[async_trait]
impl Source for BackendRole {
    /// With the external ID that worked last; if that is refused, with the others in their order.
    ///
    /// INVARIANT: never without an external ID.
    async fn assume(&self) -> Result<RoleSession, Problem> {
        let ids = &self.hop.role.external_ids;
        let first = self.works.load(Ordering::Relaxed);
        let mut refused =
            Problem::new(Code::AssumeDenied, "the backend has no external ID to assume its role with");
        for index in (0..ids.len()).map(|step| (first + step) % ids.len()) {
            match self.assume_with(Some(&ids[index])).await {
                Ok(session) => {
                    self.works.store(index, Ordering::Relaxed);
                    return Ok(session);
                }
                Err(problem) if problem.code() == Code::AssumeDenied => refused = problem,
                Err(problem) => return Err(problem),
            }
        }
        Err(refused)
    }
}

impl fmt::Debug for BackendRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendRole")
            .field("role", &self.hop.role.role_arn)
            .field("backend", &self.hop.backend)
            .field("scope", &self.hop.scope)
            .finish_non_exhaustive()
    }
}

const fn scope_name(scope: SessionScope) -> &'static str {
    match scope {
        SessionScope::Read => "read",
        SessionScope::Write => "write",
        SessionScope::Admin => "admin",
    }
}
