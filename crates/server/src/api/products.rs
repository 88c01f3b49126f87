//! `/products` (API contract 3): as far as artifacts, backends and keys need them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use firmhold_core::{Code, DeliveryMode, Meta, Prn, PrnKind, Problem, Product, Scope, text};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Fields, given};
use super::page::{ListQuery, ListSpec, Order};
use super::records::{self, or_taken};
use super::search::{EQUAL, SearchKey, TEXT, ValueKind};
use super::{AdminCaller, ApiResult, Caller, IfMatch, JsonBody, PrnPath};
use crate::App;
use crate::backends::BackendRow;
use crate::binaries::manifest::{self, Told};
use crate::catalogue::record::{self, Record as _};
use crate::db::{Conn, DbResult as _};
use crate::events;

const LIST: ListSpec = ListSpec {
    plural: "products",
    kind: PrnKind::Product,
    select: "SELECT * FROM products",
    table: "products",
    search: Some(&[
        SearchKey::new("name", "name", ValueKind::Text, TEXT),
        SearchKey::new("archived", "archived", ValueKind::Flag, EQUAL),
    ]),
    order: Order::Asc,
};

const NOT_YET: &str = "is not supported yet by this version";
const TAKEN: &str = "the organization has a product of this name";

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/products", get(list).post(create)).route("/products/{prn}", get(show).patch(change))
}

/// What a body asks for.
struct Wish {
    name: Option<String>,
    archived: Option<bool>,
    backend: Option<Option<Prn>>,
    delivery_mode: Option<Option<DeliveryMode>>,
}

impl Wish {
    async fn read(conn: &mut Conn, organization: Uuid, fields: &mut Fields) -> Result<Self, Problem> {
        let backend = fields.nullable("backend_prn", fields::prn(PrnKind::Backend, organization));
        if let Some(Some(id)) = backend
            && !backend_exists(conn, organization, id).await?
        {
            fields.errors.add("backend_prn", fields::unknown(PrnKind::Backend));
        }
        for later in ["retention", "allowed_regions"] {
            fields.nullable(later, not_yet);
        }
        Ok(Self {
            name: fields.required("name", fields::text(text::NAME)),
            archived: fields.defaulted("archived", fields::boolean),
            backend: backend.map(|id| id.map(|id| Prn::new(organization, PrnKind::Backend, id))),
            delivery_mode: fields.nullable("delivery_mode", delivery_mode),
        })
    }
}

async fn backend_exists(conn: &mut Conn, organization: Uuid, id: Uuid) -> Result<bool, Problem> {
    match BackendRow::find_uncounted(conn, organization, id).await {
        Ok(_) => Ok(true),
        Err(problem) if problem.code() == Code::NotFound => Ok(false),
        Err(problem) => Err(problem),
    }
}

fn not_yet(_: &Value) -> fields::Read<()> {
    Err(NOT_YET.to_owned())
}

fn delivery_mode(value: &Value) -> fields::Read<DeliveryMode> {
    match fields::string(value)?.parse() {
        Ok(DeliveryMode::Cdn) => Err(NOT_YET.to_owned()),
        Ok(mode) => Ok(mode),
        Err(_) => Err("must be redirect or proxy".to_owned()),
    }
}

async fn create(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let mut fields = Fields::create(body);
    let mut tx = app.db.begin().await?;
    let wish = Wish::read(&mut tx, caller.organization, &mut fields).await?;
    fields.finish()?;
    let product = Product {
        meta: Meta::new(caller.prn(PrnKind::Product, Uuid::new_v4()), caller.at),
        name: given(wish.name)?,
        archived: wish.archived.unwrap_or(false),
        backend_prn: wish.backend.flatten(),
        delivery_mode: wish.delivery_mode.flatten(),
        retention: None,
        allowed_regions: None,
    };
    record::insert(&mut tx, &product).await.map_err(or_taken(TAKEN))?;
    events::record(&mut tx, &caller.origin(), product.prn(), "created", json!({ "name": product.name }))
        .await?;
    tx.commit().await.db()?;
    records::object(StatusCode::CREATED, &product)
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    records::list::<Product>(&app, &caller, Scope::Read, &LIST, &query).await
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    records::show::<Product>(&app, &caller, Scope::Read, path).await
}

async fn change(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    if_match: IfMatch,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::Product, &caller)?;
    let mut fields = Fields::patch(body);
    let mut tx = app.db.begin().await?;
    let mut product: Product = record::get(&mut tx, caller.organization, id).await?;
    if_match.check(product.meta.revision)?;
    let wish = Wish::read(&mut tx, caller.organization, &mut fields).await?;
    fields.finish()?;
    let renamed = wish.name.as_ref().is_some_and(|name| *name != product.name);
    let mut changes = fields::Changes::default();
    changes.set("name", &mut product.name, wish.name);
    changes.set("archived", &mut product.archived, wish.archived);
    changes.set("backend_prn", &mut product.backend_prn, wish.backend);
    changes.set("delivery_mode", &mut product.delivery_mode, wish.delivery_mode);
    if !changes.is_empty() {
        record::save(&mut tx, &mut product, caller.at).await.map_err(or_taken(TAKEN))?;
        events::record(&mut tx, &caller.origin(), product.prn(), "updated", changes.into_data()).await?;
        if renamed {
            manifest::due_for(&mut tx, caller.organization, Told::Product(id), caller.at).await?;
        }
        tx.commit().await.db()?;
        app.wake_jobs();
    }
    records::object(StatusCode::OK, &product)
}
