//! Sessions of roles.

use firmhold_core::{Secret, Timestamp};

/// Which external ID goes along when a role is assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalId {
    /// The target's, by its place in [`crate::Target::external_ids`].
    Right(usize),
    /// None.
    Missing,
    /// This one.
    Other(String),
}

/// A session of a role: temporary credentials.
#[derive(Debug)]
pub struct RoleSession {
    pub(crate) access_key_id: String,
    pub(crate) secret: Secret,
    pub(crate) token: Secret,
    pub(crate) arn: String,
    pub(crate) assumed_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}
