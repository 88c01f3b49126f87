//! The bucket policy.

use serde_json::{Value, json};

use super::BackendShape;

/// The bucket policy.
pub fn bucket_policy(shape: &BackendShape) -> Value {
    let _ = shape;
    json!({ "Version": "2012-10-17", "Statement": [] })
}
