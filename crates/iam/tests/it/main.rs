//! The engine, from outside.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails, as it should")]

mod aws_examples;
mod catalogue;
mod decisions;
mod differential;
mod evaluation;
mod explain;
mod generators;
mod guide;
mod lint;
mod lint_docs;
mod lint_plans;
mod minimality;
mod operators;
mod parser;
mod properties;
mod sent;
mod support;
mod tables;
