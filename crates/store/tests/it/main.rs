//! The store against a bucket in memory and against the sandbox.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checks;
mod checks_world;
mod conformance;
mod faults;
mod keys;
mod sessions;
mod tickets;
mod world;
