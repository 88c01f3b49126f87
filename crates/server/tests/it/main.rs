//! The server from outside: raw HTTP against it and its account.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

mod backends;
mod catalogue;
mod conventions;
mod imports;
mod jobs;
mod limited_keys;
mod links;
mod manifests;
mod oidc;
mod open_roles;
mod organizations;
mod products;
mod reaper;
mod restarts;
mod signatures;
mod slow_clients;
mod states;
mod store_faults;
mod stores;
mod tamper;
mod upload;
