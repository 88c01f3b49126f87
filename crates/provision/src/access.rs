//! The owner's way into the account.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use firmhold_core::{Clock, Code, Problem, Secret};

use crate::signed::Signed;

/// Whose credentials are used.
#[derive(Debug, Clone)]
pub enum OwnerCredentials {
    /// The usual chain: environment, profile, SSO, web identity, instance.
    Default,
    /// This profile of the AWS config files.
    Profile(String),
    /// These keys.
    Static {
        /// `AKIA…` or `ASIA…`
        access_key_id: String,
        /// Its secret.
        secret_access_key: Secret,
        /// With temporary keys.
        session_token: Option<Secret>,
    },
}

/// How to reach the owner's account.
#[derive(Debug, Clone)]
pub struct OwnerAccess {
    /// The bucket's region; IAM has none.
    pub region: String,
    /// Instead of AWS's hosts, for S3, STS and IAM alike: the sandbox.
    pub endpoint_url: Option<String>,
    /// Further certificate authorities to trust, in PEM.
    pub ca_bundle: Option<PathBuf>,
    /// The owner's credentials.
    pub credentials: OwnerCredentials,
    /// The time to sign by (design D14).
    pub clock: Clock,
}

/// The clients that a run needs.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    pub(crate) signed: Signed,
}

impl Clients {
    /// Reads certificates and configuration; asks nothing of AWS yet.
    pub(crate) async fn open(
        access: &OwnerAccess,
        credentials: SharedCredentialsProvider,
    ) -> Result<Self, Problem> {
        let config = loader(access).await?.credentials_provider(credentials).load().await;
        // An endpoint in the AWS config file counts as well.
        let elsewhere = config.endpoint_url().is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(elsewhere);
        Ok(Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            iam: aws_sdk_iam::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            signed: Signed::open(access, &config, access.bundle().await?.as_deref())?,
        })
    }
}

impl OwnerAccess {
    /// The text of the certificate authorities.
    async fn bundle(&self) -> Result<Option<Vec<u8>>, Problem> {
        let Some(path) = &self.ca_bundle else { return Ok(None) };
        let text = tokio::fs::read(path).await;
        text.map(Some).map_err(|error| unusable(path).caused_by(error))
    }
}

/// What everything that talks to AWS is configured by, but for its credentials.
pub(crate) async fn loader(access: &OwnerAccess) -> Result<ConfigLoader, Problem> {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(access.region.clone()))
        .time_source(SdkTime(access.clock.clone()));
    if let Some(endpoint) = &access.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    if let OwnerCredentials::Profile(name) = &access.credentials {
        loader = loader.profile_name(name);
    }
    if let (Some(bundle), Some(path)) = (access.bundle().await?, &access.ca_bundle) {
        let trust = TrustStore::default().with_pem_certificate(bundle);
        let context = TlsContext::builder().with_trust_store(trust).build();
        let context = context.map_err(|error| unusable(path).caused_by(error))?;
        let client = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .tls_context(context)
            .build_https();
        loader = loader.http_client(client);
    }
    Ok(loader)
}

fn unusable(path: &Path) -> Problem {
    Problem::new(Code::LocalFile, format!("cannot use {} as certificate authorities", path.display()))
}

/// The SDK's view of our clock.
#[derive(Debug)]
struct SdkTime(Clock);

impl TimeSource for SdkTime {
    fn now(&self) -> SystemTime {
        self.0.now().to_system_time()
    }
}
