//! The platform: records of backends and binaries, the jobs that prove and describe them, and the links that devices
//! follow. It holds no state that a restart loses; the bytes are in the owners' buckets.

pub mod api;
pub mod app;
pub mod backends;
pub mod config;
pub mod db;
pub mod events;
pub mod jobs;
mod api_key;
mod master_key;
pub mod organization;
mod serve;

pub use app::{App, ServerKeys};
pub use config::Config;
pub use organization::{create_api_key, create_organization};
pub use serve::{Running, serve};
