//! The configuration of server access logs on the wire. Their lines are written by [`crate::access_log`].

use s3s::dto::{
    BucketLoggingStatus, GetBucketLoggingInput, GetBucketLoggingOutput, LoggingEnabled, PartitionedPrefix,
    PutBucketLoggingInput, PutBucketLoggingOutput, SimplePrefix, TargetObjectKeyFormat,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{S3Ops, error};
use crate::storage::record::{AccessLogging, BucketFacts};

const DATE_SOURCES: [&str; 2] = ["EventTime", "DeliveryTime"];

impl S3Ops {
    pub(super) async fn read_logging(
        &self,
        request: S3Request<GetBucketLoggingInput>,
    ) -> S3Result<S3Response<GetBucketLoggingOutput>> {
        let logging = self.storage.bucket(&request.input.bucket)?.logging.clone();
        Ok(S3Response::new(GetBucketLoggingOutput { logging_enabled: logging.map(shown) }))
    }

    pub(super) async fn write_logging(
        &self,
        request: S3Request<PutBucketLoggingInput>,
    ) -> S3Result<S3Response<PutBucketLoggingOutput>> {
        let PutBucketLoggingInput { bucket, bucket_logging_status, .. } = request.input;
        let facts = self.storage.bucket(&bucket)?;
        let BucketLoggingStatus { logging_enabled } = bucket_logging_status;
        let logging = logging_enabled.map(|enabled| self.checked_logging(&facts, enabled)).transpose()?;
        self.configure(bucket, move |facts| facts.logging = logging).await?;
        Ok(S3Response::new(PutBucketLoggingOutput::default()))
    }

    fn checked_logging(&self, facts: &BucketFacts, enabled: LoggingEnabled) -> S3Result<AccessLogging> {
        let target = self
            .storage
            .bucket_facts(&enabled.target_bucket)
            .ok_or_else(|| invalid_target("The target bucket for logging does not exist"))?;
        if target.owner_account != facts.owner_account {
            return Err(invalid_target(
                "The owner for the bucket to be logged and the target bucket must be the same.",
            ));
        }
        if target.region != facts.region {
            return Err(error::custom(
                http::StatusCode::FORBIDDEN,
                "CrossLocationLoggingProhibited",
                "Cross S3 location logging not allowed.",
            ));
        }
        if target.object_lock.as_ref().is_some_and(|lock| lock.rule.is_some()) {
            return Err(invalid_target(
                "The target bucket for logging cannot have a default retention period of Object Lock.",
            ));
        }
        if enabled.target_grants.is_some_and(|grants| !grants.is_empty()) {
            return Err(error::custom(
                http::StatusCode::BAD_REQUEST,
                "AccessControlListNotSupported",
                "The bucket does not allow ACLs",
            ));
        }
        Ok(AccessLogging {
            bucket: enabled.target_bucket,
            prefix: enabled.target_prefix,
            partitioned_by: partition(enabled.target_object_key_format)?,
        })
    }
}

fn partition(format: Option<TargetObjectKeyFormat>) -> S3Result<Option<String>> {
    let Some(format) = format else { return Ok(None) };
    match (format.partitioned_prefix, format.simple_prefix) {
        (Some(partitioned), None) => {
            let source = partitioned.partition_date_source.map(|source| source.as_str().to_owned());
            let source = source.unwrap_or_else(|| DATE_SOURCES[0].to_owned());
            if DATE_SOURCES.contains(&source.as_str()) {
                return Ok(Some(source));
            }
            Err(super::malformed_xml())
        }
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(super::malformed_xml()),
    }
}

fn shown(logging: AccessLogging) -> LoggingEnabled {
    let format = match logging.partitioned_by {
        Some(source) => TargetObjectKeyFormat {
            partitioned_prefix: Some(PartitionedPrefix { partition_date_source: Some(source.into()) }),
            simple_prefix: None,
        },
        None => {
            TargetObjectKeyFormat { partitioned_prefix: None, simple_prefix: Some(SimplePrefix::default()) }
        }
    };
    LoggingEnabled {
        target_bucket: logging.bucket,
        target_grants: None,
        target_object_key_format: Some(format),
        target_prefix: logging.prefix,
    }
}

fn invalid_target(message: &'static str) -> S3Error {
    s3_error!(InvalidTargetBucketForLogging, "{message}")
}
