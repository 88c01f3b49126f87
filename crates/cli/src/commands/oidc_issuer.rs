//! `firmhold oidc-issuer`: whose tokens are exchanged for keys.

use clap::{Args, Subcommand};
use firmhold_core::oidc_issuer::CreateOidcIssuer;
use firmhold_core::{Code, OidcIssuer, Problem, Scope};

use super::{Outcome, Session, product};
use crate::client::{self, Client};
use crate::printer;

/// CI systems whose OIDC tokens are exchanged for keys
#[derive(Subcommand)]
pub enum OidcIssuerCommand {
    /// Trust a CI system's tokens, as far as audience and subject go
    Add(Box<Add>),
    /// List issuers
    List,
    /// Show one issuer
    Show(Named),
    /// Trust it no longer, and end its keys
    Remove(Named),
}

/// Trust a CI system's tokens, as far as audience and subject go
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold oidc-issuer add github --issuer https://token.actions.githubusercontent.com \\\n      \
    --subject 'repo:acme/gateway:ref:refs/heads/main' --scope upload --product gateway\n  \
    firmhold oidc-issuer add gitlab --issuer https://gitlab.com \\\n      \
    --subject 'project_path:acme/gateway:ref_type:tag:ref:v*' --scope upload --product gateway\n\n\
    The CI job must ask for a token with the audience that `firmhold oidc-issuer show` prints.")]
pub struct Add {
    /// What to call it
    name: String,
    /// The issuer's address, exactly as its tokens have it
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// Who may: a pattern for the token's subject, * for any characters; may be given several times
    #[arg(long = "subject", value_name = "PATTERN", required = true)]
    subjects: Vec<String>,
    /// What the keys may do: read, upload or release
    #[arg(long)]
    scope: Scope,
    /// The product that the keys are limited to, by name; may be given several times [default: all]
    #[arg(long = "product", value_name = "NAME")]
    products: Vec<String>,
    /// What tokens must be for; holds the organization's UUID [default: firmhold:UUID]
    #[arg(long)]
    audience: Option<String>,
    /// Longest life of a key [default: 900]
    #[arg(long, value_name = "SECONDS")]
    max_ttl: Option<u32>,
}

/// Which issuer
#[derive(Args)]
pub struct Named {
    /// Its name or PRN
    issuer: String,
}

impl OidcIssuerCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        match self {
            Self::Add(add) => add.run(session).await,
            Self::List => list(session).await,
            Self::Show(named) => named.show(session).await,
            Self::Remove(named) => named.remove(session).await,
        }
    }
}

impl Add {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let client = &session.client;
        let audience = match self.audience {
            Some(audience) => audience,
            None => format!("firmhold:{}", client.organization().await?.0),
        };
        let body = CreateOidcIssuer {
            name: self.name,
            issuer: self.issuer,
            audience,
            subjects: self.subjects,
            scope: Some(self.scope),
            product_prns: product::prns(client, &self.products).await?,
            max_ttl_seconds: self.max_ttl,
        };
        let made: OidcIssuer = client::object(client.post("/oidc_issuers", &body).await?, "oidc_issuer")?;
        session.printer.result(&made, describe);
        Ok(Outcome::Done)
    }
}

async fn list(session: &Session<'_>) -> Result<Outcome, Problem> {
    let issuers: Vec<OidcIssuer> = session.client.list("oidc_issuers", None).await?;
    session.printer.result(&issuers, |issuers| {
        let mut rows = vec![["name", "issuer", "scope", "products", "subjects"].map(str::to_owned).to_vec()];
        rows.extend(issuers.iter().map(|issuer| {
            vec![
                issuer.name.clone(),
                issuer.issuer.clone(),
                issuer.scope.to_string(),
                limit(issuer),
                issuer.subjects.join(" "),
            ]
        }));
        printer::table(&rows)
    });
    Ok(Outcome::Done)
}

impl Named {
    async fn show(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        session.printer.result(&find(&session.client, &self.issuer).await?, describe);
        Ok(Outcome::Done)
    }

    async fn remove(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let issuer = find(&session.client, &self.issuer).await?;
        session.client.delete(&format!("/oidc_issuers/{}", issuer.meta.prn)).await?;
        session
            .printer
            .result(&issuer, |issuer| format!("Issuer {} is gone, and its keys with it.", issuer.name));
        Ok(Outcome::Done)
    }
}

fn limit(issuer: &OidcIssuer) -> String {
    match issuer.product_prns.len() {
        0 => "all".to_owned(),
        count => count.to_string(),
    }
}

fn describe(issuer: &OidcIssuer) -> String {
    let mut rows = vec![
        ("issuer", issuer.issuer.clone()),
        ("name", issuer.name.clone()),
        ("prn", issuer.meta.prn.to_string()),
        ("audience", issuer.audience.clone()),
        ("scope", issuer.scope.to_string()),
        ("keys live", format!("{} s at most", issuer.max_ttl_seconds)),
    ];
    rows.extend(issuer.subjects.iter().map(|subject| ("subject", subject.clone())));
    rows.extend(issuer.product_prns.iter().map(|prn| ("product", prn.to_string())));
    rows.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
}

async fn find(client: &Client, text: &str) -> Result<OidcIssuer, Problem> {
    let issuers: Vec<OidcIssuer> = client.list("oidc_issuers", None).await?;
    let mut found: Vec<OidcIssuer> = issuers
        .into_iter()
        .filter(|issuer| issuer.name == text || issuer.meta.prn.to_string() == text)
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Problem::new(Code::Usage, format!("several issuers are called {text:?}"))
            .with_hint("name the PRN: `firmhold oidc-issuer list --json` shows them")),
        (None, _) => Err(Problem::new(Code::NotFound, format!("no issuer {text:?}"))
            .with_hint("`firmhold oidc-issuer list` shows those that there are")),
    }
}
