//! Provisioning, in the sandbox's customer account.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apply;
mod cost;
mod doctor;
mod handoff;
mod installer;
mod interrupted;
mod key;
mod lived_in;
mod owner;
mod plan_file;
mod region;
mod settings;
mod spec_file;
mod teardown;
mod trust;
