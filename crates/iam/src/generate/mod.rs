//! The policies that we ask anyone to attach.

mod bucket;
mod installer;
mod key;
mod parts;
mod permissions;
mod platform;
mod replication;
mod session;
mod shape;
mod trust;
mod versions;

pub use bucket::{bucket_policy, deny_foreign_principals};
pub use installer::installer_policy;
pub use key::{key_policy, key_statement_for_owner};
pub use permissions::permission_policy;
pub use platform::platform_policy;
pub use replication::{replication_permissions, replication_trust};
pub use session::{MAX_SESSION_POLICY, SessionScope, session_policy};
pub use shape::{BackendShape, CdnShape, ReplicaShape, TrustShape};
pub use trust::{TrustForm, trust_policy};
pub use versions::{Changes, Generated, StatementChange, VERSION, changes, version_of};
