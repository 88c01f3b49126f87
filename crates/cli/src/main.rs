//! `firmhold`: the one binary.

mod api_key;
mod args;
#[cfg(feature = "account")]
mod ask;
mod catalogue;
mod client;
mod commands;
#[cfg(all(feature = "sandbox", feature = "server", feature = "account"))]
mod demo;
mod download;
mod draft;
mod entries_file;
mod file_digest;
mod http_client;
mod local_file;
mod name_pattern;
mod network;
mod oidc;
mod pace;
mod part_sender;
mod positioned;
mod printer;
mod profile;
mod progress;
mod puller;
mod pusher;
mod quantity;
mod refusal;
mod retry;
mod signer;
mod snippet;
mod source_file;
#[cfg(any(feature = "sandbox", feature = "server"))]
mod standstill;
mod stop_signal;
mod trust;
mod upload;
mod watchdog;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Cli;
use crate::commands::Outcome;
use crate::printer::Printer;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(cli.global.json, cli.global.quiet, cli.global.color);
    install_logs(cli.global.verbose);
    // Already installed means that something else in this process asked for the same provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.failure(&firmhold_core::Problem::internal(error));
            return ExitCode::from(1);
        }
    };
    let code = match runtime.block_on(commands::run(cli, &printer)) {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Findings) => 3,
        Ok(Outcome::Denied) => 4,
        Err(problem) => {
            printer.failure(&problem);
            problem.exit_code()
        }
    };
    // A blocked read of a terminal must not hold the process once its answer is known.
    runtime.shutdown_background();
    ExitCode::from(code)
}

/// Logs go to standard error: warnings by default, more by `-v` or `RUST_LOG`.
fn install_logs(verbose: u8) {
    let default = match verbose {
        // s3s calls every refusal an error; the sandbox logs requests itself, with the statement that decided.
        0 => "warn,s3s=off",
        1 => "warn,s3s=off,firmhold=info,firmhold_server=info,firmhold_store=info,firmhold_sandbox=info",
        _ => "info,firmhold=debug,firmhold_server=debug,firmhold_store=debug,firmhold_sandbox=debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
