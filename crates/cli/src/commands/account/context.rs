//! What every command of the account needs: the spec, the owner's credentials, the journal.

use std::path::{Path, PathBuf};

use clap::Args;
use firmhold_core::{Clock, Code, Problem};
use firmhold_provision::credentials::AskCode;
use firmhold_provision::{Journal, Owner, OwnerAccess, OwnerCredentials, Spec, SpecErrors, SpecFile, Trust};
use miette::Severity;

use crate::ask;
use crate::printer::Printer;
use crate::snippet::Snippet;

/// The owner's account.
#[derive(Args)]
pub struct AwsArgs {
    /// Profile of the AWS config files [default: the usual chain of credentials]
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub aws_profile: Option<String>,
    /// The code that the MFA device of the profile shows [default: asked for on a terminal]
    #[arg(long, value_name = "CODE", help_heading = "AWS")]
    pub mfa_code: Option<String>,
    /// Instead of AWS's hosts: a sandbox
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", help_heading = "AWS")]
    pub endpoint_url: Option<String>,
    /// Trust these certificate authorities too, in PEM
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE", help_heading = "AWS")]
    pub ca_bundle: Option<PathBuf>,
}

impl AwsArgs {
    /// How to reach the account, for a bucket in `region`.
    pub fn access(&self, region: &str) -> OwnerAccess {
        OwnerAccess {
            region: region.to_owned(),
            endpoint_url: self.endpoint_url.clone(),
            ca_bundle: self.ca_bundle.clone(),
            credentials: match &self.aws_profile {
                Some(name) => OwnerCredentials::Profile(name.clone()),
                None => OwnerCredentials::Default,
            },
            clock: Clock::system(),
        }
    }

    fn asker<'a>(&'a self, printer: &'a Printer) -> Asker<'a> {
        Asker { given: self.mfa_code.as_deref(), printer }
    }
}

/// The account, for commands that know of no bucket.
#[derive(Args)]
pub struct AnywhereArgs {
    #[command(flatten)]
    aws: AwsArgs,
    /// The region whose endpoints are asked
    #[arg(
        long,
        env = "AWS_REGION",
        value_name = "REGION",
        default_value = "us-east-1",
        help_heading = "AWS"
    )]
    region: String,
}

impl AnywhereArgs {
    /// How to reach the account.
    pub fn access(&self) -> OwnerAccess {
        self.aws.access(&self.region)
    }

    /// The account.
    ///
    /// # Errors
    /// Credentials that lead nowhere.
    pub async fn open(&self, printer: &Printer) -> Result<Owner, Problem> {
        Owner::open(&self.access(), &self.asker(printer)).await
    }

    /// Whom to ask for the code of an MFA device.
    pub fn asker<'a>(&'a self, printer: &'a Printer) -> Asker<'a> {
        self.aws.asker(printer)
    }
}

/// Whoever sits at the terminal.
pub struct Asker<'a> {
    given: Option<&'a str>,
    printer: &'a Printer,
}

impl AskCode for Asker<'_> {
    fn ask(&self, device: &str) -> Option<String> {
        let question = format!("The code that {device} shows:");
        self.given.map(str::to_owned).or_else(|| ask::line(self.printer, &question, "--mfa-code CODE").ok())
    }
}

/// The spec and the account that it is for.
#[derive(Args)]
pub struct ContextArgs {
    /// What is to be there
    #[arg(long, value_name = "FILE", default_value = "backend.toml")]
    pub spec: PathBuf,
    /// The owner's account.
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// All three, opened.
pub struct Context {
    /// The spec as it was written.
    pub file: SpecFile,
    /// The account.
    pub owner: Owner,
    /// What was done before.
    pub journal: Journal,
}

impl ContextArgs {
    /// Reads the spec, asks whose the credentials are, opens the journal beside the spec.
    ///
    /// # Errors
    /// What is wrong with the file, shown with its lines; credentials that lead nowhere.
    pub async fn open(&self, printer: &Printer) -> Result<Context, Problem> {
        let (file, _) = read_spec(&self.spec, printer)?;
        let access = self.aws.access(file.region());
        let journal = Journal::open(&journal_path(&self.spec), access.clock.clone())?;
        let owner = Owner::open(&access, &self.aws.asker(printer)).await?;
        Ok(Context { file, owner, journal })
    }
}

impl Context {
    /// The spec for this account, with whom the platform says to trust.
    ///
    /// # Errors
    /// What is wrong with the file, shown with its lines.
    pub fn resolve(&self, trust: Option<Trust>, printer: &Printer) -> Result<Spec, Problem> {
        self.file.resolve(&self.owner.place(), trust).map_err(|errors| refuse(&errors, printer))
    }
}

/// The spec as it was written, and as far as it says without credentials.
///
/// # Errors
/// What is wrong with the file, shown with its lines.
pub fn read_spec(path: &Path, printer: &Printer) -> Result<(SpecFile, Spec), Problem> {
    let file = SpecFile::read(path)?.map_err(|errors| refuse(&errors, printer))?;
    let spec = file.check().map_err(|errors| refuse(&errors, printer))?;
    Ok((file, spec))
}

/// `backend.toml` has `backend.journal.json` beside it.
fn journal_path(spec: &Path) -> PathBuf {
    spec.with_extension("journal.json")
}

/// Shows each error in its lines; programs get them by field.
fn refuse(errors: &SpecErrors, printer: &Printer) -> Problem {
    if printer.is_json() {
        return errors.clone().into();
    }
    for error in &errors.errors {
        let (line, column) = errors.place(error);
        let name = errors.file.display().to_string();
        printer.snippet(&Snippet {
            severity: Severity::Error,
            code: "spec",
            message: &error.says,
            name: &name,
            text: &errors.text,
            line,
            column,
            path: &error.field,
            help: error.hint.clone(),
        });
    }
    let count = errors.errors.len();
    let noun = if count == 1 { "error" } else { "errors" };
    Problem::new(Code::Usage, format!("{count} {noun} in {}", errors.file.display()))
}
