//! The owner's way into the account.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
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
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    pub(crate) signed: Signed,
}

impl Clients {
    /// Reads certificates and configuration; asks nothing of AWS yet.
    pub(crate) async fn open(access: &OwnerAccess) -> Result<Self, Problem> {
        let bundle = match &access.ca_bundle {
            Some(path) => Some(read_bundle(path).await?),
            None => None,
        };
        let config = sdk_config(access, bundle.as_deref()).await?;
        // An endpoint in the AWS config file counts as well.
        let elsewhere = config.endpoint_url().is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(elsewhere);
        Ok(Self {
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            iam: aws_sdk_iam::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            signed: Signed::open(access, &config, bundle.as_deref())?,
        })
    }
}

async fn sdk_config(access: &OwnerAccess, bundle: Option<&[u8]>) -> Result<SdkConfig, Problem> {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(access.region.clone()))
        .time_source(time_source(&access.clock));
    if let Some(endpoint) = &access.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(bundle) = bundle {
        loader = loader.http_client(http_client(bundle)?);
    }
    loader = match &access.credentials {
        OwnerCredentials::Default => loader,
        OwnerCredentials::Profile(name) => loader.profile_name(name),
        OwnerCredentials::Static { access_key_id, secret_access_key, session_token } => loader
            .credentials_provider(Credentials::new(
                access_key_id,
                secret_access_key.expose(),
                session_token.as_ref().map(|token| token.expose().to_owned()),
                None,
                "owner",
            )),
    };
    Ok(loader.load().await)
}

async fn read_bundle(path: &Path) -> Result<Vec<u8>, Problem> {
    tokio::fs::read(path).await.map_err(|error| {
        let says = format!("cannot use {} as certificate authorities", path.display());
        Problem::new(Code::LocalFile, says).caused_by(error)
    })
}

fn http_client(bundle: &[u8]) -> Result<aws_smithy_runtime_api::client::http::SharedHttpClient, Problem> {
    let trust = TrustStore::default().with_pem_certificate(bundle);
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|error| {
        Problem::new(Code::LocalFile, "the certificate authorities cannot be used").caused_by(error)
    })?;
pub(crate) async fn http_client(
    bundle: &Path,
) -> Result<aws_smithy_runtime_api::client::http::SharedHttpClient, Problem> {
    let unusable = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Problem::new(Code::LocalFile, format!("cannot use {} as certificate authorities", bundle.display()))
            .caused_by(cause)
    };
    let pem = tokio::fs::read(bundle).await.map_err(|error| unusable(error.into()))?;
    let trust = TrustStore::default().with_pem_certificate(pem);
    let context =
        TlsContext::builder().with_trust_store(trust).build().map_err(|error| unusable(error.into()))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}

/// The clock as the SDK wants it.
pub(crate) fn time_source(clock: &Clock) -> impl TimeSource + use<> {
    SdkTime(clock.clone())
}

/// The SDK's view of our clock.
#[derive(Debug)]
struct SdkTime(Clock);

impl TimeSource for SdkTime {
    fn now(&self) -> SystemTime {
        self.0.now().to_system_time()
    }
}
