//! The sandbox from outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access_log;
mod aws_cli;
mod cloudtrail;
mod cloudwatch;
mod decisions;
mod events;
mod facts;
mod faults;
mod harness;
mod iam;
mod iam_account;
mod kms;
mod kms_s3;
mod organization;
mod raw;
mod s3_buckets;
mod s3_configurations;
mod s3_lifecycle;
mod s3_multipart;
mod s3_objects;
mod s3_replication;
mod s3_storage;
mod s3_support;
mod sns;
mod sts;
mod wire;
