//! The binary from outside.

mod aws_cli;
mod curl;
mod push_pull;
mod secret;
mod support;
mod usage;
