//! The sandbox from outside.

mod s3_storage;
