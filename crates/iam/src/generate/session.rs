//! The session policy that goes along when a backend's role is assumed.

use serde_json::{Value, json};

use super::BackendShape;

/// What a session is for (D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionScope {
    /// Links, proxying, hashing.
    Read,
    /// Uploads, manifests, tags.
    Write,
    /// Deletion, verification, reads of the configuration.
    Admin,
}

/// The session policy of one scope.
pub fn session_policy(shape: &BackendShape, scope: SessionScope) -> Value {
    let _ = (shape, scope);
    json!({ "Version": "2012-10-17", "Statement": [] })
}
