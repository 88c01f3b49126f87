//! The two AWS accounts and the platform's server, all in this process.

use std::path::{Path, PathBuf};

use firmhold_core::{Clock, Problem};
use firmhold_sandbox::{Sandbox, SandboxConfig};
use firmhold_server::{Config, Running};
use firmhold_store::{StaticKeys, StoreConfig, Stores};

/// The region of the demo's bucket.
pub const REGION: &str = "us-west-2";

/// All that runs.
pub struct World {
    /// The AWS accounts.
    pub sandbox: Sandbox,
    /// The platform.
    pub server: Running,
    /// The time, for both.
    pub clock: Clock,
}

/// Where the world keeps its things.
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// Below `root`.
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The AWS accounts' folder.
    pub fn aws(&self) -> PathBuf {
        self.root.join("aws")
    }

    /// The server's folder.
    pub fn platform(&self) -> PathBuf {
        self.root.join("platform")
    }

    /// The release engineer's signing key.
    pub fn signing_key(&self) -> PathBuf {
        self.root.join("release.pem")
    }

    /// What the device writes.
    pub fn device(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl World {
    /// Starts everything on free ports, by `clock`.
    ///
    /// # Errors
    /// If something cannot start.
    pub async fn start(places: &Places, clock: Clock) -> Result<Self, Problem> {
        let mut config = SandboxConfig::new(places.aws());
        config.clock = clock.clone();
        let sandbox = crate::commands::sandbox::start(config).await?;
        let server = firmhold_server::serve(
            server_config(places, &sandbox),
            clock.clone(),
            Some(platform_keys(&sandbox)),
        )
        .await?;
        Ok(Self { sandbox, server, clock })
    }

    /// The data plane as the platform has it, for attacks that its API would never carry out.
    ///
    /// # Errors
    /// If it cannot be set up.
    pub async fn stores(&self) -> Result<Stores, Problem> {
        let mut config = StoreConfig::new(REGION, self.sandbox.platform_role_arn());
        config.endpoint_url = Some(self.sandbox.http_url());
        config.clock = self.clock.clone();
        config.base_credentials = Some(platform_keys(&self.sandbox));
        Stores::connect(config).await
    }

    /// Stops everything; what it kept stays.
    pub async fn stop(self) {
        self.server.stop().await;
        self.sandbox.stop().await;
    }
}

fn server_config(places: &Places, sandbox: &Sandbox) -> Config {
    let mut config = Config::ephemeral(places.platform());
    config.aws.region = Some(REGION.to_owned());
    config.aws.endpoint_url = Some(sandbox.http_url());
    config.aws.platform_role_arn = Some(sandbox.platform_role_arn().to_owned());
    config
}

fn platform_keys(sandbox: &Sandbox) -> StaticKeys {
    let user = sandbox.platform();
    StaticKeys::new(user.access_key_id.clone(), user.secret_access_key.clone())
}
