//! The catalogue: what is released, in which versions, and by whose keys.

pub mod artifact;
pub mod artifact_version;
pub mod product;
pub mod record;
pub mod signing_key;
