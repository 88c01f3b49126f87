//! `firmhold product`: what artifacts belong to, and keys can be limited to.

use clap::{Args, Subcommand, ValueEnum};
use firmhold_core::{Code, Prn, Problem, Product};
use serde_json::{Map, json};

use super::{Outcome, Session, backend};
use crate::client::{self, Client, quoted};
use crate::printer;

/// Products: what artifacts belong to, and keys can be limited to
#[derive(Subcommand)]
pub enum ProductCommand {
    /// Make a product
    Create(Create),
    /// List products
    List,
    /// Show one product
    Show(Show),
    /// Change a product
    Set(Set),
}

/// Make a product
#[derive(Args)]
#[command(after_help = "Example: firmhold product create gateway --backend prod")]
pub struct Create {
    /// What to call it
    name: String,
    /// The backend of its artifacts' new binaries, by name [default: the organization's]
    #[arg(long)]
    backend: Option<String>,
    /// How links to its binaries are answered [default: as the backend says]
    #[arg(long, value_name = "MODE")]
    delivery: Option<Delivery>,
}

/// How links are answered.
#[derive(Clone, Copy, ValueEnum)]
enum Delivery {
    /// By a redirect to a store URL.
    Redirect,
    /// By the server itself.
    Proxy,
    /// As the backend says.
    Backend,
}

/// Show one product
#[derive(Args)]
pub struct Show {
    /// Its name or PRN
    product: String,
}

/// Change a product
#[derive(Args)]
#[command(after_help = "Example: firmhold product set gateway --delivery proxy")]
#[group(required = true, multiple = true, id = "product_change")]
pub struct Set {
    /// Its name or PRN
    #[arg(group = "which_product")]
    product: String,
    /// What to call it from now on
    #[arg(long, group = "product_change")]
    name: Option<String>,
    /// The backend of its artifacts' new binaries, by name
    #[arg(long, group = "product_change")]
    backend: Option<String>,
    /// How links to its binaries are answered
    #[arg(long, value_name = "MODE", group = "product_change")]
    delivery: Option<Delivery>,
    /// Whether it takes new cohorts, devices and releases: false, and true for an archived one
    #[arg(long, value_name = "BOOL", group = "product_change")]
    archived: Option<bool>,
}

impl ProductCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// As the API's.
    pub async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List => list(session).await,
            Self::Show(show) => {
                session.printer.result(&find(&session.client, &show.product).await?, describe);
                Ok(Outcome::Done)
            }
            Self::Set(set) => set.run(session).await,
        }
    }
}

impl Delivery {
    const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Redirect => Some("redirect"),
            Self::Proxy => Some("proxy"),
            Self::Backend => None,
        }
    }
}

impl Create {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let client = &session.client;
        let body = json!({
            "name": self.name,
            "backend_prn": backend_prn(client, self.backend.as_deref()).await?,
            "delivery_mode": self.delivery.and_then(Delivery::as_str),
        });
        let made: Product = client::object(client.post("/products", &body).await?, "product")?;
        session.printer.result(&made, describe);
        Ok(Outcome::Done)
    }
}

async fn backend_prn(client: &Client, name: Option<&str>) -> Result<Option<Prn>, Problem> {
    match name {
        Some(name) => Ok(Some(backend::find(client, name).await?.meta.prn)),
        None => Ok(None),
    }
}

async fn list(session: &Session<'_>) -> Result<Outcome, Problem> {
    let products: Vec<Product> = session.client.list("products", None).await?;
    session.printer.result(&products, |products| {
        let mut rows = vec![["name", "archived", "delivery", "prn"].map(str::to_owned).to_vec()];
        rows.extend(products.iter().map(|product| {
            vec![
                product.name.clone(),
                if product.archived { "yes" } else { "no" }.to_owned(),
                product.delivery_mode.map_or("as its backend", |mode| mode.as_str()).to_owned(),
                product.meta.prn.to_string(),
            ]
        }));
        printer::table(&rows)
    });
    Ok(Outcome::Done)
}

fn describe(product: &Product) -> String {
    let backend = product.backend_prn.map_or("the organization's default".to_owned(), |prn| prn.to_string());
    let rows = [
        ("product", product.name.clone()),
        ("prn", product.meta.prn.to_string()),
        ("archived", if product.archived { "yes" } else { "no" }.to_owned()),
        ("backend", backend),
        ("delivery", product.delivery_mode.map_or("as its backend", |mode| mode.as_str()).to_owned()),
    ];
    rows.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect()
}

impl Set {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let client = &session.client;
        let product = find(client, &self.product).await?;
        let mut body = Map::new();
        if let Some(name) = self.name {
            body.insert("name".to_owned(), json!(name));
        }
        if let Some(prn) = backend_prn(client, self.backend.as_deref()).await? {
            body.insert("backend_prn".to_owned(), json!(prn));
        }
        if let Some(delivery) = self.delivery {
            body.insert("delivery_mode".to_owned(), json!(delivery.as_str()));
        }
        if let Some(archived) = self.archived {
            body.insert("archived".to_owned(), json!(archived));
        }
        let answer = client.patch(&format!("/products/{}", product.meta.prn), &body).await?;
        session.printer.result(&client::object::<Product>(answer, "product")?, describe);
        Ok(Outcome::Done)
    }
}

/// The product with this name or PRN.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn find(client: &Client, text: &str) -> Result<Product, Problem> {
    let key = if text.starts_with("prn:") { "prn" } else { "name" };
    let found: Vec<Product> = client.list("products", Some(&format!("{key}:{}", quoted(text)))).await?;
    found.into_iter().next().ok_or_else(|| {
        Problem::new(Code::NotFound, format!("no product {text:?}"))
            .with_hint("`firmhold product list` shows those that there are")
    })
}

/// The PRNs of the products with these names.
///
/// # Errors
/// As [`find`].
pub async fn prns(client: &Client, names: &[String]) -> Result<Vec<Prn>, Problem> {
    let mut prns = Vec::with_capacity(names.len());
    for name in names {
        prns.push(find(client, name).await?.meta.prn);
    }
    Ok(prns)
}
