//! An AWS account in-process: S3, STS and IAM for two seeded accounts, on loopback, with every request decided by
//! `firmhold-iam` (design D9). It stands in for AWS, so it shares no code with what it checks but the clock and the
//! policy engine.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = firmhold_sandbox::Sandbox::start(firmhold_sandbox::SandboxConfig::new("/tmp/account")).await?;
//! println!("{} as {}", sandbox.http_url(), sandbox.customer().arn);
//! sandbox.stop().await;
//! # Ok(()) }
//! ```

mod access_log;
mod account;
mod auth_failure;
mod authenticate;
pub mod authorize;
mod aws_error;
mod call;
pub mod caller;
mod cbor;
mod cloudtrail;
mod cloudwatch;
mod control;
mod durable;
mod events;
mod facts;
mod fault;
mod front;
mod iam_api;
mod iam_document;
mod ids;
mod kms;
mod lifecycle;
mod listen;
mod managed_policy;
mod observer;
mod organization;
mod profile;
mod query;
mod records;
pub mod region;
mod replication;
mod request_log;
mod role;
pub mod s3;
mod s3_action;
mod s3_ask;
mod s3_control;
mod s3_front;
mod s3_gate;
mod sandbox;
mod seed;
mod service;
mod session;
mod sigv4;
mod sns;
mod state_clock;
pub mod storage;
mod stream;
mod sts;
mod tls;
mod upkeep;
mod usage;
mod xml;

pub use account::{AccountsError, CUSTOMER_ACCOUNT, PLATFORM_ACCOUNT, SeededUser};
pub use facts::Fact;
pub use fault::{Fault, FaultAction, Faults};
pub use organization::{ControlKind, Organization, OrganizationError};
pub use replication::ReplicationFigures;
pub use request_log::{RequestEntry, RequestLog};
pub use sandbox::{Sandbox, SandboxConfig, SandboxError};
pub use sns::Notification;
pub use state_clock::StateClock;
pub use tls::TlsError;
