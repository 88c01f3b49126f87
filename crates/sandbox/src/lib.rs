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

mod account;
mod durable;
mod fault;
mod ids;
mod profile;
pub mod region;
mod request_log;
mod role;
mod sandbox;
mod seed;
mod session;
mod tls;

pub use account::{AccountsError, CUSTOMER_ACCOUNT, PLATFORM_ACCOUNT, SeededUser};
pub use fault::{Fault, FaultAction, Faults};
pub use request_log::{RequestEntry, RequestLog};
pub use sandbox::{Sandbox, SandboxConfig, SandboxError};
pub use tls::TlsError;
