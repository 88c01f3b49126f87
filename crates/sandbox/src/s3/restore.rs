//! RestoreObject: an archived version is brought back for some days
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html>).

use std::time::Duration;

use firmhold_core::Timestamp;
use s3s::dto::{RestoreObjectInput, RestoreObjectOutput, RestoreRequest};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{S3Ops, StatusOverride, name, time};
use crate::lifecycle::class;
use crate::storage::record::{ObjectData, Restore, VersionRecord};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long a tier takes, as long as AWS says that it may.
const TIERS: [(&str, &str, u64); 5] = [
    ("GLACIER", "Expedited", 5 * MINUTE),
    ("GLACIER", "Standard", 5 * HOUR),
    ("GLACIER", "Bulk", 12 * HOUR),
    ("DEEP_ARCHIVE", "Standard", 12 * HOUR),
    ("DEEP_ARCHIVE", "Bulk", 48 * HOUR),
];

impl S3Ops {
    pub(super) async fn restore(
        &self,
        request: S3Request<RestoreObjectInput>,
    ) -> S3Result<S3Response<RestoreObjectOutput>> {
        let caller = super::caller(&request)?;
        let input = request.input;
        name::check_version(input.version_id.as_deref())?;
        let found = self.storage.find(&input.bucket, &input.key, input.version_id.as_deref());
        let (version, object) =
            found.map_err(|error| self.unfound(&caller, &input.bucket, &input.key, error))?;
        let class = object.description.storage_class.as_deref().unwrap_or("STANDARD");
        if !class::is_archive(class) {
            return Err(s3_error!(
                InvalidObjectState,
                "Restore is not allowed for the object's current storage class"
            ));
        }
        let now = self.storage.clock().now();
        let asked = Asked::read(input.restore_request, class)?;
        let there = version.restore.filter(|restore| now < restore.expires);
        if there.is_some_and(|restore| restore.is_ongoing(now)) {
            return Err(s3_error!(RestoreAlreadyInProgress, "Object restore is already in progress"));
        }
        // What is there already stays there, until the new end.
        let ready = there.map_or_else(|| now.plus(asked.takes), |restore| restore.ready);
        let restore = Restore { ready, expires: end_of_stay(ready.max(now), asked.days) };
        let (bucket, key, id) = (input.bucket, input.key, version.version_id);
        self.storage.run(move |storage| storage.restore(&bucket, &key, &id, restore)).await?;
        let mut response = S3Response::new(RestoreObjectOutput::default());
        if there.is_none() {
            response.extensions.insert(StatusOverride(http::StatusCode::ACCEPTED));
        }
        Ok(response)
    }
}

/// What a call asks for.
struct Asked {
    days: u64,
    takes: Duration,
}

impl Asked {
    fn read(request: Option<RestoreRequest>, class: &str) -> S3Result<Self> {
        let request = request.ok_or_else(super::malformed_xml)?;
        if request.type_.is_some() || request.select_parameters.is_some() || request.output_location.is_some()
        {
            return Err(s3_error!(
                NotImplemented,
                "The sandbox restores archived objects, and selects nothing."
            ));
        }
        let days = request.days.and_then(|days| u64::try_from(days).ok()).filter(|days| *days > 0);
        let days = days.ok_or_else(super::malformed_xml)?;
        let named = request.glacier_job_parameters.map(|parameters| parameters.tier).or(request.tier);
        let tier = named.as_ref().map_or("Standard", |tier| tier.as_str());
        let known = TIERS.iter().find(|(of, name, _)| *of == class && *name == tier);
        let (_, _, seconds) = known.ok_or_else(|| {
            s3_error!(InvalidArgument, "Retrieval option is not supported by this storage class")
        })?;
        Ok(Self { days, takes: Duration::from_secs(*seconds) })
    }
}

/// Some days on, at midnight UTC.
fn end_of_stay(from: Timestamp, days: u64) -> Timestamp {
    let end = from.plus(Duration::from_secs(days.saturating_mul(DAY))).as_secs();
    let day = i64::try_from(DAY).unwrap_or(i64::MAX);
    Timestamp::from_secs(end.saturating_add(day - 1).div_euclid(day).saturating_mul(day))
}

/// `x-amz-restore`.
pub(super) fn header(version: &VersionRecord, now: Timestamp) -> Option<String> {
    let restore = version.restore.filter(|restore| now < restore.expires)?;
    Some(match restore.is_ongoing(now) {
        true => "ongoing-request=\"true\"".to_owned(),
        false => format!("ongoing-request=\"false\", expiry-date=\"{}\"", time::http_date(restore.expires)),
    })
}

/// Archived bytes cannot be read before they are brought back.
pub(super) fn refuse_archived(version: &VersionRecord, object: &ObjectData, now: Timestamp) -> S3Result<()> {
    let archived = object.description.storage_class.as_deref().is_some_and(class::is_archive);
    match archived && !version.restore.is_some_and(|restore| restore.is_there(now)) {
        true => Err(archived_error()),
        false => Ok(()),
    }
}

fn archived_error() -> S3Error {
    s3_error!(InvalidObjectState, "The operation is not valid for the object's storage class")
}
