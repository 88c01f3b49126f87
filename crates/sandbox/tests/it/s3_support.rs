//! A sandbox and the real SDK's client on it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use firmhold_sandbox::{Sandbox, SandboxConfig, SeededUser};
use tempfile::TempDir;

use crate::harness::SandboxTime;

/// A region of the sandbox that has a name.
pub const REGION: &str = "eu-west-1";

/// A running sandbox with one bucket, `b`.
pub struct World {
    pub dir: TempDir,
    pub sandbox: Sandbox,
    pub s3: Client,
}

pub async fn start(dir: &TempDir) -> Sandbox {
    Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap()
}

fn keys(user: &SeededUser) -> Credentials {
    Credentials::new(&user.access_key_id, &user.secret_access_key, None, None, "test")
}

pub fn client(sandbox: &Sandbox, user: &SeededUser, region: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(keys(user))
        .region(Region::new(region.to_owned()))
        .endpoint_url(sandbox.http_url())
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

/// The same, with the SDK's clock at the sandbox's.
pub fn client_at(sandbox: &Sandbox, user: &SeededUser, region: &str, time: SandboxTime) -> Client {
    let config = client(sandbox, user, region).config().to_builder().time_source(time).build();
    Client::from_conf(config)
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = start(&dir).await;
        let s3 = client(&sandbox, sandbox.customer(), REGION);
        make_bucket(&s3, "acme-firmware").await;
        Self { dir, sandbox, s3 }
    }

    /// The id of a new key.
    pub async fn kms_key(&self) -> String {
        let config = self.s3.config();
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(keys(self.sandbox.customer()))
            .region(config.region().cloned())
            .endpoint_url(self.sandbox.http_url());
        let kms = aws_sdk_kms::Client::from_conf(config.build());
        let made = kms.create_key().send().await.unwrap();
        made.key_metadata.unwrap().key_id
    }

    pub async fn versioned() -> Self {
        let world = Self::new().await;
        set_versioning(&world.s3, BucketVersioningStatus::Enabled).await;
        world
    }
}

pub async fn make_bucket(s3: &Client, name: &str) {
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(REGION.into());
    s3.create_bucket().bucket(name).create_bucket_configuration(place.build()).send().await.unwrap();
}

pub async fn set_versioning(s3: &Client, status: BucketVersioningStatus) {
    let versioning = VersioningConfiguration::builder().status(status).build();
    s3.put_bucket_versioning()
        .bucket("acme-firmware")
        .versioning_configuration(versioning)
        .send()
        .await
        .unwrap();
}

/// Puts and answers the version id.
pub async fn put(s3: &Client, key: &str, bytes: &[u8]) -> Option<String> {
    let body = ByteStream::from(bytes.to_vec());
    let put = s3.put_object().bucket("acme-firmware").key(key).body(body).send().await.unwrap();
    put.version_id
}

pub async fn get(s3: &Client, key: &str) -> Vec<u8> {
    let got = s3.get_object().bucket("acme-firmware").key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

/// Status and code of a refusal, such as `404 NoSuchKey`.
pub fn refusal<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> String {
    let Err(error) = result else { return "accepted".to_owned() };
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    format!("{status} {}", error.code().unwrap_or("-"))
}

/// A plain HTTP client, for presigned URLs.
pub fn http() -> reqwest::Client {
    // Only the first test of a process installs it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::new()
}
