//! An organization over the sandbox's accounts, with service and resource control policies that have a say in every
//! request (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies.html>).

mod api;
mod control;
mod service;
mod state;

pub use self::api::{Organization, OrganizationError};
pub(crate) use self::control::ControlPolicies;
pub(crate) use self::service::Organizations;
pub use self::state::ControlKind;
pub(crate) use self::state::OrganizationState;
