//! Asks an issuer for its keys: its discovery document, then the set that it names. An issuer's address comes from an
//! organization and is called from inside the operator's network, so nothing private is called, no redirect is
//! followed, and every answer is bounded in size and time.

use std::path::Path;
use std::time::Duration;

use firmhold_core::problem::chain;
use firmhold_core::{Code, Problem};
use firmhold_store::PublicOnly;
use reqwest::{Certificate, Client};
use serde::Deserialize;
use url::Url;

use super::Refused;
use super::jwks::Jwks;
use crate::private_address;

/// An issuer that takes longer counts as one that cannot be reached.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest answer that is read. The big issuers have 2 to 20 KiB.
const MAX_ANSWER: usize = 256 * 1024;

/// Who asks issuers.
#[derive(Debug)]
pub struct Fetcher {
    http: Client,
    allow_private: bool,
}

/// The members of a discovery document that matter.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Fetcher {
    /// One that trusts the system's certificates and those in `ca_bundle`.
    ///
    /// # Errors
    /// [`Code::Usage`] if the bundle cannot be read.
    pub fn new(ca_bundle: Option<&Path>, allow_private: bool) -> Result<Self, Problem> {
        // An error means that the process has chosen one already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("firmhold/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // Asked once in minutes: a connection that is kept would only be found dead.
            .pool_max_idle_per_host(0)
            // A proxy would look names up by itself, private ones too.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        if !allow_private {
            builder = builder.dns_resolver(PublicOnly);
        }
        if let Some(path) = ca_bundle {
            for certificate in read_bundle(path)? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        Ok(Self { http: builder.build().map_err(Problem::internal)?, allow_private })
    }

    /// The keys that `issuer` publishes.
    ///
    /// # Errors
    /// If it cannot be reached, answers with something else, or names an address that may not be called.
    pub async fn jwks(&self, issuer: &str) -> Result<Jwks, Refused> {
        // OpenID Connect Discovery 1.0, section 4: without the final slash.
        let at = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery: Discovery = serde_json::from_slice(&self.get(&at).await?)
            .map_err(|_| Refused::because("the issuer's discovery document has no issuer or jwks_uri"))?;
        if discovery.issuer != issuer {
            return Err(Refused::because("the discovery document is another issuer's"));
        }
        if issuer.starts_with("https:") && !discovery.jwks_uri.starts_with("https:") {
            return Err(Refused::because("the issuer's jwks_uri is not https"));
        }
        Jwks::parse(&self.get(&discovery.jwks_uri).await?)
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, Refused> {
        let url: Url =
            url.parse().map_err(|_| Refused::because("the issuer names an address that is no URL"))?;
        private_address::check(&url, self.allow_private)
            .map_err(|why| Refused::because(format!("an address of the issuer {why}")))?;
        let request = self.http.get(url).header("accept", "application/json");
        let mut response = request.send().await.map_err(unreachable)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(Refused::because(format!("the issuer answered {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(Refused::because(format!(
                    "the issuer's answer has more than {MAX_ANSWER} bytes"
                )));
            }
        }
        Ok(body)
    }
}

fn unreachable(error: reqwest::Error) -> Refused {
    Refused::because(format!("the issuer cannot be reached: {}", chain(&error)))
}

fn read_bundle(path: &Path) -> Result<Vec<Certificate>, Problem> {
    let unreadable =
        || Problem::new(Code::Usage, format!("cannot read certificates from {}", path.display()));
    let pem = std::fs::read(path).map_err(|error| unreadable().caused_by(error))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| unreadable().caused_by(error))
}
