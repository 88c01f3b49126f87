//! A server with its account: sandbox, bucket, role, and an organization with a backend.

pub mod account;
pub mod caller;
pub mod issuer;
pub mod log;
pub mod push;

use std::time::Duration;

use firmhold_core::{BackendState, Clock, Code, OrganizationPrn, Prefix, Problem, Scope, Secret};
use firmhold_sandbox::{Sandbox, SandboxConfig};
use firmhold_server::backends::BackendRow;
use firmhold_server::config::Patience;
use firmhold_server::{App, Config, Running, create_api_key, create_organization, serve};
use firmhold_store::{StaticKeys, Timeouts};
use tempfile::TempDir;

use account::{Account, BUCKET, REGION, ROLE_ARN};
use caller::Caller;

/// What a test wants otherwise than others.
#[derive(Debug, Default)]
pub struct Setup {
    /// How long the server waits for AWS.
    pub timeouts: Timeouts,
    /// Whether the sandbox has a clock of its own.
    pub own_clock: bool,
    /// Whether what runs on loopback may be called.
    pub allow_private_endpoints: bool,
    /// How long the server waits for clients.
    pub patience: Patience,
    /// Connections in all and from one address, if not the default.
    pub connections: Option<(usize, usize)>,
}

/// See the module. Dropping it asserts that no upload is left open in the bucket.
pub struct TestApp {
    dir: TempDir,
    pub clock: Clock,
    pub sandbox: Sandbox,
    pub account: Account,
    pub organization: OrganizationPrn,
    running: Option<Running>,
    http: reqwest::Client,
    admin: Secret,
    setup: Setup,
}

impl TestApp {
    /// With an organization, a bucket, and a backend that is active and the default.
    pub async fn start() -> Self {
        Self::start_as(Setup::default()).await
    }

    /// The same, set up otherwise.
    pub async fn start_as(setup: Setup) -> Self {
        let app = Self::bare(setup).await;
        app.account.make_bucket().await;
        app.add_backend().await;
        app
    }

    /// With an organization, and nothing in the account.
    pub async fn without_backend() -> Self {
        Self::bare(Setup::default()).await
    }

    /// As [`TestApp::without_backend`], and what runs on loopback may be called.
    pub async fn with_private_endpoints() -> Self {
        Self::bare(Setup { allow_private_endpoints: true, ..Setup::default() }).await
    }

    /// As [`TestApp::without_backend`], set up otherwise.
    pub async fn bare(setup: Setup) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let mut config = SandboxConfig::new(dir.path().join("aws"));
        config.clock = if setup.own_clock { Clock::system() } else { clock.clone() };
        let sandbox = Sandbox::start(config).await.unwrap();
        let account = Account::of(&sandbox).await;
        let data = dir.path().join("server");
        let (organization, admin) = create_organization(&data, &clock, "Acme").await.unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        let mut app = Self { dir, clock, sandbox, account, organization, running: None, http, admin, setup };
        app.serve().await;
        app
    }

    async fn serve(&mut self) {
        // The data folder is locked until the last task of a server before this one is gone.
        for _ in 0..500 {
            match self.try_serve().await {
                Err(problem) if problem.code() == Code::Usage => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                running => {
                    self.running = Some(running.unwrap());
                    return;
                }
            }
        }
        panic!("the data folder stays locked");
    }

    async fn try_serve(&self) -> Result<Running, Problem> {
        let mut config = Config::ephemeral(self.dir.path().join("server"));
        config.server.allow_private_endpoints = self.setup.allow_private_endpoints;
        config.server.patience = self.setup.patience;
        if let Some((all, per_address)) = self.setup.connections {
            config.server.max_connections = all;
            config.server.max_connections_per_address = per_address;
        }
        config.aws.endpoint_url = Some(self.sandbox.http_url());
        config.aws.region = Some(REGION.to_owned());
        config.server.copy_part_bytes = push::PART as u64;
        config.aws.platform_role_arn = Some(self.sandbox.platform_role_arn().to_owned());
        config.aws.timeouts = self.setup.timeouts;
        let user = self.sandbox.platform();
        let keys = StaticKeys {
            access_key_id: user.access_key_id.clone(),
            secret_access_key: Secret::new(&user.secret_access_key),
            session_token: None,
        };
        serve(config, self.clock.clone(), Some(keys)).await
    }

    /// A backend as a verification would have left it, and the role that it asks for.
    async fn add_backend(&self) {
        let state = self.state();
        let mut backend = BackendRow::new(self.organization.0, self.clock.now()).unwrap();
        backend.name = "prod".to_owned();
        backend.bucket = BUCKET.to_owned();
        backend.region = REGION.to_owned();
        backend.partition = "aws".to_owned();
        backend.prefix = "fw".parse::<Prefix>().unwrap();
        backend.role_arn = Some(ROLE_ARN.parse().unwrap());
        backend.state = BackendState::Active;
        backend.is_default = true;
        let wire = backend.to_wire(&state.platform_role);
        self.account.make_role(&wire.trust_policy.unwrap(), &wire.permission_policy).await;
        let mut tx = state.db.begin().await.unwrap();
        backend.insert(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Changes the backend behind the API's back.
    pub async fn set_backend(&self, change: impl FnOnce(&mut BackendRow)) {
        let mut tx = self.state().db.begin().await.unwrap();
        let mut backend = BackendRow::find_default(&mut tx, self.organization.0).await.unwrap().unwrap();
        change(&mut backend);
        backend.write(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The PRN of the default backend.
    pub async fn default_backend(&self) -> String {
        let mut conn = self.state().db.reader().acquire().await.unwrap();
        let backend = BackendRow::find_default(&mut conn, self.organization.0).await.unwrap().unwrap();
        backend.prn().to_string()
    }

    /// Another active backend in the same bucket, which the role does not know of; its PRN.
    pub async fn second_backend(&self, name: &str, change: impl FnOnce(&mut BackendRow)) -> String {
        let mut tx = self.state().db.begin().await.unwrap();
        let mut backend = BackendRow::find_default(&mut tx, self.organization.0).await.unwrap().unwrap();
        backend.id = uuid::Uuid::new_v4();
        backend.name = name.to_owned();
        backend.is_default = false;
        change(&mut backend);
        backend.insert(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        backend.prn().to_string()
    }

    /// The newest manifest of a binary, once it says all that is so.
    pub async fn newest_manifest(&self, caller: &Caller, binary: &str) -> serde_json::Value {
        for _ in 0..200 {
            let shown = caller.get(&format!("/binaries/{binary}")).await.ok(200);
            if !shown["binary"]["manifest_at"].is_null() {
                let id = binary.rsplit(':').next().unwrap();
                let newest = self.account.keys(&format!("/manifests/{id}/")).await.pop().unwrap();
                return serde_json::from_slice(&self.account.read(&newest).await).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the manifest is not written");
    }

    /// Lets the role delete, in the record and in the account.
    pub async fn allow_delete(&self) {
        self.allow(|backend| backend.allow_delete = true).await;
    }

    /// Lets imports read below `prefix`, in the record and in the account.
    pub async fn allow_import(&self, prefix: &str) {
        self.allow(|backend| backend.import_prefix = Some(prefix.to_owned())).await;
    }

    async fn allow(&self, change: impl FnOnce(&mut BackendRow)) {
        self.set_backend(change).await;
        let mut tx = self.state().db.begin().await.unwrap();
        let backend = BackendRow::find_default(&mut tx, self.organization.0).await.unwrap().unwrap();
        let wire = backend.to_wire(&self.state().platform_role);
        self.account.set_permissions(&wire.permission_policy).await;
    }

    /// What the server's handlers share.
    pub fn state(&self) -> &App {
        self.running.as_ref().unwrap().app()
    }

    /// Stops the server in good order and starts it again on the same data, on other ports.
    pub async fn restart(&mut self) {
        self.running.take().unwrap().stop().await;
        self.serve().await;
    }

    /// As [`TestApp::restart`], but everything under way is dropped where it stands.
    pub async fn kill_and_restart(&mut self) {
        drop(self.running.take());
        self.serve().await;
    }

    pub fn url(&self) -> String {
        self.running.as_ref().unwrap().admin_url.clone()
    }

    pub fn admin(&self) -> Caller {
        Caller { http: self.http.clone(), url: self.url(), key: Some(self.admin.clone()) }
    }

    pub fn nobody(&self) -> Caller {
        Caller { http: self.http.clone(), url: self.url(), key: None }
    }

    /// A caller with a new key.
    pub async fn caller(&self, scope: Scope) -> Caller {
        let data = self.dir.path().join("server");
        let (_, key) =
            create_api_key(&data, &self.clock, self.organization, scope.as_str(), scope).await.unwrap();
        Caller { http: self.http.clone(), url: self.url(), key: Some(key) }
    }

    /// Lets the smallest time pass that the order of a list tells apart; within it, order is by PRN and so random.
    pub fn tick(&self) {
        self.clock.advance(std::time::Duration::from_millis(1));
    }

    /// The administrator of another organization.
    pub async fn other_organization(&self) -> Caller {
        let data = self.dir.path().join("server");
        let (_, key) = create_organization(&data, &self.clock, "Other").await.unwrap();
        Caller { http: self.http.clone(), url: self.url(), key: Some(key) }
    }

    /// Of health and readiness.
    pub fn ops_url(&self) -> String {
        self.running.as_ref().unwrap().ops_url.clone()
    }

    /// A plain HTTP client that follows no redirects.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() || self.running.is_none() {
            return;
        }
        let handle = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| handle.block_on(self.account.no_upload_is_left()));
    }
}
