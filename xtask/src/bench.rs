//! `cargo xtask bench NAME`: how fast, beside the tools that people use now, on the same store in the same run.
//! Each writes a page below docs/bench, which is committed, and the README's table is made from it. Never a test:
//! a busy machine must not turn anything red.

mod client;
mod load;
mod measure;
mod platform;
mod policy;
mod push;
mod statistics;
pub mod store;

use std::process::ExitCode;

use anyhow::Result;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    which: Which,
}

#[derive(clap::Subcommand)]
enum Which {
    /// Push and pull of 1 GiB and of 1,000 files, beside rclone, s5cmd and the AWS CLI
    Push(push::Args),
    /// What one decision of the policy engine costs
    Policy(policy::Args),
}

/// Runs one. Exit status 1 if a budget was exceeded; the page is written all the same.
pub fn run(args: Args) -> Result<ExitCode> {
    match args.which {
        Which::Push(args) => push::run(args),
        Which::Policy(args) => policy::run(&args),
    }
}
