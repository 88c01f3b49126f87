//! The engine, from outside.
#![allow(clippy::indexing_slicing, reason = "a test that indexes wrongly fails, as it should")]

mod catalogue;
mod decisions;
mod differential;
mod evaluation;
mod generators;
mod minimality;
mod operators;
mod parser;
mod properties;
mod support;
mod tables;
