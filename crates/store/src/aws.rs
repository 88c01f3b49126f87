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
use firmhold_core::{Clock, Problem, problem::Code};

use crate::config::StoreConfig;
use crate::endpoint::PublicOnly;
use crate::target::{Access, Target};
use crate::ticket::Address;
use crate::whole_answer::WholeAnswer;

/// The clients' common ground.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    pub config: Arc<StoreConfig>,
    /// For AWS, or what the operator has configured in its place.
    own: Clients,
    /// For the endpoints that organizations name.
    outside: Clients,
}

/// What speaks HTTP, by whom it trusts and where it may go.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    sdk: SharedHttpClient,
    /// For what goes without credentials.
    pub plain: reqwest::Client,
    /// For bodies that take as long as they take: who sends one watches over it.
    pub sender: reqwest::Client,
}

/// Whom a client trusts and where it may go.
#[derive(Debug, Clone, Copy)]
struct Reach<'a> {
    /// Certificate authorities in PEM.
    bundle: Option<&'a [u8]>,
    /// Whether the bundle replaces those of the system, or adds to them.
    bundle_only: bool,
    /// Whether names may mean private addresses.
    private: bool,
}

impl Aws {
    /// Reads the CA bundle and sets the clients up; asks nobody anything.
    pub fn new(config: StoreConfig) -> Result<Self, Problem> {
        // An error means that the process has chosen one already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let bundle = config.read_ca_bundle()?;
        let own = Reach { bundle: bundle.as_deref(), bundle_only: true, private: true };
        let outside = Reach { bundle_only: false, private: config.allow_private_endpoints, ..own };
        Ok(Self { own: Clients::new(own)?, outside: Clients::new(outside)?, config: Arc::new(config) })
    }

    /// The clients of AWS itself.
    pub const fn own(&self) -> &Clients {
        &self.own
    }

    /// The clients for a target.
    pub const fn clients(&self, target: &Target) -> &Clients {
        match target.access {
            Access::Role(_) => &self.own,
            Access::Keys(_) => &self.outside,
        }
    }

    /// Where a target's bucket is.
    ///
    /// # Errors
    /// [`Code::Usage`] for an endpoint that is none; [`Code::StoreDenied`] for one that this server may not call.
    pub fn address(&self, target: &Target) -> Result<Address, Problem> {
        let Access::Keys(access) = &target.access else {
            return Address::of(target, self.config.endpoint_url.as_deref());
        };
        // It may have been allowed when it was stored.
        if !self.config.allow_private_endpoints {
            access.endpoint.must_be_public().map_err(|why| {
                Problem::new(Code::StoreDenied, format!("the backend's endpoint_url {why}"))
            })?;
        }
        Address::of(target, None)
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
            .http_client(self.own.sdk.clone())
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
            .http_client(self.own.sdk.clone())
            .time_source(self.time_source())
            .sleep_impl(TokioSleep::new())
            .retry_config(retries(3))
            .timeout_config(self.config.timeouts.sts())
            .interceptor(WholeAnswer)
            .retry_classifier(WholeAnswer);
        builder.set_endpoint_url(self.config.sts_endpoint().map(str::to_owned));
        aws_sdk_sts::Client::from_conf(builder.build())
    }

    /// S3 at the target's region.
    pub fn s3(&self, target: &Target, credentials: impl ProvideCredentials + 'static) -> aws_sdk_s3::Client {
        let (endpoint, path_style) = match &target.access {
            Access::Role(_) => (self.config.endpoint_url.clone(), self.config.endpoint_url.is_some()),
            Access::Keys(access) => (Some(access.endpoint.to_string()), access.uses_path_style()),
        };
        let role = target.access.role();
        let mut builder = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(target.region.clone()))
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .http_client(self.clients(target).sdk.clone())
            .time_source(self.time_source())
            .sleep_impl(TokioSleep::new())
            .retry_config(retries(4))
            .timeout_config(self.config.timeouts.s3())
            .interceptor(WholeAnswer)
            .retry_classifier(WholeAnswer)
            // Bodies are watched by `object_stream`: this one measures by the clock that tests turn.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // We send SHA-256 ourselves, and verify what we read against our own record.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(path_style)
            .use_fips(role.is_some_and(|role| role.use_fips))
            .use_dual_stack(role.is_some_and(|role| role.use_dualstack));
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

impl Clients {
    fn new(reach: Reach<'_>) -> Result<Self, Problem> {
        let short = plain_http(reach)?.read_timeout(Duration::from_secs(30));
        Ok(Self {
            sdk: sdk_http(reach)?,
            plain: short.build().map_err(Problem::internal)?,
            sender: plain_http(reach)?.build().map_err(Problem::internal)?,
        })
    }
}

fn sdk_http(reach: Reach<'_>) -> Result<SharedHttpClient, Problem> {
    let trust = match reach.bundle {
        Some(pem) if reach.bundle_only => TrustStore::empty().with_pem_certificate(pem),
        Some(pem) => TrustStore::default().with_pem_certificate(pem),
        None => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(Problem::internal)?;
    let provider = tls::Provider::rustls(tls::rustls_provider::CryptoMode::AwsLc);
    let builder = aws_smithy_http_client::Builder::new().tls_provider(provider).tls_context(context);
    Ok(if reach.private { builder.build_https() } else { builder.build_with_resolver(PublicOnly) })
}

/// Follows no redirects and takes no proxy from the environment: what it is told is what it asks.
fn plain_http(reach: Reach<'_>) -> Result<reqwest::ClientBuilder, Problem> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5));
    if !reach.private {
        builder = builder.dns_resolver(PublicOnly);
    }
    if let Some(pem) = reach.bundle {
        let unusable = |cause: reqwest::Error| {
            Problem::new(Code::Usage, "the CA bundle holds no certificates in PEM").caused_by(cause)
        };
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(unusable)?;
        if certificates.is_empty() {
            return Err(Problem::new(Code::Usage, "the CA bundle holds no certificates in PEM"));
        }
        builder = match reach.bundle_only {
            true => builder.tls_certs_only(certificates),
            false => builder.tls_certs_merge(certificates),
        };
    }
    Ok(builder)
}
