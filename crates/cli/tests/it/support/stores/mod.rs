//! Stores that speak S3 and were written by others, each on loopback with an empty bucket; and what a client that
//! was written by others finds out about them.

mod ceph;
mod moto;
mod s3s_fs;

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

use super::child::clean;
use super::sandbox::SandboxProcess;
use super::tools;

/// The bucket that each of them has.
pub const BUCKET: &str = "acme-firmware";

/// A running store.
pub struct ForeignStore {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// What requests are signed for.
    pub region: &'static str,
    /// The access key's id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// Whether it knows `AES256` and says so; where it does not, encryption is none of Firmhold's business.
    pub encrypts: bool,
    /// What a backend has to be below, where the default is too long for the store.
    pub prefix: Option<&'static str>,
    folder: TempDir,
    // Dropped in this order: what was started last goes first.
    _running: Vec<Box<dyn std::any::Any>>,
}

/// What boto3 finds: independent of our own verification, which must come to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Probed {
    /// A part whose SHA-256 is not the declared one is refused.
    pub refuses_a_wrong_part: bool,
    /// A part's SHA-256 is in the list of parts.
    pub lists_part_checksums: bool,
}

impl Probed {
    /// Whether a client may send parts straight to it.
    pub fn is_direct(self) -> bool {
        self.refuses_a_wrong_part && self.lists_part_checksums
    }
}

impl ForeignStore {
    /// moto, which answers as AWS in memory and checks little.
    pub fn moto() -> Self {
        moto::start()
    }

    /// `s3s-fs`, a folder as a bucket.
    pub fn s3s_fs() -> Self {
        s3s_fs::start()
    }

    /// Ceph's gateway, over one monitor and one OSD that keeps everything in memory.
    pub fn ceph() -> Self {
        ceph::start()
    }

    /// Our own sandbox, entered with its administrator's key instead of a role.
    pub fn sandbox() -> Self {
        let sandbox = SandboxProcess::start();
        let text = std::fs::read_to_string(sandbox.credentials_file()).expect("credentials");
        let value = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
            value.expect("a key").trim().to_owned()
        };
        let (access_key, secret_key) = (value("aws_access_key_id"), value("aws_secret_access_key"));
        Self {
            url: sandbox.http_url().to_owned(),
            region: "us-west-2",
            access_key,
            secret_key,
            encrypts: true,
            prefix: None,
            folder: folder(),
            _running: vec![Box::new(sandbox)],
        }
        .with_bucket()
    }

    /// A folder that goes with the store.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks with boto3. What it makes below `firmhold-probe/`, it removes.
    pub fn probe(&self) -> Probed {
        let said = self.python(include_str!("probe.py"));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    fn with_bucket(self) -> Self {
        self.python(include_str!("make_bucket.py"));
        self
    }

    /// Runs a program that finds the store in its environment.
    fn python(&self, program: &str) -> String {
        let mut python = Command::new(tools().join("venv/bin/python"));
        clean(&mut python, self.folder());
        python
            .args(["-c", program])
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", &self.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_key)
            .env("AWS_DEFAULT_REGION", self.region)
            .env("BUCKET", BUCKET);
        let output = python.output().expect("Python starts");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        out.into_owned()
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
