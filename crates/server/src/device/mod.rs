//! What devices ask for: download links.

pub mod conditional;
pub mod link;
mod proxy;
pub mod range;
pub mod revocation;
