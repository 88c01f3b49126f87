//! Which failed check explains the others.

use firmhold_core::{Check, CheckId, CheckStatus};

/// From cause to consequence. Without an identity nothing works (V1). An open role is worse than one that shuts us out,
/// and mended by the same trust policy (V3, V4 before V2). In the wrong region nobody's bucket answers (V6 before V5);
/// a bucket that is not the account's refuses every operation (V5 before V7); and so on.
const FROM_CAUSE: [CheckId; 13] = [
    CheckId::V1,
    CheckId::V3,
    CheckId::V4,
    CheckId::V2,
    CheckId::V6,
    CheckId::V5,
    CheckId::V7,
    CheckId::V8,
    CheckId::V9,
    CheckId::V12,
    CheckId::V13,
    CheckId::V10,
    CheckId::V11,
];

/// The failed check that explains the others; the primary's before any replica's. `None` if nothing failed.
pub fn root_cause(checks: &[Check]) -> Option<&Check> {
    checks.iter().filter(|check| check.status == CheckStatus::Fail).min_by_key(|check| distance(check))
}

/// For display: those that failed, the cause first; then the rest in their order.
pub fn by_cause(checks: &[Check]) -> Vec<&Check> {
    let (mut failed, rest): (Vec<_>, Vec<_>) =
        checks.iter().partition(|check| check.status == CheckStatus::Fail);
    failed.sort_by_key(|check| distance(check));
    failed.extend(rest);
    failed
}

fn distance(check: &Check) -> (Option<&str>, usize) {
    let rank = FROM_CAUSE.iter().position(|id| *id == check.id).unwrap_or(FROM_CAUSE.len());
    (check.subject.as_deref(), rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: CheckId, status: CheckStatus, subject: Option<&str>) -> Check {
        Check {
            id,
            title: id.title().to_owned(),
            status,
            reason: "r".to_owned(),
            aws_error_code: None,
            duration_ms: 0,
            fix: None,
            subject: subject.map(str::to_owned),
        }
    }

    #[test]
    fn the_cause_comes_first() {
        use CheckId::{V1, V2, V5, V6, V7};
        use CheckStatus::{Fail, Pass, Skipped};
        let checks = [
            check(V1, Pass, None),
            check(V5, Fail, None),
            check(V6, Fail, None),
            check(V7, Skipped, None),
            check(V2, Fail, Some("replica:1")),
        ];
        assert_eq!(root_cause(&checks).map(|check| check.id), Some(V6));
        let order: Vec<CheckId> = by_cause(&checks).iter().map(|check| check.id).collect();
        assert_eq!(order, [V6, V5, V2, V1, V7]);
        assert_eq!(root_cause(&checks[..1]), None);
    }
}
