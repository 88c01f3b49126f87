//! Imports: objects that are in a backend's bucket already become binaries (API contract 4.7).
//!
//! An import is listed and mapped page by page ([`list`]), and each entry then goes its way alone ([`adopt`]): looked
//! at, read once if its hash is not known, copied by the store to a key of its own, and handed to the hash job. Every
//! step ends in a transaction, and what a crash leaves between two of them is found again by what is in the bucket.

pub mod access;
pub mod adopt;
pub mod entry;
pub mod list;
mod mapper;
mod place;
mod read;
mod row;

pub use entry::EntryRow;
pub use mapper::Mapper;
pub use row::{ImportRow, SELECT, is_running, running};
