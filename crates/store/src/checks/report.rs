//! What a run found.

use firmhold_core::backend::{Capabilities, UploadMode};
use firmhold_core::check::RunStatus;
use firmhold_core::{Check, CheckId, CheckStatus};

use super::{OpenRole, root_cause};

/// What V5 found out about the primary's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnerFinding {
    /// The bucket answered to the role's account as its owner.
    Proved,
    /// The bucket is gone, or answers only when no owner is stated: it is somebody else's now. A live backend is
    /// suspended for this, and for nothing else that V5 says.
    Changed,
    /// Every request was refused, which says nothing about the owner.
    Unproved,
    /// Not asked, or not answered.
    #[default]
    NotAsked,
}

/// The results of one run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One entry per check and subject, in the contract's order: the primary's by id, then each replica's.
    pub checks: Vec<Check>,
    /// V12: the longest life of a store's URL in seconds. `None`: not found out.
    pub presign_ceiling_seconds: Option<u32>,
    /// V7: how parts can be sent. `None`: not found out.
    pub upload_mode: Option<UploadMode>,
    /// V7: what the store can do.
    pub capabilities: Capabilities,
    /// V2: the external IDs that worked, in the order of [`crate::RoleAccess::external_ids`].
    pub working_external_ids: Vec<String>,
    /// V5.
    pub owner: OwnerFinding,
    /// V3 and V4, of the primary's role or else of a replica's.
    pub open_role: Option<OpenRole>,
}

impl Report {
    /// Fails if any check failed; a check that was skipped does not count.
    pub fn status(&self) -> RunStatus {
        let failed = self.checks.iter().any(|check| check.status == CheckStatus::Fail);
        if failed { RunStatus::Fail } else { RunStatus::Pass }
    }

    /// The ids of those that failed, whatever their subject; each once, in order.
    pub fn failed(&self) -> Vec<CheckId> {
        let mut ids: Vec<CheckId> = Vec::new();
        for check in self.checks.iter().filter(|check| check.status == CheckStatus::Fail) {
            if !ids.contains(&check.id) {
                ids.push(check.id);
            }
        }
        ids
    }

    /// Whether the primary passed each of `ids`.
    pub fn has_passed(&self, ids: &[CheckId]) -> bool {
        ids.iter().all(|id| {
            let passed = |check: &&Check| check.id == *id && check.subject.is_none();
            self.checks.iter().find(passed).is_some_and(|check| check.status == CheckStatus::Pass)
        })
    }

    /// See [`root_cause`].
    pub fn root_cause(&self) -> Option<&Check> {
        root_cause(&self.checks)
    }

    /// Whether a live backend is to be suspended.
    pub fn owner_changed(&self) -> bool {
        self.owner == OwnerFinding::Changed
    }

    /// Whether strangers can assume the role.
    pub fn role_open(&self) -> bool {
        self.open_role.is_some()
    }
}
