//! The permission policy of a backend's role.

use serde_json::{Value, json};

use super::BackendShape;

/// The permission policy of a backend's role.
pub fn permission_policy(shape: &BackendShape) -> Value {
    let _ = shape;
    json!({ "Version": "2012-10-17", "Statement": [] })
}
