//! Firmhold's server, with one active backend in a store.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::store::Store;
use crate::background::Background;
use crate::process::{self, command};

/// A running server and what a client of it needs.
pub struct Platform {
    server: Background,
    binary: PathBuf,
    folder: PathBuf,
    url: String,
    api_key: String,
    direct: bool,
}

impl Platform {
    /// Starts a server below `scratch`, and registers the store's bucket with it.
    pub fn start(binary: &Path, store: &Store, scratch: &Path) -> Result<Self> {
        let folder = scratch.join("platform");
        std::fs::create_dir_all(&folder)?;
        let data = folder.join("data");
        let mut create = command(binary);
        let made: Value = json(create.args(["org", "create", "Bench", "--json", "--data"]).arg(&data))?;
        let api_key = made["api_key"].as_str().context("`org create` prints no key")?.to_owned();
        let mut serve = command(binary);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--json", "--data"]);
        // The store listens on loopback, without TLS.
        serve.env("FIRMHOLD_ALLOW_PRIVATE_ENDPOINTS", "true");
        // Named, but never assumed: the backend has a key pair.
        serve.env("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", "arn:aws:iam::999999999999:role/firmhold-platform");
        let mut server = Background::start(serve.arg(&data))?;
        let url = server.next()?["url"].as_str().context("`serve` names no URL")?.to_owned();
        let mut platform = Self { server, binary: binary.to_owned(), folder, url, api_key, direct: false };
        platform.direct = platform.register(store)?;
        Ok(platform)
    }

    /// The built program.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The release engineer's key.
    pub fn private_key(&self) -> PathBuf {
        self.folder.join("release.pem")
    }

    /// What devices trust.
    pub fn public_key(&self) -> PathBuf {
        self.folder.join("release.pub.pem")
    }

    /// The server's process.
    pub fn process(&self) -> u32 {
        self.server.id()
    }

    /// Whether parts go straight to the store, as verification found it.
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Tells a command where the server is and who calls.
    pub fn connect(&self, mut command: Command) -> Command {
        command.env("FIRMHOLD_URL", &self.url).env("FIRMHOLD_API_KEY", &self.api_key);
        command
    }

    /// Signing key and backend, as the owner of a store sets them up. Whether parts go straight to it.
    fn register(&self, store: &Store) -> Result<bool> {
        let run = |args: &[&str]| json(self.firmhold().args(args).arg("--json"));
        json(
            self.firmhold()
                .args(["signing-key", "generate", "--add", "bench", "--json", "--out"])
                .arg(self.private_key()),
        )?;
        let (access_key_id, secret_access_key) = store.keys();
        let keys =
            serde_json::json!({ "access_key_id": access_key_id, "secret_access_key": secret_access_key });
        let file = self.folder.join("keys.json");
        std::fs::write(&file, keys.to_string())?;
        json(
            command(&self.binary)
                .args(["secret", "put", "keys", "--json", "--file"])
                .arg(&file)
                .arg("--data")
                .arg(self.folder.join("data")),
        )?;
        let place = ["--bucket", Store::BUCKET, "--region", store.region(), "--endpoint-url", store.url()];
        let way_in = ["--credentials", "keys", "--path-style", "--no-encryption"];
        run(&[&["backend", "add", "bench"], &place[..], &way_in[..]].concat())?;
        run(&["backend", "verify", "bench"])?;
        let backend = run(&["backend", "show", "bench"])?;
        if backend["state"] != "active" {
            bail!("{} does not do for this: {backend}", store.name());
        }
        Ok(backend["upload_mode"] == "direct")
    }

    fn firmhold(&self) -> Command {
        self.connect(command(&self.binary))
    }
}

fn json(command: &mut Command) -> Result<Value> {
    let said = process::capture(command)?;
    serde_json::from_str(&said)
        .with_context(|| format!("`{}` prints no JSON: {said}", process::shown(command)))
}
