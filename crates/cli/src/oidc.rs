//! A CI job's token for a key (API contract 13.5): the job needs no stored key, and the key is never written down.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use firmhold_core::{Code, Problem, Scope, Secret, Timestamp};
use serde::Deserialize;
use serde_json::json;

use crate::api_key::ApiKey;
use crate::args::Global;
use crate::client::{self, Client};
use crate::profile::Profile;

/// Where the token comes from.
#[derive(Args, Clone)]
pub struct TokenArgs {
    /// Exchange the CI system's OIDC token in this file for a key
    #[arg(
        long,
        global = true,
        env = "FIRMHOLD_OIDC_TOKEN_FILE",
        value_name = "FILE",
        help_heading = "Server",
        long_help = "Exchange the CI system's OIDC token in this file for a key, for this one command. \
                     FIRMHOLD_OIDC_TOKEN may hold the token itself. An API key wins over both."
    )]
    pub oidc_token_file: Option<PathBuf>,
}

/// A key for a while.
#[derive(Deserialize)]
pub struct Exchanged {
    /// The key's secret.
    pub secret: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it may do.
    pub scope: Scope,
}

impl TokenArgs {
    /// The token, if one is given: in the file, else in the environment.
    ///
    /// # Errors
    /// [`Code::Usage`] if the file cannot be read.
    pub fn token(&self) -> Result<Option<Secret>, Problem> {
        let Some(path) = &self.oidc_token_file else {
            let given = std::env::var("FIRMHOLD_OIDC_TOKEN").ok().filter(|token| !token.is_empty());
            return Ok(given.map(Secret::new));
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::new(Code::Usage, format!("cannot read the OIDC token in {}", path.display()))
                .caused_by(error)
        })?;
        Ok(Some(Secret::new(text.trim())))
    }
}

/// A key for the token, if there is one and no key was given beside it.
///
/// # Errors
/// As the API's; [`Code::Usage`] if the token cannot be read.
pub async fn key_for_token(global: &Global) -> Result<Option<Arc<ApiKey>>, Problem> {
    if global.api_key.is_some() {
        return Ok(None);
    }
    let Some(token) = global.oidc.token()? else { return Ok(None) };
    let key = ApiKey::exchanged(Profile::resolve(global)?, global.oidc.clone(), token).await?;
    Ok(Some(Arc::new(key)))
}

/// Exchanges a token at the profile's server.
///
/// # Errors
/// As the API's.
pub async fn exchange(
    profile: &Profile,
    token: &Secret,
    ttl_seconds: Option<u32>,
    issuer: Option<&str>,
) -> Result<Exchanged, Problem> {
    let url = profile.url.as_deref().ok_or_else(|| {
        Problem::new(Code::Usage, "no server given")
            .with_hint("set FIRMHOLD_URL, give --url, or write a profile")
    })?;
    // The one route that looks at no key.
    let client = Client::with(url, Secret::new(""), profile.ca_file.as_deref())?;
    let body = json!({ "token": token.expose(), "ttl_seconds": ttl_seconds, "oidc_issuer_prn": issuer });
    let answer = client.post("/oidc/exchange", &body).await.map_err(|problem| match problem.code() {
        Code::Unauthenticated => problem.with_hint(
            "audience and subject must be those of `firmhold oidc-issuer list`, and most tokens can be exchanged once; \
             the server's log has the cause",
        ),
        _ => problem,
    })?;
    client::parse(answer)
}
