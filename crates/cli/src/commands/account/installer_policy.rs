//! `firmhold account installer-policy`.

use clap::Args;
use firmhold_core::Problem;

use super::context::ContextArgs;
use crate::commands::Outcome;
use crate::printer::Printer;

/// Print the least policy for whoever runs these commands
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account installer-policy > installer.json\n  \
    aws iam put-user-policy --user-name installer --policy-name firmhold --policy-document file://installer.json\n\n\
    It is for this spec and this account: one bucket, one role. Nothing in it deletes firmware.")]
pub struct InstallerPolicy {
    #[command(flatten)]
    context: ContextArgs,
    /// Also what `account teardown` needs
    #[arg(long)]
    teardown: bool,
}

impl InstallerPolicy {
    /// Prints it.
    ///
    /// # Errors
    /// What is wrong with the spec; credentials that lead nowhere.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let context = self.context.open(printer).await?;
        let spec = context.resolve(None, printer)?;
        printer.json_document(&firmhold_provision::installer_policy(&spec, self.teardown)?);
        Ok(Outcome::Done)
    }
}
