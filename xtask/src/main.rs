//! What a contributor and CI run. `xtask` depends on no crate of the workspace: it runs the built binary,
//! as a stranger would.
//!
//! `cargo xtask test` · `cargo xtask corpus` · `cargo xtask tables` · `cargo xtask differential` ·
//! `cargo xtask fuzz` · `cargo xtask prove NAME` · `cargo xtask bench NAME`

mod apt_root;
mod background;
mod bench;
mod conformance;
mod corpus;
mod differential;
mod facts;
mod fuzz;
mod marked;
mod node;
mod process;
mod prove;
mod report;
mod system;
mod tables;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "What a contributor and CI run")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need, check formatting and lints, run every test
    Test(test::Args),
    /// Fetch real firmware from Debian packages into a folder under the target directory
    Corpus(corpus::Args),
    /// Take AWS's actions, resource types and condition keys from a public package into the policy engine
    Tables(tables::Args),
    /// Compare the policy engine with an independent simulator
    Differential(differential::Args),
    /// Fuzz the policy engine, ten minutes a target; wants a nightly compiler and cargo-fuzz
    Fuzz(fuzz::Args),
    /// Run a long proof and write its figures to a page below docs/proof
    Prove(prove::Args),
    /// Compare with other tools on the same store and write the figures to a page below docs/bench
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Test(args) => test::run(args),
        Command::Corpus(args) => corpus::run(args),
        Command::Tables(args) => tables::run(args),
        Command::Differential(args) => differential::run(args),
        Command::Fuzz(args) => fuzz::run(args),
        Command::Prove(args) => prove::run(args),
        Command::Bench(args) => bench::run(args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            report::complain(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
