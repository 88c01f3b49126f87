//! Conditional requests: RFC 9110 for reads, S3's own narrower rules for writes.

use firmhold_core::Timestamp;
use http::header;
use s3s::dto::{self, ETagCondition};
use s3s::{S3Error, S3Result, s3_error};

use super::{error, time};
use crate::storage::object::Condition;

/// The four read conditions.
pub struct ReadConditions<'a> {
    /// `If-Match`
    pub if_match: Option<&'a ETagCondition>,
    /// `If-None-Match`
    pub if_none_match: Option<&'a ETagCondition>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<&'a dto::Timestamp>,
    /// `If-Unmodified-Since`
    pub if_unmodified_since: Option<&'a dto::Timestamp>,
}

impl ReadConditions<'_> {
    /// Checks them in RFC 9110's order (section 13.2.2): an ETag condition makes the date one moot.
    ///
    /// # Errors
    /// `PreconditionFailed` (412) or `NotModified` (304).
    pub fn check(&self, etag: &str, modified: Timestamp) -> S3Result<()> {
        let modified_at = time::whole_seconds(modified);
        let holds = match (self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => matches(condition, etag),
            (None, Some(since)) => modified_at <= *since,
            (None, None) => true,
        };
        if !holds {
            return Err(precondition_failed());
        }
        let changed = match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => !matches(condition, etag),
            (None, Some(since)) => modified_at > *since,
            (None, None) => true,
        };
        match changed {
            true => Ok(()),
            false => Err(not_modified(etag, modified)),
        }
    }
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

/// 412.
pub fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn not_modified(etag: &str, modified: Timestamp) -> S3Error {
    let error = s3_error!(NotModified, "Not Modified");
    let etag = format!("\"{etag}\"");
    error::with_headers(error, &[(header::ETAG, &etag), (header::LAST_MODIFIED, &time::http_date(modified))])
}

/// The condition of a write.
///
/// # Errors
/// `NotImplemented` for `If-None-Match` with an ETag, `InvalidArgument` for both at once.
pub fn of_write(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Option<Condition>> {
    match (if_match, if_none_match) {
        (None, None) => Ok(None),
        (None, Some(ETagCondition::Any)) => Ok(Some(Condition::Absent)),
        (Some(ETagCondition::Any), None) => Ok(Some(Condition::Etag(None))),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Some(Condition::Etag(Some(etag.value().to_owned())))),
        (None, Some(ETagCondition::ETag(_))) => Err(s3_error!(
            NotImplemented,
            "A header you provided implies functionality that is not implemented"
        )),
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidArgument, "If-Match and If-None-Match cannot both be specified"))
        }
    }
}
