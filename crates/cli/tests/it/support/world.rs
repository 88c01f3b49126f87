//! A platform with one active backend, without any client of others: the sandbox lives in the test's own process, so
//! that a test can go behind its back.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use firmhold_core::{Backend, Clock, Prefix, Secret};
use firmhold_provision::{OwnerAccess, OwnerCredentials, Spec};
use firmhold_sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::child::{Running, firmhold};

/// The customer's bucket.
pub const BUCKET: &str = "acme-firmware";
const REGION: &str = "us-west-2";
/// The backend's role.
pub const ROLE: &str = "FirmholdBackend";

/// What runs, and where its files are.
pub struct World {
    /// The AWS accounts.
    pub sandbox: Sandbox,
    server: Running,
    api_key: String,
    folder: TempDir,
    options: Options,
    _runtime: Runtime,
}

/// What a command came to.
pub struct Answer {
    /// Exit status.
    pub status: i32,
    /// The JSON that it printed.
    pub json: Value,
}

/// What a world can be started with.
#[derive(Default)]
pub struct Options {
    /// What imports may read.
    pub import_prefix: Option<&'static str>,
    /// Requests that the sandbox remembers, if more than usual.
    pub request_log: Option<usize>,
    /// Environment of the server.
    pub server: Vec<(&'static str, String)>,
    /// Whether the account stays empty and no backend is registered.
    pub bare: bool,
}

impl World {
    /// Starts everything, sets bucket and role up, and activates the backend `prod`.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// The same, with options.
    pub fn start_with(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = Runtime::new().expect("a runtime");
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut config = SandboxConfig::new(folder.path().join("aws"));
        config.request_log = options.request_log.unwrap_or(config.request_log);
        let sandbox = runtime.block_on(Sandbox::start(config)).expect("the sandbox starts");
        let api_key = organization(folder.path());
        let server = serve(folder.path(), &sandbox, &options, &[]);
        let world = Self { sandbox, server, api_key, folder, options, _runtime: runtime };
        if !world.options.bare {
            world.set_up_backend();
        }
        world
    }

    /// `firmhold` as the bucket's owner runs it, who also has a key of the platform.
    pub fn owner(&self, args: &[&str]) -> Command {
        let mut command = self.command();
        command
            .args(args)
            .env("AWS_CONFIG_FILE", self.sandbox.config_file())
            .env("AWS_SHARED_CREDENTIALS_FILE", self.sandbox.credentials_file())
            .env("AWS_PROFILE", "customer")
            .env("AWS_ENDPOINT_URL", self.sandbox.http_url());
        command
    }

    /// The server's highest memory since it was started, in KiB.
    pub fn server_peak_memory(&self) -> u64 {
        self.server.peak_memory()
    }

    /// Starts `firmhold ARGS --json` and does not wait for it.
    pub fn spawn(&self, args: &[&str]) -> std::process::Child {
        let mut command = self.command();
        command
            .args(args)
            .arg("--json")
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().expect("the binary starts")
    }

    /// The test's folder; commands run in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file with these bytes in the test's folder.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// `firmhold` with the server's address and the key, to be run in the test's folder.
    pub fn command(&self) -> Command {
        let mut command = firmhold(self.folder());
        self.configure(&mut command);
        command
    }

    /// Gives any command the server's address and the key, and runs it in the test's folder.
    pub fn configure(&self, command: &mut Command) {
        command.env("FIRMHOLD_URL", self.server.said("url")).env("FIRMHOLD_API_KEY", &self.api_key);
        command.current_dir(self.folder());
    }

    /// Runs `firmhold ARGS`.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, &[])
    }

    /// The requests of this operation on firmware that the sandbox carried out.
    pub fn carried_out(&self, operation: &str) -> usize {
        let log = self.sandbox.request_log().entries();
        let carried_out = log.iter().filter(|entry| entry.operation == operation && entry.status < 300);
        carried_out
            .filter(|entry| {
                entry.resource.contains("binaries/sha256/") && !entry.resource.contains("/manifests/")
            })
            .count()
    }

    /// Runs `firmhold ARGS` with more in its environment.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        self.command().args(args).envs(env.iter().copied()).output().expect("the binary starts")
    }

    /// How the server ended, if it has.
    pub fn server_status(&mut self) -> Option<ExitStatus> {
        self.server.status()
    }

    /// Ends the server as `kill -9` does.
    pub fn kill_server(&mut self) {
        self.server.kill();
    }

    /// Ends the server if it runs, and starts another one on its data, at another address.
    pub fn restart_server(&mut self, env: &[(&str, &str)]) {
        self.kill_server();
        self.server = serve(self.folder.path(), &self.sandbox, &self.options, env);
    }

    /// Runs `firmhold ARGS --json` as a CI job does that has a token and no key.
    #[track_caller]
    pub fn as_ci(&self, token: &str, args: &[&str]) -> Answer {
        let mut command = firmhold(self.folder());
        command.env("FIRMHOLD_URL", self.server.said("url")).env("FIRMHOLD_OIDC_TOKEN", token);
        answer(command.current_dir(self.folder()).args(args).arg("--json"))
    }

    /// Runs `firmhold ARGS --json` without a key of ours.
    #[track_caller]
    pub fn without_key(&self, args: &[&str]) -> Answer {
        let mut command = firmhold(self.folder());
        command.env("FIRMHOLD_URL", self.server.said("url"));
        answer(command.current_dir(self.folder()).args(args).arg("--json"))
    }

    /// Runs `firmhold ARGS --json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Answer {
        answer(self.command().args(args).arg("--json"))
    }

    /// What `firmhold ARGS --json` prints, of a command that must succeed.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Value {
        let answer = self.json(args);
        assert_eq!(answer.status, 0, "{args:?}: {}", answer.json);
        answer.json
    }

    /// Has uploads go through the server from now on, as they do where verification finds that a store checks nothing.
    pub fn send_parts_through_the_server(&self) {
        self.change_records("UPDATE backends SET upload_mode = 'proxy'");
    }

    /// Makes every open upload one that nobody has gone on with for years, and has the server look for such at its next
    /// start.
    pub fn age_uploads(&self) {
        self.change_records("UPDATE contents SET updated_at = 0 WHERE state = 'uploading'");
        self.change_records("UPDATE jobs SET run_at = 0 WHERE kind = 'reap'");
    }

    /// Changes a record of the server behind its back.
    fn change_records(&self, statement: &'static str) {
        let file = self.folder().join("platform").join(firmhold_server::db::FILE);
        let changed = self._runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(60));
            let mut database = options.connect().await?;
            sqlx::query(statement).execute(&mut database).await
        });
        assert_eq!(changed.expect("the server's database").rows_affected(), 1, "{statement}");
    }

    /// Flips a bit of the content with this hash behind everybody's back; the store's own checksums follow.
    pub fn tamper(&self, hash: &str, size: u64) {
        let key = self.content_key(hash);
        self.sandbox.tamper(BUCKET, &key, None, size / 2, 1).expect("the object is there");
    }

    fn content_key(&self, hash: &str) -> String {
        let log = self.sandbox.request_log().entries();
        let under = format!("{}binaries/sha256/{}/{hash}/", Prefix::DEFAULT, &hash[..2]);
        let keys = log.iter().filter_map(|entry| entry.resource.split_once(&format!("{BUCKET}/")));
        let found =
            keys.map(|(_, key)| key).find(|key| key.starts_with(&under) && !key.contains("/manifests/"));
        found.unwrap_or_else(|| panic!("no request for {under}")).to_owned()
    }

    fn set_up_backend(&self) {
        let role_arn = format!("arn:aws:iam::{}:role/{ROLE}", self.sandbox.customer().account_id);
        let mut add =
            vec!["backend", "add", "prod", "--bucket", BUCKET, "--region", REGION, "--role-arn", &role_arn];
        add.extend(self.options.import_prefix.iter().flat_map(|prefix| ["--import-prefix", *prefix]));
        let added = self.ok(&add);
        let backend: Backend = serde_json::from_value(added).expect("a backend");
        let owner = self.sandbox.customer();
        let spec = Spec::of(&backend, &owner.account_id, ROLE).expect("a spec");
        let access = OwnerAccess {
            region: REGION.to_owned(),
            endpoint_url: Some(self.sandbox.http_url()),
            ca_bundle: None,
            credentials: OwnerCredentials::Static {
                access_key_id: owner.access_key_id.clone(),
                secret_access_key: Secret::new(owner.secret_access_key.clone()),
                session_token: None,
            },
            clock: Clock::system(),
        };
        let applied = self._runtime.block_on(firmhold_provision::set_up(&spec, &access));
        applied.expect("bucket and role are set up");
        self.ok(&["backend", "verify", "prod"]);
    }
}

#[track_caller]
fn answer(command: &mut std::process::Command) -> Answer {
    let output = command.output().expect("the binary starts");
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{command:?}: {error}: {out}{err}"));
    Answer { status: output.status.code().unwrap_or(-1), json }
}

fn organization(folder: &Path) -> String {
    let mut create = firmhold(folder);
    create.args(["org", "create", "Acme", "--json", "--data"]).arg(folder.join("platform"));
    let output = create.output().expect("the binary starts");
    let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    made["api_key"].as_str().expect("a key").to_owned()
}

fn serve(folder: &Path, sandbox: &Sandbox, options: &Options, env: &[(&str, &str)]) -> Running {
    let mut serve = firmhold(folder);
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--json", "--data"])
        .arg(folder.join("platform"))
        .env("AWS_CONFIG_FILE", sandbox.config_file())
        .env("AWS_SHARED_CREDENTIALS_FILE", sandbox.credentials_file())
        .env("AWS_PROFILE", "platform")
        .env("AWS_ENDPOINT_URL", sandbox.http_url())
        .env("AWS_REGION", REGION)
        .env("FIRMHOLD_ALLOW_PRIVATE_ENDPOINTS", "true")
        .env("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", sandbox.platform_role_arn())
        .envs(options.server.iter().map(|(name, value)| (name, value)))
        .envs(env.iter().copied());
    Running::start(&mut serve)
}
