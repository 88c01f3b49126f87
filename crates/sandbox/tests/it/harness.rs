//! A sandbox for one test, and SDK clients of its users.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::time::TimeSource;
use firmhold_core::Clock;
use firmhold_sandbox::{Sandbox, SandboxConfig, SeededUser};
use tempfile::TempDir;

pub const CUSTOMER: &str = "111122223333";
pub const PLATFORM: &str = "999999999999";

pub struct Harness {
    pub sandbox: Sandbox,
    pub dir: TempDir,
}

/// The SDK's clock is the sandbox's.
#[derive(Debug, Clone)]
pub struct SandboxTime(pub Clock);

impl TimeSource for SandboxTime {
    fn now(&self) -> std::time::SystemTime {
        self.0.now().to_system_time()
    }
}

pub async fn start() -> Harness {
    start_with(|_| {}).await
}

pub async fn start_with(change: impl FnOnce(&mut SandboxConfig)) -> Harness {
    // reqwest takes the process's provider. Another test of this process may have set it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let mut config = SandboxConfig::new(dir.path());
    change(&mut config);
    let sandbox = Sandbox::start(config).await.unwrap();
    Harness { sandbox, dir }
}

/// A sandbox whose platform's user may do everything in its account, too.
pub async fn start_with_two_admins() -> Harness {
    let Harness { sandbox, dir } = start().await;
    sandbox.stop().await;
    let file = dir.path().join("accounts.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let user = &mut state["accounts"][PLATFORM]["users"]["firmhold"];
    user["policies"]["everything"] = allow(&["*"], &["*"]).into();
    std::fs::write(&file, state.to_string()).unwrap();
    let sandbox = Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap();
    Harness { sandbox, dir }
}

pub fn keys(user: &SeededUser) -> Credentials {
    Credentials::new(&user.access_key_id, &user.secret_access_key, None, None, "test")
}

impl Harness {
    pub fn admin(&self) -> Credentials {
        keys(self.sandbox.customer())
    }

    pub fn platform_user(&self) -> Credentials {
        keys(self.sandbox.platform())
    }

    pub fn sdk(&self, credentials: Credentials) -> SdkConfig {
        self.sdk_in(credentials, "us-west-2", self.sandbox.clock().clone())
    }

    pub fn sdk_in(&self, credentials: Credentials, region: &'static str, clock: Clock) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(region))
            .endpoint_url(self.sandbox.http_url())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .time_source(SandboxTime(clock))
            .build()
    }

    pub fn s3(&self, credentials: Credentials) -> aws_sdk_s3::Client {
        s3_of(&self.sdk(credentials))
    }

    pub fn sts(&self, credentials: Credentials) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.sdk(credentials))
    }

    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.sdk(self.admin()))
    }

    pub fn kms(&self, credentials: Credentials) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.sdk(credentials))
    }

    /// A session of a role of the customer's, which its administrator may assume, with one inline policy.
    pub async fn customer_session(&self, role: &str, policy: &str) -> Credentials {
        let trust = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {{"AWS": "{}"}}
            }}]}}"#,
            self.sandbox.customer().arn
        );
        let iam = self.iam();
        let made = iam.create_role().role_name(role).assume_role_policy_document(trust).send().await.unwrap();
        let put = iam.put_role_policy().role_name(role).policy_name("own").policy_document(policy);
        put.send().await.unwrap();
        let sts = self.sts(self.admin());
        let call = sts.assume_role().role_arn(made.role.unwrap().arn).role_session_name("s1");
        session_keys(call.send().await.unwrap().credentials.unwrap())
    }

    /// A session of the platform's role.
    pub async fn platform(&self) -> Credentials {
        let sts = self.sts(self.platform_user());
        let role = self.sandbox.platform_role_arn();
        let answer = sts.assume_role().role_arn(role).role_session_name("server").send().await.unwrap();
        session_keys(answer.credentials.unwrap())
    }

    /// A role of the customer that the platform may assume with `external_id`, with one inline policy.
    pub async fn customer_role(&self, name: &str, external_id: &str, policy: &str) -> String {
        let trust = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{
                "Sid": "Platform", "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {{"AWS": "arn:aws:iam::{PLATFORM}:root"}},
                "Condition": {{
                    "StringEquals": {{"sts:ExternalId": "{external_id}"}},
                    "ArnEquals": {{"aws:PrincipalArn": "{}"}}
                }}
            }}]}}"#,
            self.sandbox.platform_role_arn()
        );
        let iam = self.iam();
        let role = iam.create_role().role_name(name).assume_role_policy_document(trust).send().await.unwrap();
        iam.put_role_policy()
            .role_name(name)
            .policy_name("bucket")
            .policy_document(policy)
            .send()
            .await
            .unwrap();
        role.role.unwrap().arn
    }

    /// A session of a customer's role, by way of the platform's.
    pub async fn backend(&self, role: &str, external_id: &str, policy: Option<&str>) -> Credentials {
        let sts = self.sts(self.platform().await);
        let call = sts.assume_role().role_arn(role).role_session_name("backend").external_id(external_id);
        let answer = call.set_policy(policy.map(str::to_owned)).send().await.unwrap();
        session_keys(answer.credentials.unwrap())
    }

    /// A bucket of the customer's, with one object `fw/a`.
    pub async fn bucket(&self, name: &str) {
        let s3 = self.s3(self.admin());
        s3.create_bucket()
            .bucket(name)
            .create_bucket_configuration(
                aws_sdk_s3::types::CreateBucketConfiguration::builder()
                    .location_constraint("us-west-2".into())
                    .build(),
            )
            .send()
            .await
            .unwrap();
        s3.put_object().bucket(name).key("fw/a").body(b"firmware".to_vec().into()).send().await.unwrap();
    }
}

pub fn s3_of(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

pub fn session_keys(credentials: aws_sdk_sts::types::Credentials) -> Credentials {
    Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        None,
        "session",
    )
}

/// The status and AWS code of a refusal; the message after a colon.
pub fn refusal<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    let error = result.unwrap_err();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{status} {code}: {message}"),
        (Some(code), None) => format!("{status} {code}"),
        _ => format!("{status} {error:?}"),
    }
}

/// As [`refusal`], without the message.
pub fn refusal_code<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    let text = refusal(result);
    text.split_once(": ").map_or(text.clone(), |(code, _)| code.to_owned())
}

/// A policy with one statement that allows.
pub fn allow(actions: &[&str], resources: &[&str]) -> String {
    let list = |items: &[&str]| items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": [{}], "Resource": [{}]}}]}}"#,
        list(actions),
        list(resources)
    )
}
