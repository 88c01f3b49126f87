//! The owner, with a sandbox for an account.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use aws_credential_types::Credentials;
use firmhold_core::{Clock, Problem, Secret};
use firmhold_provision::credentials::NoTerminal;
use firmhold_provision::{
    Inventory, Journal, Owner, OwnerAccess, OwnerCredentials, Place, Plan, Progress, Spec, SpecFile, Switch,
    Trust, apply,
};
use firmhold_sandbox::{Sandbox, SandboxConfig, SeededUser};
use tempfile::TempDir;

pub const BUCKET: &str = "acme-firmware";
pub const REGION: &str = "us-west-2";
pub const ROLE: &str = "FirmholdBackend";

/// The least that a file can say.
pub const FILE: &str = r#"
version = 1
name = "prod"
[bucket]
name = "acme-firmware"
region = "us-west-2"
prefix = "fw/"
"#;

/// An account with its owner, who has one spec.
pub struct Account {
    pub sandbox: Sandbox,
    pub spec: Spec,
    pub access: OwnerAccess,
    data: TempDir,
}

impl Account {
    pub async fn start() -> Self {
        Self::with(FILE).await
    }

    /// With this file, and a platform that trusts in the usual way.
    pub async fn with(file: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(SandboxConfig::new(data.path().join("aws"))).await.unwrap();
        let spec = spec(file, Some(platform(&sandbox)));
        let access = access(&sandbox, sandbox.customer());
        Self { sandbox, spec, access, data }
    }

    pub fn journal(&self) -> Journal {
        Journal::open(&self.data.path().join("backend.journal.json"), Clock::system()).unwrap()
    }

    /// Where changes of a trust policy alone are written down.
    pub fn trust_journal(&self) -> PathBuf {
        self.data.path().join("trust.journal.jsonl")
    }

    pub async fn owner(&self) -> Owner {
        Owner::open(&self.access, &NoTerminal).await.unwrap()
    }

    pub async fn plan(&self) -> Result<Plan, Problem> {
        Plan::of(&self.spec, &Inventory::read(&self.owner().await, &self.spec, &self.journal()).await?)
    }

    pub async fn teardown_plan(&self) -> Result<Plan, Problem> {
        Plan::teardown(&self.spec, &Inventory::read(&self.owner().await, &self.spec, &self.journal()).await?)
    }

    /// Carries a plan out; `stop` may end the run at any progress, as a crash would.
    pub async fn carry_out(
        &self,
        plan: &Plan,
        accept: &[Switch],
        mut stop: impl FnMut(Progress<'_>) -> bool + Send,
    ) -> Result<(), Problem> {
        let accepted: BTreeSet<Switch> = accept.iter().copied().collect();
        let mut watch = |progress: Progress<'_>| match stop(progress) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        apply(&self.owner().await, plan, &accepted, &mut self.journal(), &mut watch).await
    }

    /// Plans and applies; the steps as lines.
    pub async fn run(&self, accept: &[Switch]) -> Result<Vec<String>, Problem> {
        let plan = self.plan().await?;
        self.carry_out(&plan, accept, |_| false).await?;
        Ok(lines(&plan))
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::v2026_01_12())
            .region(aws_sdk_s3::config::Region::new(REGION))
            .endpoint_url(self.sandbox.http_url())
            .credentials_provider(keys(self.sandbox.customer()))
            .force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    pub fn iam(&self) -> aws_sdk_iam::Client {
        let config = aws_sdk_iam::Config::builder()
            .behavior_version(aws_sdk_iam::config::BehaviorVersion::v2026_01_12())
            .region(aws_sdk_iam::config::Region::new(REGION))
            .endpoint_url(self.sandbox.http_url())
            .credentials_provider(keys(self.sandbox.customer()));
        aws_sdk_iam::Client::from_conf(config.build())
    }

    /// Writes that were asked of AWS since the log was cleared.
    pub fn writes(&self) -> Vec<String> {
        let entries = self.sandbox.request_log().entries();
        let reads = ["Get", "List", "Head", "Describe", "Simulate"];
        let writes = entries.into_iter().map(|entry| entry.operation);
        writes.filter(|operation| !reads.iter().any(|read| operation.starts_with(read))).collect()
    }
}

/// A line for each step.
pub fn lines(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| format!("{} {}: {}", change.verb, change.kind, change.says)).collect()
}

/// What a file says, for the sandbox's customer.
pub fn spec(file: &str, trust: Option<Trust>) -> Spec {
    let place = Place { partition: "aws".to_owned(), account: "111122223333".to_owned() };
    let file = SpecFile::parse(Path::new("backend.toml"), file.to_owned()).unwrap();
    file.resolve(&place, trust).unwrap()
}

/// The platform's role, with an external ID.
pub fn platform(sandbox: &Sandbox) -> Trust {
    Trust::Platform {
        principal: sandbox.platform_role_arn().to_owned(),
        external_ids: vec!["fh-1".to_owned()],
    }
}

pub fn access(sandbox: &Sandbox, user: &SeededUser) -> OwnerAccess {
    OwnerAccess {
        region: REGION.to_owned(),
        endpoint_url: Some(sandbox.http_url()),
        ca_bundle: None,
        credentials: OwnerCredentials::Static {
            access_key_id: user.access_key_id.clone(),
            secret_access_key: Secret::new(user.secret_access_key.clone()),
            session_token: None,
        },
        clock: Clock::system(),
    }
}

pub fn keys(user: &SeededUser) -> Credentials {
    Credentials::new(&user.access_key_id, &user.secret_access_key, None, None, "test")
}
