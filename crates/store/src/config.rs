//! How the store reaches AWS.

use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use firmhold_core::{Clock, Problem, Secret, problem::Code};

use crate::timeouts::Timeouts;

/// Settings of the data plane (design D12). The usual `AWS_…` variables still feed the default credential chain.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Region of the platform: its STS endpoint is the one that assumes every role.
    pub region: String,
    /// Where S3 (and STS, unless told otherwise) listens instead of AWS: the sandbox. Addresses are path-style then.
    pub endpoint_url: Option<String>,
    /// Where STS listens instead of AWS.
    pub sts_endpoint_url: Option<String>,
    /// PEM file of the certificate authorities to trust *instead of* the system's, as `AWS_CA_BUNDLE` means it.
    pub ca_bundle: Option<PathBuf>,
    /// `arn:PARTITION:iam::ACCOUNT:role/NAME`: whom the backends' roles trust.
    pub platform_role_arn: String,
    /// The one clock (D14).
    pub clock: Clock,
    /// Whether an S3-compatible store may listen at `http`, or at a private, loopback or link-local address (API
    /// contract 12.2).
    pub allow_private_endpoints: bool,
    /// Used instead of the default credential chain.
    pub base_credentials: Option<StaticKeys>,
    /// How long AWS may take.
    pub timeouts: Timeouts,
}

impl StoreConfig {
    /// Of the real AWS in `region`, by the default credential chain and the machine's clock.
    pub fn new(region: impl Into<String>, platform_role_arn: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            endpoint_url: None,
            sts_endpoint_url: None,
            ca_bundle: None,
            platform_role_arn: platform_role_arn.into(),
            clock: Clock::system(),
            allow_private_endpoints: false,
            base_credentials: None,
            timeouts: Timeouts::default(),
        }
    }

    /// Where STS listens, if not at AWS.
    pub(crate) fn sts_endpoint(&self) -> Option<&str> {
        self.sts_endpoint_url.as_deref().or(self.endpoint_url.as_deref())
    }

    /// The PEM text of `ca_bundle`.
    pub(crate) fn read_ca_bundle(&self) -> Result<Option<Vec<u8>>, Problem> {
        let Some(path) = &self.ca_bundle else { return Ok(None) };
        let unreadable = |cause: std::io::Error| {
            let text = format!("the CA bundle {} cannot be read", path.display());
            Problem::new(Code::Usage, text).caused_by(cause)
        };
        std::fs::read(path).map(Some).map_err(unreadable)
    }
}

/// An access key: of an S3-compatible store, or as tests and the demo hand it in for the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticKeys {
    /// `AKIA…`
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// If it belongs to a session.
    pub session_token: Option<Secret>,
}

/// So that sessions can be looked up by what a target is. The hash goes nowhere.
impl Hash for StaticKeys {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.access_key_id.hash(state);
        self.secret_access_key.expose().hash(state);
        self.session_token.as_ref().map(Secret::expose).hash(state);
    }
}

impl StaticKeys {
    /// Keys of a user.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: Secret::new(secret_access_key),
            session_token: None,
        }
    }
}
