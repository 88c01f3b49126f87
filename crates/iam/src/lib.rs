//! AWS IAM policies: a strict parser, an evaluator that says why, and generators for the policies of Firmhold.
//!
//! The crate is pure: it reads no clock, no file and no network, and knows no AWS SDK.
//!
//! * [`Policy::parse`] reads a document and refuses what AWS refuses or silently ignores, with the place.
//! * [`decide`] answers a [`Request`] under the [`Policies`] that apply to it. The [`Decision`] names the statement
//!   that decided, and its [`Trace`] how every other one met the request.
//! * [`generate`] makes the documents that an owner or an operator is asked to attach.
//!
//! Two rules hold throughout. What cannot be told (a value that its operator cannot read, several values where one
//! is due) makes a statement that denies apply, and keeps one that allows from applying. And the value of a policy
//! variable is text: no `*` in it is ever a wildcard.
//!
//! ```
//! use firmhold_iam::{Context, Policies, Policy, PolicyKind, Principal, Request, decide};
//!
//! let role = Policy::parse(
//!     "firmware",
//!     r#"{"Version": "2012-10-17", "Statement": {
//!         "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-fw/firmhold/*"}}"#,
//!     PolicyKind::Identity,
//! )?;
//! let bucket = Policy::parse(
//!     "bucket-policy",
//!     r#"{"Version": "2012-10-17", "Statement": {
//!         "Sid": "DenyPlainHttp", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
//!         "Resource": "arn:aws:s3:::acme-fw/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}}"#,
//!     PolicyKind::Resource,
//! )?;
//!
//! let mut request = Request {
//!     principal: Principal::from_arn("arn:aws:sts::111122223333:assumed-role/Firmware/ci")?,
//!     action: "s3:GetObject".to_owned(),
//!     resource: "arn:aws:s3:::acme-fw/firmhold/a.bin".to_owned(),
//!     resource_account: Some("111122223333".to_owned()),
//!     context: Context::new(),
//! };
//! let policies = Policies { identity: vec![&role], resource: Some(&bucket), ..Policies::default() };
//!
//! request.context.set("aws:SecureTransport", true);
//! assert!(decide(&request, &policies).is_allowed());
//!
//! request.context.set("aws:SecureTransport", false);
//! let decision = decide(&request, &policies);
//! assert_eq!(
//!     decision.summary(),
//!     r#"explicit_deny by resource policy "bucket-policy" statement 1 (DenyPlainHttp)"#
//! );
//! assert_eq!(decision.aws_reason(), "with an explicit deny in a resource-based policy");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A mistake in a document has a place:
//!
//! ```
//! use firmhold_iam::{Policy, PolicyKind};
//!
//! let text = "{\"Version\": \"2012-10-17\", \"Statement\": [\n  {\"Effect\": \"Allow\", \"Acton\": \"s3:*\"}]}";
//! let error = Policy::parse("mine", text, PolicyKind::Identity).unwrap_err();
//! assert_eq!((error.place.line, error.place.column), (2, 23));
//! assert_eq!(error.place.path, "Statement[0].Acton");
//! ```
#![deny(clippy::indexing_slicing)]
#![deny(missing_docs)]

mod action;
mod arn;
mod condition;
mod context;
mod decide;
mod decision;
mod document;
pub mod explain;
mod facts;
pub mod generate;
pub mod guide;
mod json;
pub mod lint;
mod operator;
mod path;
mod pattern;
mod policy;
mod principal;
mod principals;
mod request;
mod statement;
pub mod tables;
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

/// The examples of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
