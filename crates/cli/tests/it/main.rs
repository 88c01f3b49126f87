//! The binary from outside.

mod account;
mod aws_cli;
mod curl;
mod import;
mod interrupted;
mod local_trouble;
mod oidc;
mod owner_credentials;
mod owner_tools;
mod policy;
mod push_pull;
mod resume;
mod role_requests;
mod secret;
mod store_faults;
mod stores;
mod support;
mod usage;
