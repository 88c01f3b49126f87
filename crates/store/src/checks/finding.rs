//! How one check ended, before it has a name and a duration.

use std::time::Duration;

use firmhold_core::{Check, CheckId, CheckStatus, Problem};

use crate::AwsError;

/// The outcome of one check.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub status: CheckStatus,
    pub reason: String,
    pub aws_error_code: Option<String>,
    pub fix: Option<String>,
}

impl Finding {
    pub fn pass(reason: impl Into<String>) -> Self {
        Self::new(CheckStatus::Pass, reason)
    }

    pub fn fail(reason: impl Into<String>) -> Self {
        Self::new(CheckStatus::Fail, reason)
    }

    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::new(CheckStatus::Skipped, reason)
    }

    /// Skipped, because what it builds on has not passed.
    pub fn needs(id: CheckId) -> Self {
        Self::skipped(format!("needs {id} ({})", id.title()))
    }

    fn new(status: CheckStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), aws_error_code: None, fix: None }
    }

    /// With what AWS said.
    pub fn aws(mut self, problem: &Problem) -> Self {
        self.aws_error_code = problem.aws_code().map(str::to_owned);
        self
    }

    /// With what to change.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub fn passed(&self) -> bool {
        self.status == CheckStatus::Pass
    }

    /// The result as the contract writes it.
    pub fn into_check(self, id: CheckId, subject: Option<&str>, took: Duration) -> Check {
        Check {
            id,
            title: id.title().to_owned(),
            status: self.status,
            reason: self.reason,
            aws_error_code: self.aws_error_code,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            fix: self.fix,
            subject: subject.map(str::to_owned),
        }
    }
}

/// Whether AWS refused for want of permission. `Forbidden` is what an answer without a body is called.
pub(super) fn is_refusal(problem: &Problem) -> bool {
    matches!(problem.aws_code(), Some("AccessDenied" | "AccessDeniedException" | "Forbidden"))
}

/// Whether the store does not know the operation at all.
pub(super) fn is_unsupported(problem: &Problem) -> bool {
    matches!(
        problem.aws_code(),
        Some("NotImplemented" | "MethodNotAllowed" | "NotSupported" | "XNotImplemented")
    )
}

/// Whether there was an answer at all, be it a refusal.
pub(super) fn is_answer(problem: &Problem) -> bool {
    AwsError::of(problem).is_some_and(|aws| aws.status < 500)
}

/// Whether the answer says that the bucket lies elsewhere.
pub(super) fn is_elsewhere(problem: &Problem) -> bool {
    matches!(
        problem.aws_code(),
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
    )
}

/// The kind of policy that refused, in AWS's words (trap T35); it says so to callers of the bucket's own account only.
pub(super) fn refusing_policy(problem: &Problem) -> Option<&str> {
    let message = &AwsError::of(problem)?.message;
    let at = message.find("because ")?;
    message.get(at..).map(|reason| reason.trim_end_matches('.'))
}
