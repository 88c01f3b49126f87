//! Sets up the owner's bucket and role, with the owner's own credentials and nobody else's (design D6): the running
//! service never has this code (`server` does not depend on it).
//!
//! [`SpecFile`] is what a person wrote, [`Spec`] what comes of it, [`Inventory`] what is there, [`Plan`] what is going to
//! be done about it, [`apply`] does it and the [`Journal`] remembers. A plan after that is empty.

mod access;
mod apply;
mod change;
pub mod cost;
pub mod credentials;
pub mod doctor;
pub mod handoff;
mod installer;
mod inventory;
mod journal;
pub mod naming;
mod owner;
mod plan;
mod policy_text;
mod refusal;
pub mod region;
mod resource;
mod rules_text;
mod settle;
mod signed;
mod spec;

pub use access::{OwnerAccess, OwnerCredentials};
pub use apply::{Progress, Watch, apply, set_up};
pub use change::{Change, Kind, Switch, Verb};
pub use installer::installer_policy;
pub use inventory::{
    BucketFacts, DefaultEncryption, Fact, Found, Holdings, Inventory, KeyFound, LifecycleDocument, LogTarget,
    ReplicationFacts, RoleFacts, RoleFound, SettingsFacts,
};
pub use journal::{Journal, Run, Step};
pub use owner::Owner;
pub use plan::{Letter, Line, Note, Plan, PlanFile, Purpose, Unseen};
pub use spec::{
    AccessLogs, Bucket, Encryption, Key, Lifecycle, LifecycleProfile, Monitoring, ObjectLock, ObjectLockMode,
    Place, Replica, Replication, Role, Spec, SpecError, SpecErrors, SpecFile, Trust, check_trust,
};
