//! The policies that we ask anyone to attach.

mod bucket;
mod parts;
mod permissions;
mod platform;
mod session;
mod shape;
mod trust;

pub use bucket::bucket_policy;
pub use permissions::permission_policy;
pub use platform::platform_policy;
pub use session::{MAX_SESSION_POLICY, SessionScope, session_policy};
pub use shape::{BackendShape, CdnShape, ReplicaShape, TrustShape};
pub use trust::{TrustForm, trust_policy};
