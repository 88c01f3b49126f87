//! Settings of the bucket that a spec may leave to its owner: request metrics, acceleration, Object Lock, access logs.

use firmhold_core::Problem;
use serde::Serialize;

use super::Fact;
use crate::owner::Owner;
use crate::spec::{ObjectLock, ObjectLockMode, Spec};

/// What the reads need.
pub(crate) const LOOKS: &[&str] =
    &["s3:GetAccelerateConfiguration", "s3:GetBucketObjectLockConfiguration", "s3:GetMetricsConfiguration"];

/// The ID of our metrics configuration; also the `FilterId` of its figures in CloudWatch.
pub(crate) const METRICS_ID: &str = "firmhold";

/// What is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingsFacts {
    /// Below which prefix our configuration counts requests; empty: in the whole bucket.
    pub request_metrics: Fact<String>,
    /// `Enabled` or `Suspended`.
    pub acceleration: Fact<String>,
    /// Object Lock; without a rule it retains nothing by itself.
    pub object_lock: Fact<Option<ObjectLock>>,
    /// Where access logs go; looked at if the spec has them go somewhere.
    pub access_logs: Fact<LogTarget>,
}

/// Where a bucket's access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogTarget {
    /// The bucket.
    pub bucket: String,
    /// What their keys begin with.
    pub prefix: String,
}

impl SettingsFacts {
    pub(super) fn none() -> Self {
        Self {
            request_metrics: Fact::Absent,
            acceleration: Fact::Absent,
            object_lock: Fact::Absent,
            access_logs: Fact::Absent,
        }
    }

    pub(super) async fn read(owner: &Owner, spec: &Spec) -> Result<Self, Problem> {
        let (request_metrics, acceleration, object_lock, access_logs) = tokio::try_join!(
            reads::request_metrics(owner, spec),
            reads::acceleration(owner, spec),
            reads::object_lock(owner, spec),
            async {
                match &spec.access_logs {
                    Some(_) => reads::access_logs(owner, spec).await,
                    None => Ok(Fact::Absent),
                }
            },
        )?;
        Ok(Self { request_metrics, acceleration, object_lock, access_logs })
    }
}

/// The reads, one by one.
pub(crate) mod reads {
    use aws_sdk_s3::types::{MetricsFilter, ObjectLockRetentionMode};

    use super::{Fact, LogTarget, METRICS_ID, ObjectLock, ObjectLockMode, Owner, Problem, Spec};
    use crate::refusal::fact;

    /// Years of a retention are counted as AWS does.
    const DAYS_OF_A_YEAR: i32 = 365;

    pub(crate) async fn request_metrics(owner: &Owner, spec: &Spec) -> Result<Fact<String>, Problem> {
        let call =
            owner.clients.s3.get_bucket_metrics_configuration().bucket(&spec.bucket.name).id(METRICS_ID);
        let answer = call.expected_bucket_owner(&spec.account).send().await;
        let found = fact(&["NoSuchConfiguration"], "s3:GetMetricsConfiguration", &spec.bucket_arn(), answer)?;
        Ok(found.and_then(|answer| answer.metrics_configuration).map(|metrics| match metrics.filter {
            None => String::new(),
            Some(MetricsFilter::Prefix(prefix)) => prefix,
            Some(other) => format!("{other:?}"),
        }))
    }

    pub(crate) async fn acceleration(owner: &Owner, spec: &Spec) -> Result<Fact<String>, Problem> {
        let call = owner.clients.s3.get_bucket_accelerate_configuration().bucket(&spec.bucket.name);
        let answer = call.expected_bucket_owner(&spec.account).send().await;
        let found = fact(&[], "s3:GetAccelerateConfiguration", &spec.bucket_arn(), answer)?;
        Ok(found.and_then(|answer| answer.status).map(|status| status.as_str().to_owned()))
    }

    pub(crate) async fn object_lock(owner: &Owner, spec: &Spec) -> Result<Fact<Option<ObjectLock>>, Problem> {
        let call = owner.clients.s3.get_object_lock_configuration().bucket(&spec.bucket.name);
        let answer = call.expected_bucket_owner(&spec.account).send().await;
        let absent = &["ObjectLockConfigurationNotFoundError"];
        let found = fact(absent, "s3:GetBucketObjectLockConfiguration", &spec.bucket_arn(), answer)?;
        Ok(found.and_then(|answer| answer.object_lock_configuration).map(|lock| {
            let retention = lock.rule.and_then(|rule| rule.default_retention)?;
            let mode = match retention.mode? {
                ObjectLockRetentionMode::Compliance => ObjectLockMode::Compliance,
                _ => ObjectLockMode::Governance,
            };
            let days = retention.days.or_else(|| retention.years.map(|years| years * DAYS_OF_A_YEAR))?;
            Some(ObjectLock { mode, days })
        }))
    }

    pub(crate) async fn access_logs(owner: &Owner, spec: &Spec) -> Result<Fact<LogTarget>, Problem> {
        let call = owner.clients.s3.get_bucket_logging().bucket(&spec.bucket.name);
        let answer = call.expected_bucket_owner(&spec.account).send().await;
        let found = fact(&[], "s3:GetBucketLogging", &spec.bucket_arn(), answer)?;
        Ok(found
            .and_then(|answer| answer.logging_enabled)
            .map(|enabled| LogTarget { bucket: enabled.target_bucket, prefix: enabled.target_prefix }))
    }
}
