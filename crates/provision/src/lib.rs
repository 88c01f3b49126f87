//! Sets up the owner's bucket and role, with the owner's own credentials and nobody else's (design D6): the running
//! service never has this code (`server` does not depend on it).
//!
//! [`apply`] takes four steps: the bucket with its settings, its policy, the role with its final trust, the role's
//! inline policy. Every step reads what is there, changes only what differs, and reads back what it wrote. A second
//! run changes nothing and says so.

mod access;
mod apply;
mod bucket;
mod bucket_policy;
mod bucket_settings;
mod policy_text;
mod refusal;
mod role;
mod spec;
mod step;

pub use access::{OwnerAccess, OwnerCredentials};
pub use apply::apply;
pub use spec::Spec;
pub use step::{Outcome, Step, StepReport};
