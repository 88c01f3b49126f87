//! The owner, with a sandbox for an account.

use aws_credential_types::Credentials;
use firmhold_core::backend::Encryption;
use firmhold_core::{Clock, Problem, Secret};
use firmhold_iam::{BackendShape, TrustForm, TrustShape, bucket_policy, permission_policy, trust_policy};
use firmhold_provision::{OwnerAccess, OwnerCredentials, Spec, StepReport, apply};
use firmhold_sandbox::{Sandbox, SandboxConfig, SeededUser};
use tempfile::TempDir;

pub const BUCKET: &str = "acme-firmware";
pub const REGION: &str = "us-west-2";

pub struct Owner {
    pub sandbox: Sandbox,
    pub spec: Spec,
    pub access: OwnerAccess,
    _data: TempDir,
}

impl Owner {
    pub async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(SandboxConfig::new(data.path())).await.unwrap();
        let spec = spec(&sandbox);
        let access = access(&sandbox, sandbox.customer());
        Self { sandbox, spec, access, _data: data }
    }

    /// One run, as lines.
    pub async fn run(&self) -> Result<Vec<String>, Problem> {
        let mut seen = Vec::new();
        let reports = apply(&self.spec, &self.access, |report| seen.push(line(report))).await?;
        assert_eq!(seen, reports.iter().map(line).collect::<Vec<_>>());
        Ok(seen)
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
        let writes = entries.into_iter().map(|entry| entry.operation);
        writes.filter(|operation| !operation.starts_with("Get") && operation != "HeadBucket").collect()
    }
}

fn line(report: &StepReport) -> String {
    format!("{} {}: {}", report.step, report.outcome, report.detail)
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

fn keys(user: &SeededUser) -> Credentials {
    Credentials::new(&user.access_key_id, &user.secret_access_key, None, None, "test")
}

fn spec(sandbox: &Sandbox) -> Spec {
    let shape = BackendShape {
        partition: "aws".to_owned(),
        account: sandbox.customer().account_id.clone(),
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
        prefix: "fw/".to_owned(),
        import_prefix: None,
        kms_key_arn: None,
        allow_delete: false,
        replicas: Vec::new(),
        cdn: None,
        config_reads: true,
    };
    let trust = TrustShape {
        partition: "aws".to_owned(),
        platform_account: sandbox.platform().account_id.clone(),
        platform_role_arn: sandbox.platform_role_arn().to_owned(),
        external_ids: vec!["fh-1".to_owned()],
    };
    Spec {
        partition: "aws".to_owned(),
        account: shape.account.clone(),
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
        prefix: "fw/".parse().unwrap(),
        encryption: Encryption::SseS3,
        role_name: "FirmholdBackend".to_owned(),
        role_description: "Lets Firmhold keep firmware here".to_owned(),
        max_session_seconds: 3600,
        policy_name: "firmhold-bucket".to_owned(),
        trust: trust_policy(&trust, TrustForm::default()),
        permission_policy: permission_policy(&shape),
        bucket_policy: bucket_policy(&shape),
    }
}
