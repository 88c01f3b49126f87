//! `firmhold completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use firmhold_core::Problem;

use super::Outcome;
use crate::args::Cli;
use crate::printer::Printer;

/// Print a shell's completion script
#[derive(Args)]
#[command(
    after_help = "Example: firmhold completions bash > ~/.local/share/bash-completion/completions/firmhold"
)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// None.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "firmhold", &mut script);
        printer.text(&String::from_utf8_lossy(&script));
        Ok(Outcome::Done)
    }
}
