//! V6: where the bucket lies.

use super::finding::{Finding, is_answer, is_refusal};
use crate::{Bucket, Target};

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
