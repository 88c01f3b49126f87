//! The binary from outside.

mod aws_cli;
mod curl;
mod support;
