//! `firmhold account init`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use firmhold_core::{Code, Problem};
use firmhold_provision::SpecFile;
use firmhold_provision::naming::{self, Parts, Pattern, Use};
use serde_json::json;

use crate::ask;
use crate::commands::Outcome;
use crate::printer::Printer;

/// Write a backend.toml: what is to be there
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account init                                  (asks)\n  \
    firmhold account init --name prod --bucket acme-firmware-prod-7f3kq2 --region us-west-2\n  \
    firmhold account init --name prod --company Acme --region us-west-2    (makes a name for the bucket)\n  \
    firmhold account init --name prod --bucket acme-fw --region eu-west-1 --encryption sse-kms --key KEY_ARN\n\n\
    Nothing but the file is written. Next: firmhold account plan")]
pub struct Init {
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "backend.toml")]
    spec: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// The backend's name at the platform: 1 to 10 of a-z, 0-9 and -
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The bucket, made if it is not there
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Whose bucket it is: makes a name for it, with a random ending (more ways: `firmhold account name`)
    #[arg(long, value_name = "NAME", conflicts_with = "bucket")]
    company: Option<String>,
    /// The bucket's region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Below which firmware lies
    #[arg(long, value_name = "PREFIX", default_value = "firmhold/")]
    prefix: String,
    /// How objects are encrypted
    #[arg(long, value_enum, value_name = "MODE", default_value = "sse-s3")]
    encryption: Encryption,
    /// The KMS key's ARN with `--encryption sse-kms`, or `make`
    #[arg(long, value_name = "ARN", required_if_eq("encryption", "sse-kms"))]
    key: Option<String>,
    /// The role's name
    #[arg(long, value_name = "NAME", default_value = "FirmholdBackend")]
    role: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Encryption {
    SseS3,
    SseKms,
}

impl Init {
    /// Asks for what was not said, and writes.
    ///
    /// # Errors
    /// [`Code::Usage`] when nobody can be asked or an answer is none; [`Code::LocalFile`].
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let answer = |given: &Option<String>, question: &str, option: &str| match given {
            Some(text) => Ok(text.clone()),
            None => ask::line(printer, question, option),
        };
        let name = answer(&self.name, "Short name of the backend, such as prod:", "--name NAME")?;
        let bucket = match &self.company {
            Some(company) => made_name(company, &name)?,
            None => answer(&self.bucket, "Name of the bucket:", "--bucket NAME, or --company NAME")?,
        };
        let region = answer(&self.region, "Region of the bucket, near your devices:", "--region REGION")?;
        let text = self.text(&name, &bucket, &region);
        let file = SpecFile::parse(&self.spec, text.clone()).map_err(Problem::from)?;
        file.check().map_err(Problem::from)?;
        write(&self.spec, &text, self.force)?;
        let report = json!({ "spec": self.spec, "name": name, "bucket": bucket, "region": region });
        printer.result(&report, |_| format!("wrote {}", self.spec.display()));
        let option = if self.spec == Path::new("backend.toml") {
            String::new()
        } else {
            format!(" --spec {}", self.spec.display())
        };
        printer.note(&format!("Next: firmhold account plan{option}"));
        Ok(Outcome::Done)
    }

    fn text(&self, name: &str, bucket: &str, region: &str) -> String {
        let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
        let mut out = String::new();
        let _ = writeln!(out, "# What is to be there in your AWS account. Every field: docs/account.md.");
        let _ = writeln!(out, "version = 1");
        let _ = writeln!(out, "name = {}", text(name));
        let _ = writeln!(
            out,
            "\n[bucket]\nname = {}\nregion = {}\nprefix = {}",
            text(bucket),
            text(region),
            text(&self.prefix)
        );
        match (self.encryption, &self.key) {
            (Encryption::SseKms, Some(key)) => {
                let _ = writeln!(out, "\n[encryption]\nmode = \"sse-kms\"\nkey = {}", text(key));
            }
            _ => {
                let _ = writeln!(out, "\n[encryption]\nmode = \"sse-s3\"");
            }
        }
        let _ = writeln!(out, "\n[role]\nname = {}", text(&self.role));
        out
    }
}

/// A bucket's name by the usual pattern, which others do not guess.
fn made_name(company: &str, environment: &str) -> Result<String, Problem> {
    let parts = Parts {
        company: company.to_owned(),
        purpose: super::name::PURPOSE.to_owned(),
        environment: Some(environment.to_owned()),
        region: None,
    };
    let suffix = super::name::suffix()?;
    Ok(naming::propose(&Pattern::fitting(&parts), &parts, Some(&suffix), Use::default())?.name)
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return Problem::new(Code::LocalFile, format!("{} is there already", path.display()))
                .with_hint("Another file: --spec FILE. Replace it: --force");
        }
        Problem::new(Code::LocalFile, format!("cannot write {}: {error}", path.display()))
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    let mut file = if force { options.create(true).truncate(true) } else { options.create_new(true) }
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
