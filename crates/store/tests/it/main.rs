//! The store against a bucket in memory and against the sandbox.

mod conformance;
mod faults;
mod sessions;
mod tickets;
mod world;
