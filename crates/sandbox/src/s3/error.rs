//! Storage errors in AWS's words.
//!
//! Codes and statuses: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use s3s::{S3Error, S3ErrorCode};

use crate::storage::StorageError;

/// An error with a code that s3s has no name for.
pub fn custom(status: StatusCode, code: &'static str, message: impl Into<String>) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message.into());
    error.set_status_code(status);
    error
}

/// An error with more headers than the document's type (which a 304 does not have: it has no document).
pub fn with_headers(mut error: S3Error, headers: &[(HeaderName, &str)]) -> S3Error {
    let mut map = HeaderMap::new();
    if *error.code() != S3ErrorCode::NotModified {
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            map.insert(name.clone(), value);
        }
    }
    error.set_headers(map);
    error
}

const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");
const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

impl From<StorageError> for S3Error {
    fn from(error: StorageError) -> Self {
        let text = error.to_string();
        match error {
            StorageError::NoSuchBucket => {
                known(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist")
            }
            StorageError::BucketAlreadyExists => known(
                S3ErrorCode::BucketAlreadyExists,
                "The requested bucket name is not available. The bucket namespace is shared by all users of \
                 the system. Please select a different name and try again.",
            ),
            StorageError::BucketAlreadyOwnedByYou => known(
                S3ErrorCode::BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it.",
            ),
            StorageError::BucketNotEmpty => known(
                S3ErrorCode::BucketNotEmpty,
                "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
            ),
            StorageError::NoSuchKey { marker } => {
                let error = known(S3ErrorCode::NoSuchKey, "The specified key does not exist.");
                match marker {
                    Some(id) => with_headers(error, &[(DELETE_MARKER, "true"), (VERSION_ID, &id)]),
                    None => error,
                }
            }
            StorageError::IsDeleteMarker { version_id, last_modified } => with_headers(
                known(
                    S3ErrorCode::MethodNotAllowed,
                    "The specified method is not allowed against this resource.",
                ),
                &[
                    (DELETE_MARKER, "true"),
                    (VERSION_ID, &version_id),
                    (header::ALLOW, "DELETE"),
                    (header::LAST_MODIFIED, &super::time::http_date(last_modified)),
                ],
            ),
            StorageError::NoSuchVersion => {
                known(S3ErrorCode::NoSuchVersion, "The specified version does not exist.")
            }
            StorageError::NoSuchUpload => known(
                S3ErrorCode::NoSuchUpload,
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have \
                 been aborted or completed.",
            ),
            StorageError::Locked => {
                known(S3ErrorCode::AccessDenied, "Access Denied because object protected by object lock.")
            }
            StorageError::PreconditionFailed(_) => known(
                S3ErrorCode::PreconditionFailed,
                "At least one of the pre-conditions you specified did not hold",
            ),
            StorageError::InvalidPart(_) => known(
                S3ErrorCode::InvalidPart,
                "One or more of the specified parts could not be found.  The part may not have been \
                 uploaded, or the specified entity tag may not match the part's entity tag.",
            ),
            StorageError::InvalidPartOrder => known(
                S3ErrorCode::InvalidPartOrder,
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
            ),
            StorageError::PartTooSmall { .. } => known(
                S3ErrorCode::EntityTooSmall,
                "Your proposed upload is smaller than the minimum allowed size",
            ),
            StorageError::ChecksumMismatch(header) => {
                let name = header.trim_start_matches("x-amz-checksum-").to_ascii_uppercase();
                let message = format!("The {name} you specified did not match the calculated checksum.");
                S3Error::with_message(S3ErrorCode::BadDigest, message)
            }
            StorageError::IncompleteBody => incomplete(),
            StorageError::BrokenBody(text) => broken(&text),
            StorageError::InvalidRequest(message) => {
                S3Error::with_message(S3ErrorCode::InvalidRequest, message)
            }
            StorageError::Corrupt(_)
            | StorageError::Index(_)
            | StorageError::Io(_)
            | StorageError::TaskEnded => {
                tracing::error!(error = text, "the storage failed");
                known(S3ErrorCode::InternalError, "We encountered an internal error. Please try again.")
            }
        }
    }
}

fn known(code: S3ErrorCode, message: &'static str) -> S3Error {
    S3Error::with_message(code, message)
}

fn incomplete() -> S3Error {
    known(
        S3ErrorCode::IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

/// s3s checks payload hashes and chunk signatures while the body streams; its errors have no public type.
fn broken(text: &str) -> S3Error {
    if text.contains("Sha256Mismatch") {
        return custom(
            StatusCode::BAD_REQUEST,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
    }
    if text.contains("SignatureMismatch") {
        return known(
            S3ErrorCode::SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key \
             and signing method.",
        );
    }
    incomplete()
}
