//! AWS IAM policies: a strict parser, an evaluator with a trace, and generators.
#![deny(clippy::indexing_slicing)]

mod arn;
mod condition;
mod context;
mod decide;
mod decision;
mod document;
pub mod generate;
mod json;
mod operator;
mod pattern;
mod policy;
mod principal;
mod principals;
mod request;
mod statement;
mod truth;
mod value;

pub use arn::Arn;
pub use context::{Context, ContextValue};
pub use decide::decide;
pub use decision::{Decision, Fit, Outcome, Place, Reason, Step, Trace};
pub use generate::{
    BackendShape, CdnShape, MAX_SESSION_POLICY, ReplicaShape, SessionScope, TrustForm, TrustShape,
    bucket_policy, permission_policy, platform_policy, session_policy, trust_policy,
};
pub use policy::{Effect, Policy, PolicyError, PolicyKind};
pub use principal::{Principal, PrincipalError};
pub use request::{Policies, Request};
