//! V6: where the bucket lies.

use super::finding::{Finding, is_answer};
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
        Err(problem) if is_answer(&problem) => {
            let finding =
                Finding::fail(format!("the store does not say where the bucket lies: {}", problem.detail()))
                    .aws(&problem)
                    .fix(super::fix::permissions(target, &["s3:GetBucketLocation", "s3:ListBucket"]));
            (finding, None)
        }
        Err(problem) => (Finding::skipped(problem.detail()).aws(&problem), None),
    }
}
