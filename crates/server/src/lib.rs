//! The platform: records of backends and binaries, the jobs that prove and describe them, and the links that devices
//! follow. It holds no state that a restart loses; the bytes are in the owners' buckets.

pub mod api;
mod api_key;
pub mod app;
pub mod backends;
pub mod binaries;
pub mod catalogue;
pub mod config;
mod connections;
pub mod content;
pub mod db;
pub mod device;
mod durable;
pub mod events;
pub mod host_secrets;
pub mod imports;
pub mod jobs;
mod leftover;
mod master_key;
pub mod oidc;
pub mod organization;
mod private_address;
mod recovery;
pub mod secrets;
mod serve;

pub use app::{App, ServerKeys};
pub use config::Config;
pub use organization::{create_api_key, create_organization};
pub use serve::{Running, serve};
