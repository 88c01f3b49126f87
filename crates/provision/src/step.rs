//! What a step did.

use std::fmt;

/// The steps, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The bucket: versioning, public-access block, ownership, default encryption.
    Bucket,
    /// Our statements in the bucket's policy.
    BucketPolicy,
    /// The role, with its final trust policy.
    Role,
    /// The role's permission policy.
    InlinePolicy,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bucket => "bucket",
            Self::BucketPolicy => "bucket policy",
            Self::Role => "role",
            Self::InlinePolicy => "inline policy",
        })
    }
}

/// What a step found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was not there and was made.
    Created,
    /// It was there and was changed.
    Changed,
    /// It was there as it should be.
    Unchanged,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        })
    }
}

/// The report of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// Which.
    pub step: Step,
    /// What came of it.
    pub outcome: Outcome,
    /// What exactly, for a person: each change with what was there before.
    pub detail: String,
}

impl StepReport {
    /// A step that may have changed several things; with none it is unchanged and says `as_it_is`.
    pub(crate) fn of(step: Step, created: bool, changes: &[String], as_it_is: &str) -> Self {
        let outcome = match (created, changes.is_empty()) {
            (true, _) => Outcome::Created,
            (false, true) => Outcome::Unchanged,
            (false, false) => Outcome::Changed,
        };
        let detail = if changes.is_empty() { as_it_is.to_owned() } else { changes.join("; ") };
        Self { step, outcome, detail }
    }
}
