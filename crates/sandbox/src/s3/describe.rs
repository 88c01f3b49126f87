//! What a write says about an object besides its bytes: headers, metadata, tags, storage class, encryption.

use s3s::dto::{ObjectCannedACL, ServerSideEncryption};
use s3s::{S3Error, S3Result, s3_error};

use super::error;
use crate::storage::record::{BucketFacts, Description, Encryption};

/// Classes that S3 accepts on a write.
const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

/// User metadata may have so many bytes (2 KiB), names and values together.
const METADATA_LIMIT: usize = 2 * 1024;

/// The description in a PutObject, CreateMultipartUpload or CopyObject input: they share names, not a type.
macro_rules! description {
    ($input:expr, $now:expr) => {
        $crate::s3::describe::checked($crate::storage::record::Description {
            content_type: $input.content_type.clone(),
            content_encoding: $crate::s3::describe::content_encoding($input.content_encoding.as_deref()),
            content_disposition: $input.content_disposition.clone(),
            content_language: $input.content_language.clone(),
            cache_control: $input.cache_control.clone(),
            expires: $input.expires.clone(),
            metadata: $input.metadata.clone().unwrap_or_default().into_iter().collect(),
            website_redirect: $input.website_redirect_location.clone(),
            tags: $crate::s3::tags::from_header($input.tagging.as_deref())?,
            storage_class: $input.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            retention: $crate::s3::object_lock::retention(
                $input.object_lock_mode.as_ref().map(|mode| mode.as_str()),
                $input.object_lock_retain_until_date.as_ref(),
                $now,
            )?,
            legal_hold: $input.object_lock_legal_hold_status.as_ref().is_some_and(|s| s.as_str() == "ON"),
        })
    };
}

/// The encryption that such an input asks for, or the bucket's default.
macro_rules! encryption {
    ($input:expr, $facts:expr) => {
        match $input.sse_customer_algorithm {
            Some(_) => Err($crate::s3::describe::no_customer_keys()),
            None => $crate::s3::describe::encryption_of(
                $facts,
                $input.server_side_encryption.as_ref(),
                $input.ssekms_key_id.as_deref(),
                $input.bucket_key_enabled,
            ),
        }
    };
}

pub(super) use {description, encryption};

/// Holds a description to S3's limits.
pub fn checked(description: Description) -> S3Result<Description> {
    if description.storage_class.as_deref().is_some_and(|class| !STORAGE_CLASSES.contains(&class)) {
        return Err(s3_error!(InvalidStorageClass, "The storage class you specified is not valid"));
    }
    if description.metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        > METADATA_LIMIT
    {
        return Err(s3_error!(
            MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size"
        ));
    }
    Ok(description)
}

/// `Content-Encoding` without the `aws-chunked` that only describes the transfer.
pub fn content_encoding(header: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = header?.split(',').map(str::trim).filter(|e| *e != "aws-chunked").collect();
    Some(kept.join(",")).filter(|kept| !kept.is_empty())
}

/// SSE-C is not in the sandbox.
pub fn no_customer_keys() -> S3Error {
    s3_error!(NotImplemented, "The sandbox has no server-side encryption with customer-provided keys.")
}

/// What an object is encrypted with.
pub fn encryption_of(
    facts: &BucketFacts,
    algorithm: Option<&ServerSideEncryption>,
    key: Option<&str>,
    bucket_key: Option<bool>,
) -> S3Result<Encryption> {
    let Some(algorithm) = algorithm else {
        if key.is_some() {
            return Err(key_without_kms());
        }
        return Ok(facts.default_encryption.clone());
    };
    named_encryption(algorithm.as_str(), key, bucket_key)
}

/// An encryption as a header or the bucket's configuration names it.
pub fn named_encryption(
    algorithm: &str,
    key: Option<&str>,
    bucket_key: Option<bool>,
) -> S3Result<Encryption> {
    let kms = match algorithm {
        "AES256" => false,
        "aws:kms" | "aws:kms:dsse" => true,
        _ => return Err(s3_error!(InvalidArgument, "The encryption method specified is not supported")),
    };
    if key.is_some() && !kms {
        return Err(key_without_kms());
    }
    Ok(Encryption {
        algorithm: algorithm.to_owned(),
        kms_key_id: key.map(str::to_owned),
        bucket_key: bucket_key.filter(|_| kms),
    })
}

fn key_without_kms() -> S3Error {
    s3_error!(
        InvalidArgument,
        "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : \
         aws:kms"
    )
}

/// With ACLs disabled only the two that change nothing are accepted.
pub fn check_acl(facts: &BucketFacts, acl: Option<&ObjectCannedACL>, granted: bool) -> S3Result<()> {
    let harmless = acl.is_none_or(|acl| matches!(acl.as_str(), "bucket-owner-full-control" | "private"));
    if harmless && !granted {
        return Ok(());
    }
    match facts.ownership.as_deref() {
        Some("BucketOwnerEnforced") => Err(error::custom(
            http::StatusCode::BAD_REQUEST,
            "AccessControlListNotSupported",
            "The bucket does not allow ACLs",
        )),
        _ => Err(s3_error!(NotImplemented, "The sandbox has no access control lists.")),
    }
}
