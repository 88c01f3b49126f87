//! V5: whose the bucket is (trap T36).

use firmhold_core::{ObjectKey, Problem};

use super::finding::{Finding, is_answer, is_refusal, refusing_policy};
use super::{OwnerFinding, fix};
use crate::{Bucket, RoleAccess, RoleSession, Stores, Target};

/// What can prove the owner besides a list.
pub(super) struct OtherProof<'a> {
    /// An operation of V7 that the bucket answered.
    pub operation: Option<&'static str>,
    /// Content that was proved before.
    pub object: Option<&'a (ObjectKey, Option<String>)>,
}

/// V5. `bucket` states the role's account as owner with every request, as all buckets of ours do.
pub(super) async fn check(
    stores: &Stores,
    target: &Target,
    role: &RoleAccess,
    bucket: &dyn Bucket,
    session: Option<&RoleSession>,
    other: OtherProof<'_>,
) -> (Finding, OwnerFinding) {
    let refusal = match bucket.list(target.prefix.as_str(), None, 1).await {
        Ok(_) => return proved(role, "a list below the prefix"),
        Err(problem) => problem,
    };
    if let Some(operation) = other.operation {
        return proved(role, operation);
    }
    if let Some((key, version)) = other.object
        && bucket.head(key, version.as_deref()).await.is_ok()
    {
        return proved(role, "the head of an object");
    }
    if is_gone(&refusal) {
        return changed(target, role, "the bucket is gone", &refusal);
    }
    if !is_answer(&refusal) {
        let finding =
            Finding::skipped(format!("the store does not answer: {}", refusal.detail())).aws(&refusal);
        return (finding, OwnerFinding::NotAsked);
    }
    if let Some(session) = session {
        match stores.open_without_owner(target, session).list(target.prefix.as_str(), None, 1).await {
            Ok(_) => {
                return changed(target, role, "the bucket answers only when no owner is stated", &refusal);
            }
            Err(problem) if is_gone(&problem) => {
                return changed(target, role, "the bucket is gone", &problem);
            }
            Err(_) => {}
        }
    }
    unproved(target, role, &refusal)
}

fn is_gone(problem: &Problem) -> bool {
    problem.aws_code() == Some("NoSuchBucket")
}

fn proved(role: &RoleAccess, by: &str) -> (Finding, OwnerFinding) {
    let reason = format!("the bucket belongs to {}: {by} was answered to it as the owner", role.account);
    (Finding::pass(reason), OwnerFinding::Proved)
}

fn changed(target: &Target, role: &RoleAccess, what: &str, problem: &Problem) -> (Finding, OwnerFinding) {
    let finding = Finding::fail(format!("changed: {what}, so it is not, or no longer, the bucket of {}", role.account))
        .aws(problem)
        .fix(format!(
            "Find out what became of bucket {}; a deleted name can be taken by others. Put nothing into it before that.",
            target.bucket
        ));
    (finding, OwnerFinding::Changed)
}

fn unproved(target: &Target, role: &RoleAccess, problem: &Problem) -> (Finding, OwnerFinding) {
    let mut reason =
        format!("unproved: every request that names {} as the bucket's owner is refused", role.account);
    // AWS explains itself to callers of the bucket's own account only.
    if let Some(why) = refusing_policy(problem).filter(|_| is_refusal(problem)) {
        reason
            .push_str(&format!(" ({why}, which points to the role's permissions and not to another owner)"));
    }
    let fix = format!(
        "If bucket {} is of another account, name one of {}. Otherwise: {}",
        target.bucket,
        role.account,
        fix::permissions(target, &["s3:ListBucket", "s3:PutObject", "s3:GetObject"])
    );
    (Finding::fail(reason).aws(problem).fix(fix), OwnerFinding::Unproved)
}
