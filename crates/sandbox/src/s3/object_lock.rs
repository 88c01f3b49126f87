//! Object Lock on the wire: the bucket's configuration, and retention and legal hold of versions
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>).

use firmhold_core::Timestamp;
use s3s::dto::{
    DefaultRetention, GetObjectLegalHoldInput, GetObjectLegalHoldOutput, GetObjectLockConfigurationInput,
    GetObjectLockConfigurationOutput, GetObjectRetentionInput, GetObjectRetentionOutput, ObjectLockLegalHold,
    ObjectLockMode, ObjectLockRetention, PutObjectLegalHoldInput, PutObjectLegalHoldOutput,
    PutObjectLockConfigurationInput, PutObjectLockConfigurationOutput, PutObjectRetentionInput,
    PutObjectRetentionOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{S3Ops, name, time};
use crate::authorize::object_arn;
use crate::caller::Caller;
use crate::storage::record::{BucketFacts, Description, Retention, Versioning};

const MAX_DAYS: i32 = 36_500;
const MAX_YEARS: i32 = 100;

impl S3Ops {
    pub(super) async fn read_object_lock(
        &self,
        request: S3Request<GetObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<GetObjectLockConfigurationOutput>> {
        let lock = self.storage.bucket(&request.input.bucket)?.object_lock.clone();
        let lock = lock.ok_or_else(|| {
            s3_error!(
                ObjectLockConfigurationNotFoundError,
                "Object Lock configuration does not exist for this bucket"
            )
        })?;
        Ok(S3Response::new(GetObjectLockConfigurationOutput { object_lock_configuration: Some(lock) }))
    }

    pub(super) async fn write_object_lock(
        &self,
        request: S3Request<PutObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<PutObjectLockConfigurationOutput>> {
        let PutObjectLockConfigurationInput { bucket, object_lock_configuration, .. } = request.input;
        let lock = object_lock_configuration.ok_or_else(super::malformed_xml)?;
        if lock.object_lock_enabled.as_ref().is_none_or(|enabled| enabled.as_str() != "Enabled") {
            return Err(super::malformed_xml());
        }
        if let Some(rule) = &lock.rule {
            check_default(rule.default_retention.as_ref().ok_or_else(super::malformed_xml)?)?;
        }
        if self.storage.bucket(&bucket)?.versioning != Versioning::Enabled {
            return Err(s3_error!(
                InvalidBucketState,
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            ));
        }
        self.configure(bucket, move |facts| facts.object_lock = Some(lock)).await?;
        Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
    }

    pub(super) async fn read_retention(
        &self,
        request: S3Request<GetObjectRetentionInput>,
    ) -> S3Result<S3Response<GetObjectRetentionOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let words = self.locked_words(&caller, &input.bucket, &input.key, input.version_id.as_deref())?;
        let retention = words.retention.ok_or_else(no_lock)?;
        Ok(S3Response::new(GetObjectRetentionOutput {
            retention: Some(ObjectLockRetention {
                mode: Some(retention.mode.into()),
                retain_until_date: Some(time::wire(retention.until)),
            }),
        }))
    }

    pub(super) async fn write_retention(
        &self,
        request: S3Request<PutObjectRetentionInput>,
    ) -> S3Result<S3Response<PutObjectRetentionOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let now = self.storage.clock().now();
        let wanted = input.retention.ok_or_else(super::malformed_xml)?;
        let mode = wanted.mode.as_ref().map(|mode| mode.as_str());
        let wanted = retention(mode, wanted.retain_until_date.as_ref(), now)?;
        let words = self.locked_words(&caller, &input.bucket, &input.key, input.version_id.as_deref())?;
        let bypass = input.bypass_governance_retention == Some(true);
        if bypass {
            let arn = object_arn(&input.bucket, &input.key);
            self.gate.allow(&caller, "s3:BypassGovernanceRetention", &arn, &input.bucket, &[])?;
        }
        check_change(words.retention.as_ref(), wanted.as_ref(), now, bypass)?;
        self.describe_again(input.bucket, input.key, input.version_id, move |words| words.retention = wanted)
            .await?;
        Ok(S3Response::new(PutObjectRetentionOutput::default()))
    }

    pub(super) async fn read_legal_hold(
        &self,
        request: S3Request<GetObjectLegalHoldInput>,
    ) -> S3Result<S3Response<GetObjectLegalHoldOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let words = self.locked_words(&caller, &input.bucket, &input.key, input.version_id.as_deref())?;
        let status = if words.legal_hold { "ON" } else { "OFF" };
        Ok(S3Response::new(GetObjectLegalHoldOutput {
            legal_hold: Some(ObjectLockLegalHold { status: Some(status.to_owned().into()) }),
        }))
    }

    pub(super) async fn write_legal_hold(
        &self,
        request: S3Request<PutObjectLegalHoldInput>,
    ) -> S3Result<S3Response<PutObjectLegalHoldOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        let status = input.legal_hold.and_then(|hold| hold.status).ok_or_else(super::malformed_xml)?;
        let held = match status.as_str() {
            "ON" => true,
            "OFF" => false,
            _ => return Err(super::malformed_xml()),
        };
        self.locked_words(&caller, &input.bucket, &input.key, input.version_id.as_deref())?;
        self.describe_again(input.bucket, input.key, input.version_id, move |words| words.legal_hold = held)
            .await?;
        Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
    }

    /// What is said about a version in a bucket with Object Lock.
    fn locked_words(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> S3Result<Description> {
        check_asked(&*self.storage.bucket(bucket)?, true)?;
        name::check_version(version)?;
        let found = self.storage.find(bucket, key, version);
        let (_, object) = found.map_err(|error| self.unfound(caller, bucket, key, error))?;
        Ok(object.description)
    }

    async fn describe_again(
        &self,
        bucket: String,
        key: String,
        version: Option<String>,
        change: impl FnOnce(&mut Description) + Send + 'static,
    ) -> S3Result<()> {
        let changed = self.storage.run(move |storage| {
            let (target, _) = storage.find(&bucket, &key, version.as_deref())?;
            storage
                .update_version(&bucket, &key, &target.version_id, |object| change(&mut object.description))
        });
        changed.await?;
        Ok(())
    }
}

/// A retention as headers or a document name it; nothing at all means none.
pub(super) fn retention(
    mode: Option<&str>,
    until: Option<&s3s::dto::Timestamp>,
    now: Timestamp,
) -> S3Result<Option<Retention>> {
    let (mode, until) = match (mode, until) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, until),
        _ => {
            return Err(s3_error!(
                InvalidArgument,
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
            ));
        }
    };
    if !matches!(mode, ObjectLockMode::GOVERNANCE | ObjectLockMode::COMPLIANCE) {
        return Err(s3_error!(InvalidArgument, "Unknown wormMode directive."));
    }
    let until = time::read(until).ok_or_else(super::malformed_xml)?;
    if until <= now {
        return Err(s3_error!(InvalidArgument, "The retain until date must be in the future!"));
    }
    Ok(Some(Retention { mode: mode.to_owned(), until }))
}

/// A write that asks for a lock needs a bucket that has them.
pub(super) fn check_asked(facts: &BucketFacts, asked: bool) -> S3Result<()> {
    match asked && facts.object_lock.is_none() {
        true => Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration")),
        false => Ok(()),
    }
}

/// A retention can be made longer; shorter or weaker only past governance.
fn check_change(
    own: Option<&Retention>,
    wanted: Option<&Retention>,
    now: Timestamp,
    bypass: bool,
) -> S3Result<()> {
    let Some(own) = own.filter(|own| now < own.until) else { return Ok(()) };
    let keeps = wanted.is_some_and(|wanted| wanted.until >= own.until && wanted.mode == own.mode);
    match keeps || (bypass && own.mode == ObjectLockMode::GOVERNANCE) {
        true => Ok(()),
        false => Err(s3_error!(AccessDenied, "Access Denied because object protected by object lock.")),
    }
}

fn check_default(default: &DefaultRetention) -> S3Result<()> {
    let mode = default.mode.as_ref().map(|mode| mode.as_str());
    if !matches!(mode, Some("GOVERNANCE" | "COMPLIANCE")) {
        return Err(super::malformed_xml());
    }
    let (period, most) = match (default.days, default.years) {
        (Some(days), None) => (days, MAX_DAYS),
        (None, Some(years)) => (years, MAX_YEARS),
        _ => return Err(super::malformed_xml()),
    };
    match (1..=most).contains(&period) {
        true => Ok(()),
        false => {
            Err(s3_error!(InvalidArgument, "Default retention period must be a positive integer value."))
        }
    }
}

fn no_lock() -> S3Error {
    s3_error!(NoSuchObjectLockConfiguration, "The specified object does not have a ObjectLock configuration")
}
