//! V1: who the platform is.

use firmhold_core::{Problem, RoleArn};

use super::finding::Finding;
use crate::{Identity, Stores, Target};

pub(super) fn check(stores: &Stores, target: &Target, identity: &Result<Identity, Problem>) -> Finding {
    let expected = &stores.config().platform_role_arn;
    let identity = match identity {
        Ok(identity) => identity,
        Err(problem) => {
            let fix = problem.hint().unwrap_or("Check the server's AWS credentials.").to_owned();
            return Finding::fail(problem.detail()).aws(problem).fix(fix);
        }
    };
    if !identity.is_platform_role() {
        return Finding::fail(format!("the platform works as {}, not as {expected}", identity.arn))
            .fix("Run the server with credentials of, or that may assume, `aws.platform_role_arn`.");
    }
    let partition = expected.parse::<RoleArn>().map(|role| role.partition).unwrap_or_default();
    if partition != target.partition {
        return Finding::fail(format!(
            "the platform is in partition {partition}, the backend in {}; roles cannot be assumed across partitions",
            target.partition
        ))
        .fix("Register the backend with a Firmhold server that runs in its partition.");
    }
    let sessions = match identity.chained {
        true => "a role itself, so sessions last at most an hour",
        false => "not itself a role's session",
    };
    Finding::pass(format!("works as {}: {sessions}", identity.arn))
}

/// Whether two answers are about one caller: account and role. The session's name changes with each renewal.
pub(super) fn same(a: &Identity, b: &Identity) -> bool {
    a.account == b.account && a.is_platform_role() == b.is_platform_role()
}
