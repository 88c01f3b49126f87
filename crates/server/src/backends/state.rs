//! The state machine of a backend (API contract 12.5). Pure.

use firmhold_core::{BackendState, Check, CheckId};
use firmhold_store::checks::Report;

use super::BackendRow;

/// What must not fail before a backend becomes active.
const FOR_ACTIVATION: [CheckId; 10] = [
    CheckId::V1,
    CheckId::V2,
    CheckId::V3,
    CheckId::V4,
    CheckId::V5,
    CheckId::V6,
    CheckId::V7,
    CheckId::V8,
    CheckId::V9,
    CheckId::V13,
];
/// What must have passed before; to be skipped is not enough.
const MUST_PASS: [CheckId; 6] =
    [CheckId::V2, CheckId::V3, CheckId::V4, CheckId::V5, CheckId::V6, CheckId::V7];
/// The same of an S3-compatible store: the others do not apply to a key pair.
const MUST_PASS_BY_KEYS: [CheckId; 2] = [CheckId::V6, CheckId::V7];

/// The checks that must have passed before `row` becomes active.
pub const fn must_pass(row: &BackendRow) -> &'static [CheckId] {
    if row.is_by_keys() { &MUST_PASS_BY_KEYS } else { &MUST_PASS }
}

/// What the state depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Ids of failed checks, whatever their subject.
    pub failed: Vec<CheckId>,
    /// Whether all that [`must_pass`] passed.
    pub all_passed: bool,
    /// V5 found that the bucket has another owner or is gone.
    pub owner_changed: bool,
    /// The check to name as the reason.
    pub cause: Option<String>,
}

impl Findings {
    /// Of a run on `row`.
    pub fn of(row: &BackendRow, report: &Report) -> Self {
        Self {
            failed: report.failed(),
            all_passed: report.has_passed(must_pass(row)),
            owner_changed: report.owner_changed(),
            cause: report.root_cause().map(sentence),
        }
    }

    /// Whether a backend may become active: V1–V9 and V13 without failure, V2–V7 passed.
    pub fn activates(&self) -> bool {
        self.all_passed && !self.failed.iter().any(|id| FOR_ACTIVATION.contains(id))
    }
}

/// A check as the reason for a state.
pub fn sentence(check: &Check) -> String {
    let subject = check.subject.as_deref().map(|subject| format!(" of {subject}")).unwrap_or_default();
    format!("{} {}{subject}: {}", check.id, check.title, check.reason)
}

/// The state while a run from `from` is in progress.
pub const fn during_run(from: BackendState) -> BackendState {
    match from {
        BackendState::PendingTrust | BackendState::Suspended | BackendState::Verifying => {
            BackendState::Verifying
        }
        BackendState::Active => BackendState::Active,
        BackendState::Degraded => BackendState::Degraded,
        // Its links go on until the run has passed.
        BackendState::Restricted => BackendState::Restricted,
    }
}

/// The state after a run that began in `from`, and why. `obstacle` is what stands against activation beside the checks.
pub fn after_run(
    from: BackendState,
    findings: &Findings,
    obstacle: Option<&str>,
) -> (BackendState, Option<String>) {
    let because = || findings.cause.clone();
    let opened = findings.failed.contains(&CheckId::V3) || findings.failed.contains(&CheckId::V4);
    match from {
        BackendState::Active | BackendState::Degraded => {
            if findings.owner_changed {
                (BackendState::Suspended, because())
            } else if opened {
                (BackendState::Restricted, because())
            } else {
                healthy(findings)
            }
        }
        BackendState::Restricted if findings.owner_changed => (BackendState::Suspended, because()),
        BackendState::PendingTrust
        | BackendState::Verifying
        | BackendState::Restricted
        | BackendState::Suspended => {
            let back = if from == BackendState::Verifying { BackendState::PendingTrust } else { from };
            match obstacle {
                _ if !findings.activates() => {
                    let skipped = || "a check that must pass was skipped".to_owned();
                    (back, Some(because().unwrap_or_else(skipped)))
                }
                Some(obstacle) => (back, Some(obstacle.to_owned())),
                None => healthy(findings),
            }
        }
    }
}

fn healthy(findings: &Findings) -> (BackendState, Option<String>) {
    if findings.failed.is_empty() {
        (BackendState::Active, None)
    } else {
        (BackendState::Degraded, findings.cause.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::BackendState::{Active, Degraded, PendingTrust, Restricted, Suspended, Verifying};
    use super::*;

    fn findings(failed: &[CheckId], all_passed: bool, owner_changed: bool) -> Findings {
        Findings { failed: failed.to_vec(), all_passed, owner_changed, cause: Some("V: because".to_owned()) }
    }

    fn goes(from: BackendState, findings: &Findings) -> BackendState {
        after_run(from, findings, None).0
    }

    #[test]
    fn the_first_run_decides_between_active_degraded_and_back() {
        for (from, back) in [(PendingTrust, PendingTrust), (Suspended, Suspended), (Restricted, Restricted)] {
            assert_eq!(goes(from, &findings(&[], true, false)), Active);
            for only_degrades in [CheckId::V10, CheckId::V11, CheckId::V12] {
                assert_eq!(goes(from, &findings(&[only_degrades], true, false)), Degraded);
            }
            for fatal in FOR_ACTIVATION {
                assert_eq!(goes(from, &findings(&[fatal], true, false)), back, "{fatal}");
            }
            assert_eq!(goes(from, &findings(&[], false, false)), back, "skipped is not passed");
        }
    }

    #[test]
    fn a_live_backend_keeps_serving_unless_the_bucket_is_anothers() {
        for from in [Active, Degraded] {
            assert_eq!(goes(from, &findings(&[], true, false)), Active);
            for open in [CheckId::V3, CheckId::V4] {
                assert_eq!(goes(from, &findings(&[open, CheckId::V7], false, false)), Restricted);
            }
            for id in [CheckId::V1, CheckId::V2, CheckId::V5, CheckId::V7, CheckId::V13] {
                assert_eq!(goes(from, &findings(&[id], false, false)), Degraded, "{id}");
            }
        }
        for from in [Active, Degraded, Restricted] {
            assert_eq!(goes(from, &findings(&[CheckId::V3, CheckId::V5], false, true)), Suspended);
        }
    }

    #[test]
    fn an_obstacle_keeps_a_backend_from_activation_only() {
        let good = findings(&[], true, false);
        assert_eq!(after_run(PendingTrust, &good, Some("taken")), (PendingTrust, Some("taken".to_owned())));
        assert_eq!(after_run(Active, &good, Some("taken")), (Active, None));
    }

    #[test]
    fn states_during_a_run() {
        let during = [PendingTrust, Suspended, Active, Degraded, Restricted].map(during_run);
        assert_eq!(during, [Verifying, Verifying, Active, Degraded, Restricted]);
    }
}
