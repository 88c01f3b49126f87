//! A sandbox with a customer's bucket and role, and the store that works with them.

use std::time::Duration;

use aws_credential_types::Credentials;
use firmhold_core::backend::Encryption;
use firmhold_core::{Clock, Timestamp};
use firmhold_iam::{TrustForm, TrustShape, permission_policy, trust_policy};
use firmhold_sandbox::{Fault, FaultAction, Sandbox, SandboxConfig, SeededUser};
use firmhold_store::{Access, RoleAccess, StaticKeys, StoreConfig, Stores, Target};
use tempfile::TempDir;
use uuid::Uuid;

pub const BUCKET: &str = "acme-firmware";
pub const ROLE: &str = "FirmholdBackend";
pub const EXTERNAL_ID: &str = "fh-0000000000000000000000000000000000000000001";
pub const NEXT_EXTERNAL_ID: &str = "fh-0000000000000000000000000000000000000000002";

pub struct World {
    pub sandbox: Sandbox,
    pub stores: Stores,
    pub target: Target,
    pub clock: Clock,
    _data: TempDir,
}

impl World {
    /// With a clock that stands still until the test turns it.
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    /// The same, in a folder that may hold accounts.
    pub async fn start_in(data: TempDir) -> Self {
        let clock = Clock::fixed(Timestamp::parse("2026-03-01T12:00:00.250Z").unwrap());
        let config = SandboxConfig { clock: clock.clone(), ..SandboxConfig::new(data.path()) };
        let sandbox = Sandbox::start(config).await.unwrap();
        let stores = Stores::connect(store_config(&sandbox, &clock)).await.unwrap();
        let target = target(&sandbox.customer().account_id);
        let world = Self { sandbox, stores, target, clock, _data: data };
        world.make_bucket().await;
        world.make_role(&[EXTERNAL_ID]).await;
        world
    }

    pub fn turn(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Lets STS fail until the faults are cleared.
    pub fn sts_down(&self) {
        self.sandbox
            .faults()
            .add(Fault::new().service("sts").then(FaultAction::Status(503, "ServiceUnavailable")));
    }

    /// How often an operation was asked for, whatever the answer.
    pub fn asked(&self, operation: &str) -> usize {
        let entries = self.sandbox.request_log().entries();
        entries.iter().filter(|entry| entry.operation == operation).count()
    }

    /// S3 as the customer's administrator.
    pub fn customer_s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("us-west-2"))
            .endpoint_url(self.sandbox.http_url())
            .credentials_provider(keys(self.sandbox.customer()))
            .time_source(Turned(self.clock.clone()))
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// IAM as the customer's administrator.
    pub fn customer_iam(&self) -> aws_sdk_iam::Client {
        let config = aws_sdk_iam::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("us-east-1"))
            .endpoint_url(self.sandbox.http_url())
            .credentials_provider(keys(self.sandbox.customer()))
            .time_source(Turned(self.clock.clone()))
            .build();
        aws_sdk_iam::Client::from_conf(config)
    }

    /// Lets the role trust these external ids and no others.
    pub async fn trust(&self, external_ids: &[&str]) {
        let iam = self.customer_iam();
        let policy = self.trust_document(external_ids);
        iam.update_assume_role_policy().role_name(ROLE).policy_document(policy).send().await.unwrap();
    }

    fn trust_document(&self, external_ids: &[&str]) -> String {
        let shape = TrustShape {
            partition: "aws".to_owned(),
            platform_account: self.sandbox.platform().account_id.clone(),
            platform_role_arn: self.sandbox.platform_role_arn().to_owned(),
            external_ids: external_ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        trust_policy(&shape, TrustForm::default()).to_string()
    }

    async fn make_bucket(&self) {
        use aws_sdk_s3::types::{
            BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
            VersioningConfiguration,
        };
        let s3 = self.customer_s3();
        let here =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
        s3.create_bucket().bucket(BUCKET).create_bucket_configuration(here.build()).send().await.unwrap();
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(on).send().await.unwrap();
    }

    async fn make_role(&self, external_ids: &[&str]) {
        let iam = self.customer_iam();
        let trust = self.trust_document(external_ids);
        iam.create_role().role_name(ROLE).assume_role_policy_document(trust).send().await.unwrap();
        let policy = permission_policy(&self.target.shape()).to_string();
        let put = iam.put_role_policy().role_name(ROLE).policy_name("firmhold");
        put.policy_document(policy).send().await.unwrap();
    }
}

pub fn keys(user: &SeededUser) -> Credentials {
    Credentials::new(&user.access_key_id, &user.secret_access_key, None, None, "test")
}

pub fn store_config(sandbox: &Sandbox, clock: &Clock) -> StoreConfig {
    let platform = sandbox.platform();
    StoreConfig {
        endpoint_url: Some(sandbox.http_url()),
        clock: clock.clone(),
        allow_private_endpoints: true,
        base_credentials: Some(StaticKeys::new(&platform.access_key_id, &platform.secret_access_key)),
        ..StoreConfig::new("us-west-2", sandbox.platform_role_arn())
    }
}

pub fn target(account: &str) -> Target {
    Target {
        id: Uuid::from_u128(7),
        partition: "aws".to_owned(),
        access: Access::Role(RoleAccess {
            account: account.to_owned(),
            role_arn: format!("arn:aws:iam::{account}:role/{ROLE}"),
            external_ids: vec![EXTERNAL_ID.to_owned()],
            use_fips: false,
            use_dualstack: false,
        }),
        bucket: BUCKET.to_owned(),
        region: "us-west-2".to_owned(),
        prefix: "fw".parse().unwrap(),
        import_prefix: None,
        encryption: Encryption::SseS3,
        allow_delete: true,
        replicas: Vec::new(),
        cdn: None,
    }
}

/// The same target with these external ids.
pub fn with_ids(target: &Target, external_ids: &[&str]) -> Target {
    let mut target = target.clone();
    if let Access::Role(role) = &mut target.access {
        role.external_ids = external_ids.iter().map(|id| (*id).to_owned()).collect();
    }
    target
}

/// The SDK's clock is the test's.
#[derive(Debug)]
pub struct Turned(pub Clock);

impl aws_smithy_async::time::TimeSource for Turned {
    fn now(&self) -> std::time::SystemTime {
        self.0.now().to_system_time()
    }
}
