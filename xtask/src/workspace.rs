//! Where the project lies and where it is built.

use std::path::PathBuf;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use crate::process;

/// The root of the checkout and the target directory, wherever `CARGO_TARGET_DIR` or a config puts it.
pub struct Workspace {
    /// Folder of the root `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// Names of the workspace's packages, sorted.
    pub packages: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub fn find() -> Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
        let mut packages: Vec<String> =
            metadata.packages.iter().map(|package| package.name.to_string()).collect();
        packages.sort();
        Ok(Self { root: metadata.workspace_root.into(), target: metadata.target_directory.into(), packages })
    }

    /// Builds `firmhold` as it is shipped, and says where it lies.
    pub fn release_binary(&self) -> Result<PathBuf> {
        let mut cargo = process::cargo(&self.root);
        process::run(cargo.args(["build", "--release", "--locked", "--package", "firmhold"]))?;
        Ok(self.target.join("release/firmhold"))
    }

    /// The commit that is checked out, and whether the work tree differs from it.
    pub fn commit(&self) -> Result<String> {
        let git =
            |args: &[&str]| process::capture(process::command("git").current_dir(&self.root).args(args));
        let commit = git(&["rev-parse", "HEAD"])?.trim().to_owned();
        let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty();
        Ok(if changed { format!("{commit} and uncommitted changes") } else { commit })
    }
}
