//! `firmhold policy lint`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use firmhold_core::{Code, Problem};
use firmhold_iam::guide;
use firmhold_iam::lint::{self, Document, DocumentKind, Setting, Severity};

use super::{documents, report, sarif};
use crate::commands::Outcome;
use crate::printer::Printer;

/// Find what fails or harms in policies, configurations, Terraform plans and setup guides
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold policy lint role.json trust.json lifecycle.json\n  \
    aws s3api get-bucket-policy --bucket B --query Policy --output text | firmhold policy lint -\n  \
    terraform show -json plan.out | firmhold policy lint - --format sarif\n  \
    firmhold policy lint --guide setup.md --replay\n\n\
    Files given together belong together. Exit code 3: there is a finding above a note.")]
pub struct Lint {
    /// Documents, Terraform plans (`terraform show -json`), or `-` for standard input
    #[arg(value_name = "FILE", required_unless_present = "guide")]
    files: Vec<PathBuf>,
    /// What the files are [default: told by their members]
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// A setup guide (Markdown or plain text): lint its JSON blocks and commands where they stand
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["files", "kind", "bucket", "prefix", "role", "kms", "backend"]
    )]
    guide: Option<PathBuf>,
    /// Do what the guide says in a sandbox, and report where it stops
    #[arg(long, requires = "guide")]
    replay: bool,
    /// The bucket that the documents are for
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Below which firmware lies, e.g. firmhold/
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// The role that the platform assumes
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// The bucket is encrypted with SSE-KMS
    #[arg(long)]
    kms: bool,
    /// The permission and trust policies are a backend role's [default: told by what they allow]
    #[arg(long)]
    backend: bool,
    /// How to print findings (`--json` is the same as `--format json`)
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

/// Kinds that `--kind` takes.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Permission policy of a user or role
    Identity,
    /// Session policy
    Session,
    /// Trust policy of a role
    Trust,
    /// Bucket policy
    Bucket,
    /// KMS key policy
    Key,
    /// S3 lifecycle configuration
    Lifecycle,
    /// S3 replication configuration
    Replication,
    /// CloudWatch alarm
    Alarm,
    /// Default encryption of a bucket
    Encryption,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
}

impl Kind {
    fn document(self) -> DocumentKind {
        match self {
            Self::Identity => DocumentKind::Identity,
            Self::Session => DocumentKind::Session,
            Self::Trust => DocumentKind::Trust,
            Self::Bucket => DocumentKind::Bucket,
            Self::Key => DocumentKind::Key,
            Self::Lifecycle => DocumentKind::Lifecycle,
            Self::Replication => DocumentKind::Replication,
            Self::Alarm => DocumentKind::Alarm,
            Self::Encryption => DocumentKind::Encryption,
        }
    }
}

impl Lint {
    /// Lints, and prints what was found.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let format =
            if printer.is_json() && self.format == Format::Text { Format::Json } else { self.format };
        let mut linted = match &self.guide {
            Some(path) => {
                let text = documents::read(path)?;
                if text.len() > guide::MAX_BYTES {
                    let detail = format!("{} is longer than {} bytes", path.display(), guide::MAX_BYTES);
                    return Err(Problem::new(Code::LocalFile, detail).with_hint("a guide is not that long"));
                }
                report::Linted::of_guide(documents::name(path), text, guide::lint)
            }
            None => self.files()?,
        };
        if self.replay {
            self.replay(&mut linted).await?;
        }
        match format {
            Format::Text => printer.text(&linted.text()),
            Format::Json => printer.json_document(&linted.json()),
            Format::Sarif => printer.json_document(&sarif::log(&linted)),
        }
        let above = linted.findings.iter().any(|finding| finding.severity > Severity::Note);
        Ok(if above { Outcome::Findings } else { Outcome::Done })
    }

    fn files(&self) -> Result<report::Linted, Problem> {
        let mut all: Vec<Document> = Vec::new();
        let mut sources = Vec::new();
        for path in &self.files {
            let documents = documents::of_file(path, self.kind.map(Kind::document))?;
            let file = documents::name(path);
            sources.extend(documents.iter().map(|document| report::Source::of(document, &file)));
            all.extend(documents);
        }
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !prefix.ends_with('/')) {
            return Err(Problem::new(
                Code::Usage,
                format!("--prefix ends with a slash, and {prefix:?} does not"),
            ));
        }
        let setting = Setting {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            role_arn: self.role.clone(),
            backend_role: self.backend,
            kms: self.kms,
            ..Setting::default()
        };
        let findings = lint::lint(&all, &setting);
        Ok(report::Linted::of_documents(sources, findings))
    }

    #[cfg(feature = "sandbox")]
    async fn replay(&self, linted: &mut report::Linted) -> Result<(), Problem> {
        if let Some(page) = linted.sources.first() {
            linted.replay = Some(super::replay::replay(&page.text, &linted.findings).await?);
        }
        Ok(())
    }

    #[cfg(not(feature = "sandbox"))]
    async fn replay(&self, _: &mut report::Linted) -> Result<(), Problem> {
        Err(Problem::new(Code::Usage, "this build of firmhold has no sandbox to replay a guide in"))
    }
}
