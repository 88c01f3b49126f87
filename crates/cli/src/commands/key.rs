//! `firmhold key`: API keys.

use clap::{Args, Subcommand};
use firmhold_core::{Prn, Problem, Scope, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Outcome, Session, product};
use crate::client;
use crate::printer::{Tone, toned};

/// API keys
#[derive(Subcommand)]
pub enum Key {
    /// Make an API key; its secret is shown this once
    Create(Create),
}

/// Make an API key; its secret is shown this once
#[derive(Args)]
#[command(
    after_help = "Examples:\n  firmhold key create ci --scope upload\n  firmhold key create ci --scope upload --product gateway\n\n\
    A CI job needs none that is stored: see `firmhold oidc-issuer add --help`."
)]
pub struct Create {
    /// What to call it
    name: String,
    /// What it may do: read, upload, release or admin
    #[arg(long)]
    scope: Scope,
    /// The product that it is limited to, by name; may be given several times [default: all]
    #[arg(long = "product", value_name = "NAME")]
    products: Vec<String>,
    /// When it ends (RFC 3339) [default: never]
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    expires_at: Option<Timestamp>,
}

/// What is printed of a new key.
#[derive(Serialize, Deserialize)]
struct Created {
    prn: String,
    name: String,
    scope: Scope,
    product_prns: Vec<Prn>,
    expires_at: Option<Timestamp>,
    secret: String,
}

impl Key {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        match self {
            Self::Create(create) => create.run(session).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let products = product::prns(&session.client, &self.products).await?;
        let body = serde_json::json!({
            "name": self.name, "scope": self.scope, "product_prns": products, "expires_at": self.expires_at,
        });
        let created: Created = client::object(session.client.post("/api_keys", &body).await?, "api_key")?;
        session.printer.result(&created, |key| {
            format!(
                "API key {} ({}) made. Its secret is shown this once:\n{}",
                key.name,
                key.scope,
                toned(Tone::Strong, &key.secret)
            )
        });
        Ok(Outcome::Done)
    }
}
