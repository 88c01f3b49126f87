//! Backends: their rows and settings, what a verification does to them, and what of them must be unique.

pub mod change;
pub mod external_id;
pub mod policies;
mod row;
pub mod settings;
pub mod state;
pub mod uniqueness;
pub mod usage;
pub mod verification;

pub use row::{BackendRow, RunLease, SELECT, random_external_id};
