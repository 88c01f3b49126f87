//! `firmhold account handoff`.

use std::path::PathBuf;

use clap::Args;
use firmhold_core::{Clock, Problem};
use firmhold_provision::handoff::{Request, message};
use serde::Serialize;

use super::context;
use crate::commands::Outcome;
use crate::commands::policy::documents;
use crate::printer::Printer;

/// Write the message that asks a hosted platform for a backend
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold account handoff handoff.toml\n  \
    firmhold account handoff handoff.toml --go-live 2027-01-15 --short-name prod\n  \
    firmhold account handoff --spec backend.toml --organization org-4711 --name 'Ada Lovelace' --contact ada@acme.example \
    --traffic '2 TB a month' --go-live 2027-01-15\n\n\
    docs/account-handoff.md shows the file. Options replace what it says. Fields that are missing or wrong are all named.\n\
    No external ID is in the message: the platform makes one, and it does not travel by mail.")]
pub struct Handoff {
    /// What the platform has to be told, TOML or JSON; `-` for standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Take bucket, region, role and what else it says from this backend.toml
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The organization, as the platform knows it
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// Who writes
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Whom to ask back
    #[arg(long, value_name = "MAIL")]
    contact: Option<String>,
    /// The bucket
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Its region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The role that the platform is to assume
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// What the platform is to call the backend, ten characters at most; not the role's name
    #[arg(long, value_name = "NAME")]
    short_name: Option<String>,
    /// Where the replica is
    #[arg(long, value_name = "REGION")]
    secondary_region: Option<String>,
    /// SSE-S3 or SSE-KMS
    #[arg(long, value_name = "MODE")]
    encryption: Option<String>,
    /// Lifecycle rules are on
    #[arg(long)]
    lifecycle: bool,
    /// The bucket keeps versions
    #[arg(long)]
    versioning: bool,
    /// The bucket is replicated
    #[arg(long)]
    replication: bool,
    /// Devices are to download through a CDN
    #[arg(long)]
    cdn: bool,
    /// More than one region is to serve devices
    #[arg(long)]
    multi_region: bool,
    /// How much, e.g. '2 TB a month to 5,000 devices'
    #[arg(long, value_name = "TEXT")]
    traffic: Option<String>,
    /// From when, e.g. 2027-01-15
    #[arg(long, value_name = "DATE")]
    go_live: Option<String>,
}

#[derive(Serialize)]
struct HandedOff<'a> {
    request: &'a Request,
    message: String,
}

impl Handoff {
    /// Checks and writes.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let mut request = match &self.file {
            Some(path) => Request::parse(&documents::read(path)?)?,
            None => Request::default(),
        };
        let spec = self.spec.as_deref().map(|path| context::read_spec(path, printer)).transpose()?;
        self.put_into(&mut request);
        if let Some((_, spec)) = &spec {
            request.fill_from(spec);
        }
        request.check(Clock::system().now())?;
        let handed = HandedOff { message: message(&request), request: &request };
        printer.result(&handed, |handed| handed.message.clone());
        Ok(Outcome::Done)
    }

    fn put_into(self, request: &mut Request) {
        for (own, field) in [
            (self.organization, &mut request.organization),
            (self.name, &mut request.name),
            (self.contact, &mut request.contact),
            (self.bucket, &mut request.bucket),
            (self.region, &mut request.region),
            (self.role_arn, &mut request.role_arn),
            (self.short_name, &mut request.short_name),
            (self.encryption, &mut request.encryption),
            (self.traffic, &mut request.traffic),
            (self.go_live, &mut request.go_live),
        ] {
            if let Some(own) = own {
                *field = own;
            }
        }
        request.secondary_region = self.secondary_region.or(request.secondary_region.take());
        request.lifecycle |= self.lifecycle;
        request.versioning |= self.versioning;
        request.replication |= self.replication;
        request.cdn |= self.cdn;
        request.multi_region |= self.multi_region;
    }
}
