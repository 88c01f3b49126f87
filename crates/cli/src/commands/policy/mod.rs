//! `firmhold policy`: the policy language on this machine, without any account.

pub(super) mod documents;
mod explain;
mod generate;
mod lint;
#[cfg(feature = "sandbox")]
mod replay;
mod report;
mod sarif;
mod simulate;

use clap::Subcommand;
use firmhold_core::Problem;

use super::Outcome;
use crate::printer::Printer;

/// Read, test and write AWS policies, without an account
#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Find what fails or harms in policies, configurations, Terraform plans and setup guides
    Lint(lint::Lint),
    /// Decide a request as AWS would, and say which statement decided
    Simulate(simulate::Simulate),
    /// Say what an AccessDenied text means, and what to ask for
    Explain(explain::Explain),
    /// Print a policy that a backend needs
    #[command(subcommand)]
    Generate(generate::Generate),
}

impl PolicyCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// A file that cannot be read, or arguments that make no sense.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self {
            Self::Lint(lint) => lint.run(printer).await,
            Self::Simulate(simulate) => simulate.run(printer),
            Self::Explain(explain) => explain.run(printer),
            Self::Generate(generate) => generate.run(printer),
        }
    }
}
