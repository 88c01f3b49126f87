//! `firmhold artifact`: what is released, whatever its version.

use clap::{Args, Subcommand};
use firmhold_core::{Artifact, Code, Problem};
use serde_json::json;

use super::{Outcome, Session, product};
use crate::catalogue;
use crate::client::{self, Client, quoted};
use crate::printer;

/// Artifacts: what is released, whatever its version
#[derive(Subcommand)]
pub enum ArtifactCommand {
    /// Make an artifact; `firmhold push` makes one by itself
    Create(Create),
    /// List artifacts
    List,
    /// Move an artifact to another product
    Set(Set),
}

/// Make an artifact; `firmhold push` makes one by itself
#[derive(Args)]
#[command(after_help = "Example: firmhold artifact create gateway-firmware --product gateway")]
pub struct Create {
    /// What to call it
    name: String,
    /// The product that it belongs to, by name
    #[arg(long)]
    product: Option<String>,
}

/// Move an artifact to another product
#[derive(Args)]
#[command(after_help = "Example: firmhold artifact set gateway-firmware --product gateway")]
pub struct Set {
    /// Its name or PRN
    artifact: String,
    /// The product that it belongs to from now on, by name
    #[arg(long, required_unless_present = "no_product", conflicts_with = "no_product")]
    product: Option<String>,
    /// It belongs to no product from now on
    #[arg(long)]
    no_product: bool,
}

impl ArtifactCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List => list(session).await,
            Self::Set(set) => set.run(session).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let client = &session.client;
        let product = match &self.product {
            Some(name) => Some(product::find(client, name).await?.meta.prn),
            None => None,
        };
        let organization = client.organization().await?;
        let made = catalogue::create_artifact(client, organization, &self.name, product).await?;
        session.printer.result(&made, describe);
        Ok(Outcome::Done)
    }
}

async fn list(session: &Session<'_>) -> Result<Outcome, Problem> {
    let artifacts: Vec<Artifact> = session.client.list("artifacts", None).await?;
    session.printer.result(&artifacts, |artifacts| {
        let mut rows = vec![["name", "product", "prn"].map(str::to_owned).to_vec()];
        rows.extend(artifacts.iter().map(|artifact| {
            let product = artifact.product_prn.map_or("none".to_owned(), |prn| prn.to_string());
            vec![artifact.name.clone(), product, artifact.meta.prn.to_string()]
        }));
        printer::table(&rows)
    });
    Ok(Outcome::Done)
}

impl Set {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let client = &session.client;
        let artifact = find(client, &self.artifact).await?;
        let product = match &self.product {
            Some(name) => Some(product::find(client, name).await?.meta.prn),
            None => None,
        };
        let path = format!("/artifacts/{}", artifact.meta.prn);
        let answer = client.patch(&path, &json!({ "product_prn": product })).await?;
        session.printer.result(&client::object::<Artifact>(answer, "artifact")?, describe);
        Ok(Outcome::Done)
    }
}

fn describe(artifact: &Artifact) -> String {
    let product = artifact.product_prn.map_or("none".to_owned(), |prn| prn.to_string());
    let rows =
        [("artifact", artifact.name.clone()), ("prn", artifact.meta.prn.to_string()), ("product", product)];
    rows.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
}

async fn find(client: &Client, text: &str) -> Result<Artifact, Problem> {
    let key = if text.starts_with("prn:") { "prn" } else { "name" };
    let mut found: Vec<Artifact> = client.list("artifacts", Some(&format!("{key}:{}", quoted(text)))).await?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Problem::new(Code::Usage, format!("several artifacts are called {text:?}"))
            .with_hint("name the PRN: `firmhold artifact list` shows them")),
        (None, _) => Err(Problem::new(Code::NotFound, format!("no artifact {text:?}"))
            .with_hint("`firmhold artifact list` shows those that there are")),
    }
}
