//! `cargo xtask prove NAME`: what takes too long for every commit. Each proof writes a page below docs/proof
//! with the commit, the command and the figures, and that page is committed.

mod differential;
mod fuzz;
mod guide;
mod import;
mod interrupted;
mod stores;
mod true_path;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::facts;
use crate::report::say;
use crate::workspace::Workspace;

/// Options of `cargo xtask prove`.
#[derive(clap::Args)]
pub struct Args {
    /// Which proof
    name: Proof,
    /// Where random choices begin [default: somewhere else each time]
    #[arg(long)]
    seed: Option<u64>,
    /// Options of `guide`
    #[command(flatten)]
    guide: guide::GuideArgs,
}

/// The proofs there are.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Proof {
    /// The journey on real firmware, the AWS CLI, and the memory of a push of 1 GiB
    TruePath,
    /// The fuzz targets of the policy engine, ten minutes each
    Fuzz,
    /// The policy engine against an independent simulator: three seeds, 20,000 cases each
    Differential,
    /// 2,000 objects in three habits, imported by a server that is killed twice
    Import,
    /// Push, pull and server killed at every kill point and at random moments, and run again
    Interrupted,
    /// The setup guide that Firmhold replaces: what the linter finds, and where a reader stops
    Guide,
    /// Every store through verify, push, link and pull, and the table of what each lacks
    Stores,
}

impl Proof {
    fn name(self) -> &'static str {
        match self {
            Self::TruePath => "true-path",
            Self::Fuzz => "fuzz",
            Self::Differential => "differential",
            Self::Import => "import",
            Self::Interrupted => "interrupted",
            Self::Guide => "guide",
            Self::Stores => "stores",
        }
    }
}

/// Runs one. Its page is written even if it fails, and says so.
pub fn run(args: Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut page = Page::begin(args.name, &workspace)?;
    match args.name {
        Proof::TruePath => true_path::prove(&workspace, &mut page)?,
        Proof::Fuzz => fuzz::prove(&workspace, &mut page)?,
        Proof::Differential => differential::prove(&workspace, &mut page)?,
        Proof::Import => import::prove(&workspace, &mut page)?,
        Proof::Interrupted => interrupted::prove(&workspace, &mut page, args.seed)?,
        Proof::Guide => guide::prove(&workspace, &mut page, &args.guide)?,
        Proof::Stores => stores::prove(&workspace, &mut page)?,
    }
    page.write(&workspace)
}

/// A page of evidence.
pub struct Page {
    proof: Proof,
    text: String,
    failures: Vec<String>,
}

impl Page {
    fn begin(proof: Proof, workspace: &Workspace) -> Result<Self> {
        let mut page = Self { proof, text: String::new(), failures: Vec::new() };
        page.line(format_args!("# Proof: {}\n", proof.name()));
        page.line("Written by a run, not by hand.\n");
        for line in facts::lines(workspace, &format!("cargo xtask prove {}", proof.name()))? {
            page.line(line);
        }
        Ok(page)
    }

    /// A line of the page.
    pub fn line(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{line}");
    }

    /// A heading, also on the terminal.
    pub fn heading(&mut self, text: &str) {
        say(format_args!("\n== {text}"));
        self.line(format_args!("\n## {text}\n"));
    }

    /// Notes that something did not hold.
    pub fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        say(format_args!("FAILED: {what}"));
        self.failures.push(what);
    }

    fn write(mut self, workspace: &Workspace) -> Result<ExitCode> {
        let failures = std::mem::take(&mut self.failures);
        self.line("\n## Verdict\n");
        if failures.is_empty() {
            self.line("Everything held.");
        }
        for failure in &failures {
            self.line(format_args!("- FAILED: {failure}"));
        }
        let folder = workspace.root.join("docs/proof");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.md", self.proof.name()));
        std::fs::write(&file, &self.text).with_context(|| file.display().to_string())?;
        say(format_args!("\nwrote {}", file.display()));
        Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
