//! AWS IAM policies: a strict parser, an evaluator with a trace, and generators.
#![deny(clippy::indexing_slicing)]

mod arn;
mod context;
mod decide;
mod decision;
pub mod generate;
mod policy;
mod principal;
mod request;

pub use arn::Arn;
pub use context::{Context, ContextValue};
pub use decide::decide;
pub use decision::{Decision, Fit, Outcome, Place, Reason, Step, Trace};
pub use generate::{
    BackendShape, CdnShape, ReplicaShape, SessionScope, TrustForm, TrustShape, bucket_policy,
    permission_policy, platform_policy, session_policy, trust_policy,
};
pub use policy::{Effect, Policy, PolicyError, PolicyKind};
pub use principal::{Principal, PrincipalError};
pub use request::{Policies, Request};
