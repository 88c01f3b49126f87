//! The AWS command line client, and Python with boto3, pointed at a sandbox as a person would: by the files that
//! the sandbox wrote.

use std::ffi::OsStr;
use std::process::{Command, Output};

use serde_json::Value;

use super::child::clean;
use super::sandbox::SandboxProcess;
use super::tools;

/// Exit status of the AWS CLI when the service answered with an error: version 1, which PyPI has, says 255 for
/// what version 2 says 254.
const SERVICE_ERROR: [i32; 2] = [254, 255];

/// The client, as one profile or with the keys of one session.
pub struct Aws<'a> {
    sandbox: &'a SandboxProcess,
    identity: Vec<(String, String)>,
}

/// What a command came to.
pub struct Answer {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl<'a> Aws<'a> {
    /// As a profile of the sandbox's files.
    pub fn profile(sandbox: &'a SandboxProcess, name: &str) -> Self {
        Self { sandbox, identity: vec![("AWS_PROFILE".to_owned(), name.to_owned())] }
    }

    /// As the session that an `sts assume-role` answered with.
    pub fn session(sandbox: &'a SandboxProcess, assumed: &Value) -> Self {
        let key = |field: &str| assumed["Credentials"][field].as_str().expect("credentials").to_owned();
        let identity = vec![
            ("AWS_ACCESS_KEY_ID".to_owned(), key("AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), key("SecretAccessKey")),
            ("AWS_SESSION_TOKEN".to_owned(), key("SessionToken")),
        ];
        Self { sandbox, identity }
    }

    /// With one more variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.identity.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs `aws ARGS`.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Answer {
        let mut command = self.command("aws");
        command.args(args);
        Answer::of(command)
    }

    /// Runs a command line as it stands in a text. No word of it may hold a space.
    pub fn line(&self, line: &str) -> Answer {
        self.run(line.strip_prefix("aws ").expect("a command of the AWS CLI").split_whitespace())
    }

    /// Runs a Python program that may import boto3.
    pub fn python(&self, program: &str) -> Answer {
        let mut command = self.command("python");
        command.args(["-c", program]);
        Answer::of(command)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(tools().join("venv/bin").join(program));
        clean(&mut command, self.sandbox.folder());
        command
            .env("AWS_CONFIG_FILE", self.sandbox.config_file())
            .env("AWS_SHARED_CREDENTIALS_FILE", self.sandbox.credentials_file())
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_PAGER", "")
            .envs(self.identity.iter().map(|(name, value)| (name, value)))
            .current_dir(self.sandbox.folder());
        command
    }
}

impl Answer {
    fn of(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("the client starts");
        Self {
            status: status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// What it printed, of a command that must succeed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// The JSON that it printed, of a command that must succeed.
    #[track_caller]
    pub fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// Asserts that the service refused with this error code in this operation.
    #[track_caller]
    pub fn refused(self, code: &str, operation: &str) -> String {
        let due = format!("An error occurred ({code}) when calling the {operation} operation");
        assert!(
            SERVICE_ERROR.contains(&self.status) && self.err.contains(&due),
            "{}: {}{}",
            self.status,
            self.out,
            self.err
        );
        self.err
    }
}
