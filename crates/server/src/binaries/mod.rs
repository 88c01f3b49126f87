//! Binaries: their records, their way from upload to signature, and the parts that they are uploaded in.

mod create;
pub mod links;
mod locks;
pub mod manifest;
pub mod part_upload;
pub mod parts;
mod record;
pub mod signatures;
pub mod steps;
pub mod upload;

pub use create::create;
pub use locks::BinaryLocks;
pub use record::{BinaryRow, CONTENT_STATE, NewBinary, SELECT};
