//! The whole of it by hand, as the README has it: an AWS account, a server, a bucket and a role that were set up
//! with the AWS CLI from the policies that `firmhold backend show` prints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use firmhold_core::link::LinkKeys;
use firmhold_core::master_key::Purpose;
use firmhold_core::{Link, MasterKey};
use serde_json::Value;

use super::aws::Aws;
use super::child::{Running, firmhold};
use super::sandbox::SandboxProcess;

const BUCKET: &str = "acme-firmware";
const ROLE: &str = "FirmholdBackend";

/// A server with one active backend, `prod`.
pub struct Platform {
    /// The AWS account that it works in.
    pub sandbox: SandboxProcess,
    server: Running,
    api_key: String,
}

impl Platform {
    /// Sets everything up and verifies the backend.
    pub fn start() -> Self {
        let sandbox = SandboxProcess::start();
        let mut create = firmhold(sandbox.folder());
        create.args(["org", "create", "Acme", "--json", "--data"]).arg(data(&sandbox));
        let api_key = json(&mut create)["api_key"].as_str().expect("a key").to_owned();
        let server = serve(&sandbox);
        let platform = Self { sandbox, server, api_key };
        platform.set_up_backend();
        platform
    }

    /// Runs `firmhold ARGS --json` with the server's address and the key; answers what it prints.
    #[track_caller]
    pub fn firmhold(&self, args: &[&str]) -> Value {
        let mut command = firmhold(self.sandbox.folder());
        command.env("FIRMHOLD_URL", self.server.said("url")).env("FIRMHOLD_API_KEY", &self.api_key);
        command.args(args).arg("--json");
        json(&mut command)
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        self.server.said("url")
    }

    /// Pushes a file and answers the binary's PRN.
    pub fn push(&self, file: &Path) -> String {
        let file = file.to_str().expect("UTF-8");
        let pushed = self.firmhold(&["push", file, "--artifact", "gateway", "--version", "1.0.0"]);
        pushed["prn"].as_str().expect("a PRN").to_owned()
    }

    /// A new link to a binary.
    pub fn link(&self, binary: &str) -> String {
        self.firmhold(&["link", binary])["download_url"].as_str().expect("a URL").to_owned()
    }

    /// The same link as if it had ended a minute ago. No test can wait for that, so it is made with the server's
    /// own key.
    pub fn expired(&self, url: &str) -> String {
        let (start, token) = url.rsplit_once('/').expect("a link");
        let master = std::fs::read(data(&self.sandbox).join("master.key")).expect("the master key");
        let master = MasterKey::from_bytes(master.try_into().expect("32 bytes"));
        let keys = (0..=u8::MAX).map(|id| LinkKeys::new(id, master.derive(Purpose::Links)));
        let (keys, link) =
            keys.into_iter().find_map(|keys| Some((keys.clone(), keys.read(token).ok()?))).expect("ours");
        let life = link.expires_at.since(link.issued_at);
        let expires_at = link.issued_at.minus(Duration::from_secs(60));
        let issued_at = expires_at.minus(life);
        format!("{start}/{}", keys.mint(&Link { issued_at, expires_at, ..link }))
    }

    fn set_up_backend(&self) {
        let aws = Aws::profile(&self.sandbox, "customer");
        for line in [
            "aws s3api create-bucket --bucket acme-firmware --create-bucket-configuration LocationConstraint=us-west-2",
            "aws s3api put-bucket-versioning --bucket acme-firmware --versioning-configuration Status=Enabled",
            "aws s3api put-public-access-block --bucket acme-firmware --public-access-block-configuration \
             BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
        ] {
            aws.line(line).ok();
        }
        self.firmhold(&["backend", "add", "prod", "--bucket", BUCKET, "--region", "us-west-2"]);
        let policy = |which: &str| self.firmhold(&["backend", "show", "prod", "--policy", which]).to_string();
        let made = aws.run([
            "iam",
            "create-role",
            "--role-name",
            ROLE,
            "--assume-role-policy-document",
            &policy("trust"),
        ]);
        let arn = made.json()["Role"]["Arn"].as_str().expect("an ARN").to_owned();
        let permissions = policy("permissions");
        let put =
            ["iam", "put-role-policy", "--role-name", ROLE, "--policy-name", "firmhold", "--policy-document"];
        aws.run(put.into_iter().chain([permissions.as_str()])).ok();
        aws.run(["s3api", "put-bucket-policy", "--bucket", BUCKET, "--policy", &policy("bucket")]).ok();
        self.firmhold(&["backend", "set", "prod", "--role-arn", &arn]);
        self.firmhold(&["backend", "verify", "prod"]);
        assert_eq!(self.firmhold(&["backend", "show", "prod"])["state"], "active");
    }
}

fn data(sandbox: &SandboxProcess) -> PathBuf {
    sandbox.folder().join("platform")
}

fn serve(sandbox: &SandboxProcess) -> Running {
    let mut serve = firmhold(sandbox.folder());
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--json", "--data"])
        .arg(data(sandbox))
        .env("AWS_CONFIG_FILE", sandbox.config_file())
        .env("AWS_SHARED_CREDENTIALS_FILE", sandbox.credentials_file())
        .env("AWS_PROFILE", "platform")
        .env("AWS_ENDPOINT_URL", sandbox.http_url())
        .env("AWS_REGION", "us-west-2")
        .env("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", sandbox.platform_role_arn());
    Running::start(&mut serve)
}

/// The JSON that a command prints, of one that must succeed.
#[track_caller]
fn json(command: &mut std::process::Command) -> Value {
    let output = command.output().expect("the binary starts");
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}
