//! How AWS is spoken to: one HTTP client, one clock, bounded time and retries for every call.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::config::{
    IdentityCache, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use firmhold_core::{Clock, Problem, problem::Code};

use crate::config::StoreConfig;
use crate::target::Target;

/// The clients' common ground.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    pub config: Arc<StoreConfig>,
    http: SharedHttpClient,
    /// For what goes without credentials.
    pub plain: reqwest::Client,
}

impl Aws {
    /// Reads the CA bundle and sets the clients up; asks nobody anything.
    pub fn new(config: StoreConfig) -> Result<Self, Problem> {
        // An error means that the process has chosen one already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let bundle = config.read_ca_bundle()?;
        Ok(Self {
            http: sdk_http(bundle.as_deref())?,
            plain: plain_http(bundle.as_deref())?,
            config: Arc::new(config),
        })
    }

    /// The clock as the SDK wants it.
    pub fn time_source(&self) -> SharedTimeSource {
        SharedTimeSource::new(ClockTime(self.config.clock.clone()))
    }

    /// Where the platform's first credentials come from: the configured keys, else the default chain.
    pub async fn base_credentials(&self) -> Option<SharedCredentialsProvider> {
        if let Some(keys) = &self.config.base_credentials {
            let token = keys.session_token.as_ref().map(|token| token.expose().to_owned());
            let secret = keys.secret_access_key.expose();
            let keys = Credentials::new(keys.access_key_id.clone(), secret, token, None, "configured");
            return Some(SharedCredentialsProvider::new(keys));
        }
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.config.region.clone()))
            .http_client(self.http.clone())
            .time_source(self.time_source())
            .load()
            .await
            .credentials_provider()
    }

    /// STS at the platform's region.
    pub fn sts(&self, credentials: impl ProvideCredentials + 'static) -> aws_sdk_sts::Client {
        let mut builder = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.config.region.clone()))
            .credentials_provider(credentials)
            // Our keeper is the cache, and its clock is ours.
            .identity_cache(IdentityCache::no_cache())
            .http_client(self.http.clone())
            .time_source(self.time_source())
            .sleep_impl(TokioSleep::new())
            .retry_config(retries(3))
            .timeout_config(timeouts(Duration::from_secs(5), Duration::from_secs(12)));
        builder.set_endpoint_url(self.config.sts_endpoint().map(str::to_owned));
        aws_sdk_sts::Client::from_conf(builder.build())
    }

    /// S3 at the target's region.
    pub fn s3(&self, target: &Target, credentials: impl ProvideCredentials + 'static) -> aws_sdk_s3::Client {
        let endpoint = self.config.endpoint_url.clone();
        let mut builder = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(target.region.clone()))
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .http_client(self.http.clone())
            .time_source(self.time_source())
            .sleep_impl(TokioSleep::new())
            .retry_config(retries(4))
            .timeout_config(timeouts(Duration::from_secs(30), Duration::from_secs(90)))
            // Bodies are watched by `object_stream`: this one measures by the clock that tests turn.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // We send SHA-256 ourselves, and verify what we read against our own record.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(endpoint.is_some())
            .use_fips(target.use_fips)
            .use_dual_stack(target.use_dualstack);
        builder.set_endpoint_url(endpoint);
        aws_sdk_s3::Client::from_conf(builder.build())
    }
}

#[derive(Debug)]
struct ClockTime(Clock);

impl TimeSource for ClockTime {
    fn now(&self) -> SystemTime {
        self.0.now().to_system_time()
    }
}

fn retries(attempts: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(100))
        .with_max_backoff(Duration::from_secs(3))
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(3100))
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

fn sdk_http(bundle: Option<&[u8]>) -> Result<SharedHttpClient, Problem> {
    let trust = match bundle {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem),
        None => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(Problem::internal)?;
    let provider = tls::Provider::rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Ok(aws_smithy_http_client::Builder::new().tls_provider(provider).tls_context(context).build_https())
}

/// Follows no redirects and takes no proxy from the environment: what it is told is what it asks.
fn plain_http(bundle: Option<&[u8]>) -> Result<reqwest::Client, Problem> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30));
    if let Some(pem) = bundle {
        let unusable = |cause: reqwest::Error| {
            Problem::new(Code::Usage, "the CA bundle holds no certificates in PEM").caused_by(cause)
        };
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(unusable)?;
        if certificates.is_empty() {
            return Err(Problem::new(Code::Usage, "the CA bundle holds no certificates in PEM"));
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(Problem::internal)
}
