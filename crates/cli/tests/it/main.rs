//! The binary from outside.

mod aws_cli;
mod curl;
mod oidc;
mod push_pull;
mod secret;
mod support;
mod usage;
