//! V6: where the bucket lies.

use super::finding::{Finding, is_answer, is_elsewhere, is_refusal};
use crate::{Bucket, Target};

/// V6 of an S3-compatible store, where a region is only what requests are signed for: what the store calls its own, if
/// anything, may be another.
pub(super) async fn check_signed_for(bucket: &dyn Bucket, target: &Target) -> Finding {
    let named = bucket.region().await.ok().flatten().filter(|region| *region != target.region);
    match bucket.list(target.prefix.as_str(), None, 1).await {
        Ok(_) => {
            let called = named.map(|region| format!("; it calls its own {region}")).unwrap_or_default();
            Finding::pass(format!("the store takes requests signed for {}{called}", target.region))
        }
        Err(problem) if is_elsewhere(&problem) => {
            let fix = match named {
                Some(region) => format!("Set the backend's region to {region}."),
                None => "Set the backend's region to the one that the store is configured with.".to_owned(),
            };
            Finding::fail(format!("the store refuses requests signed for {}", target.region)).aws(&problem).fix(fix)
        }
        Err(problem) if is_answer(&problem) => Finding::fail(problem.detail()).aws(&problem).fix(
            "Look at bucket, endpoint_url and the key pair that credentials_ref names: the store answers, but refuses.",
        ),
        Err(problem) => Finding::skipped(problem.detail()).aws(&problem),
    }
}

/// V6, and the region that the bucket really has if it is another.
pub(super) async fn check(bucket: &dyn Bucket, target: &Target) -> (Finding, Option<String>) {
    match bucket.region().await {
        Ok(Some(region)) if region == target.region => {
            (Finding::pass(format!("the bucket lies in {region}")), None)
        }
        Ok(Some(region)) => {
            let finding = Finding::fail(format!("the bucket lies in {region}, not in {}", target.region))
                .fix(format!("Set the backend's region to {region}, or name a bucket in {}.", target.region));
            (finding, Some(region))
        }
        Ok(None) => (Finding::pass(format!("the store takes requests signed for {}", target.region)), None),
        Err(problem) if matches!(problem.aws_code(), Some("NoSuchBucket" | "NotFound")) => {
            (Finding::skipped("there is no such bucket, see V5").aws(&problem), None)
        }
        // S3 sends a request for a bucket of another region away before it asks for permissions.
        Err(problem) if is_refusal(&problem) => {
            let finding = Finding::pass(format!(
                "the store does not tell us the region, but takes requests signed for {}",
                target.region
            ));
            (finding.aws(&problem), None)
        }
        Err(problem) if is_answer(&problem) => {
            let why = problem.detail();
            (
                Finding::fail(format!("the store does not say where the bucket lies: {why}")).aws(&problem),
                None,
            )
        }
        Err(problem) => (Finding::skipped(problem.detail()).aws(&problem), None),
    }
}
