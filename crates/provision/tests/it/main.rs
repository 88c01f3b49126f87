//! Provisioning, in the sandbox's customer account.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apply;
mod owner;
