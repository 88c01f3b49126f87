//! A server that knows no AWS account: its one backend is an S3-compatible store, entered with a key pair.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::child::{Running, firmhold};
use super::stores::{BUCKET, ForeignStore};

/// A running server with one active backend, `own`.
pub struct KeyedPlatform {
    server: Running,
    api_key: String,
    folder: TempDir,
}

impl KeyedPlatform {
    /// Starts it, keeps the store's key pair as a secret, registers the bucket and verifies it.
    pub fn start(store: &ForeignStore) -> Self {
        let platform = Self::unverified(store, store.prefix);
        platform.ok(&["backend", "verify", "own"]);
        platform
    }

    /// The same without the verification, with the backend below `prefix`.
    pub fn unverified(store: &ForeignStore, prefix: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("platform");
        let mut create = firmhold(folder.path());
        create.args(["org", "create", "Acme", "--json", "--data"]).arg(&data);
        let api_key = json_of(&mut create)["api_key"].as_str().expect("a key").to_owned();
        let mut serve = firmhold(folder.path());
        serve
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--json", "--data"])
            .arg(&data)
            // Named, but never assumed: no backend has a role.
            .env("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", "arn:aws:iam::999999999999:role/firmhold-platform")
            .env("FIRMHOLD_ALLOW_PRIVATE_ENDPOINTS", "true");
        let server = Running::start(&mut serve);
        let platform = Self { server, api_key, folder };
        let keys = json!({ "access_key_id": store.access_key, "secret_access_key": store.secret_key });
        let file = platform.file("keys.json", keys.to_string().as_bytes());
        let mut put = firmhold(platform.folder.path());
        put.args(["secret", "put", "keys", "--json", "--file"]).arg(file).arg("--data").arg(&data);
        json_of(&mut put);
        let place = ["--bucket", BUCKET, "--region", store.region, "--endpoint-url", &store.url];
        let encryption: &[&str] = if store.encrypts { &[] } else { &["--no-encryption"] };
        let mut add = [&["backend", "add", "own", "--credentials", "keys"], &place[..], encryption].concat();
        add.extend(prefix.iter().flat_map(|prefix| ["--prefix", *prefix]));
        platform.ok(&add);
        platform
    }

    /// The folder in which commands run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A name in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// A file with these bytes there.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// The bytes of a file there.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("a file")
    }

    /// What `firmhold ARGS --json` prints, of a command that must succeed.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Value {
        json_of(&mut self.command(args))
    }

    /// Exit status and JSON of `firmhold ARGS --json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let output = self.command(args).output().expect("the binary starts");
        let out = String::from_utf8_lossy(&output.stdout);
        let json = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
        (output.status.code(), json)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = firmhold(self.folder());
        command
            .env("FIRMHOLD_URL", self.server.said("url"))
            .env("FIRMHOLD_API_KEY", &self.api_key)
            // A store that fails for good is to be heard of before the test's own end.
            .env("FIRMHOLD_GIVE_UP_AFTER", "30s")
            .current_dir(self.folder())
            .args(args)
            .arg("--json");
        command
    }
}

#[track_caller]
fn json_of(command: &mut Command) -> Value {
    let output = command.output().expect("the binary starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}
