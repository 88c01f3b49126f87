//! Tags of objects and buckets, and AWS's limits on them.

use std::collections::HashSet;

use s3s::dto::Tag;
use s3s::{S3Result, s3_error};

use super::error;

type Tags = Vec<(String, String)>;

/// An object has at most so many.
pub const OBJECT_LIMIT: usize = 10;
/// A bucket has at most so many.
pub const BUCKET_LIMIT: usize = 50;

/// The `x-amz-tagging` header: URL query parameters.
pub fn from_header(header: Option<&str>) -> S3Result<Tags> {
    let pairs = url::form_urlencoded::parse(header.unwrap_or_default().as_bytes());
    checked(pairs.into_owned().collect(), OBJECT_LIMIT)
}

/// The `Tagging` document.
pub fn from_xml(tags: Vec<Tag>, limit: usize) -> S3Result<Tags> {
    let pairs = tags.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    checked(pairs.collect(), limit)
}

/// As a `TagSet`.
pub fn to_xml(tags: &[(String, String)]) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

fn checked(tags: Tags, limit: usize) -> S3Result<Tags> {
    if tags.len() > limit {
        return Err(error::custom(
            http::StatusCode::BAD_REQUEST,
            "BadRequest",
            format!("Object tags cannot be greater than {limit}"),
        ));
    }
    let mut seen = HashSet::new();
    for (key, value) in &tags {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid"));
        }
        if !seen.insert(key.as_str()) {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}
