//! `/artifacts` (API contract 3).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firmhold_core::{Artifact, Code, Meta, PrnKind, Problem, Product, Scope, text};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Fields, given};
use super::page::{ListQuery, ListSpec, Order};
use super::principal::UploadCaller;
use super::product_limit::Concerned;
use super::records::{self, or_taken};
use super::search::{EQUAL, SearchKey, TEXT, TEXT_ANY_CASE, ValueKind};
use super::{ApiResult, Caller, IfMatch, JsonBody, PrnPath};
use crate::App;
use crate::binaries::manifest::{self, Told};
use crate::catalogue::artifact;
use crate::catalogue::record::{self, Record as _};
use crate::db::{Conn, DbResult as _};
use crate::events;

const LIST: ListSpec = ListSpec {
    plural: "artifacts",
    kind: PrnKind::Artifact,
    select: "SELECT * FROM artifacts a",
    table: "a",
    search: Some(&[
        SearchKey::new("name", "a.name", ValueKind::FoldedText("a.name_folded"), TEXT_ANY_CASE),
        SearchKey::new("description", "a.description", ValueKind::Text, TEXT),
        SearchKey::new("product_prn", "a.product_id", ValueKind::Prn(PrnKind::Product), EQUAL),
    ]),
    order: Order::Asc,
};

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/artifacts", get(list).post(create))
        .route("/artifacts/{prn}", get(show).patch(change).delete(remove))
}

async fn create(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let mut fields = Fields::create(body);
    let name = fields.required("name", fields::text(text::NAME));
    let description = fields.nullable("description", fields::text(text::DESCRIPTION)).flatten();
    let custom_metadata = fields.nullable("custom_metadata", fields::metadata).flatten();
    let id = fields.defaulted("id", fields::id);
    let mut tx = app.db.begin().await?;
    let product = product(&mut tx, &caller, &mut fields).await?.flatten();
    fields.finish()?;
    caller.may_write(&mut tx, Concerned::Product(product)).await?;
    let artifact = Artifact {
        meta: Meta::new(caller.prn(PrnKind::Artifact, id.unwrap_or_else(Uuid::new_v4)), caller.at),
        name: given(name)?,
        description,
        custom_metadata,
        product_prn: product.map(|id| caller.prn(PrnKind::Product, id)),
    };
    record::insert(&mut tx, &artifact).await.map_err(or_taken("an artifact with this id exists"))?;
    events::record(&mut tx, &caller.origin(), artifact.prn(), "created", json!({ "name": artifact.name }))
        .await?;
    tx.commit().await.db()?;
    records::object(StatusCode::CREATED, &artifact)
}

/// The product that the body names, if it is one of the organization's.
async fn product(
    conn: &mut Conn,
    caller: &Caller,
    fields: &mut Fields,
) -> Result<Option<Option<Uuid>>, Problem> {
    let product = fields.nullable("product_prn", fields::prn(PrnKind::Product, caller.organization));
    if let Some(Some(id)) = product
        && record::find::<Product>(conn, caller.organization, id).await?.is_none()
    {
        fields.errors.add("product_prn", fields::unknown(PrnKind::Product));
    }
    Ok(product)
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    records::list::<Artifact>(&app, &caller, Scope::Read, &LIST, &query).await
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    records::show::<Artifact>(&app, &caller, Scope::Read, path).await
}

async fn change(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::Artifact, &caller)?;
    let mut fields = Fields::patch(body);
    let name = fields.required("name", fields::text(text::NAME));
    let description = fields.nullable("description", fields::text(text::DESCRIPTION));
    let custom_metadata = fields.nullable("custom_metadata", fields::metadata);
    let mut tx = app.db.begin().await?;
    let mut artifact: Artifact = record::get(&mut tx, caller.organization, id).await?;
    caller.may_write(&mut tx, Concerned::Artifact(id)).await?;
    if_match.check(artifact.meta.revision)?;
    let product = product(&mut tx, &caller, &mut fields).await?;
    fields.finish()?;
    if let Some(product) = product {
        caller.may_write(&mut tx, Concerned::Product(product)).await?;
    }
    let product = product.map(|id| id.map(|id| caller.prn(PrnKind::Product, id)));
    let mut changes = fields::Changes::default();
    changes.set("name", &mut artifact.name, name);
    changes.set("description", &mut artifact.description, description);
    changes.set("custom_metadata", &mut artifact.custom_metadata, custom_metadata);
    changes.set("product_prn", &mut artifact.product_prn, product);
    if !changes.is_empty() {
        record::save(&mut tx, &mut artifact, caller.at).await.db()?;
        events::record(&mut tx, &caller.origin(), artifact.prn(), "updated", changes.into_data()).await?;
        manifest::due_for(&mut tx, caller.organization, Told::Artifact(id), caller.at).await?;
        tx.commit().await.db()?;
        app.wake_jobs();
    }
    records::object(StatusCode::OK, &artifact)
}

async fn remove(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::Artifact, &caller)?;
    let mut tx = app.db.begin().await?;
    let row: Artifact = record::get(&mut tx, caller.organization, id).await?;
    caller.may_write(&mut tx, Concerned::Artifact(id)).await?;
    if_match.check(row.meta.revision)?;
    if !artifact::delete(&mut tx, &row).await? {
        return Err(Problem::new(Code::InUse, "the artifact has versions").into());
    }
    events::record(&mut tx, &caller.origin(), row.prn(), "deleted", json!({ "name": row.name })).await?;
    tx.commit().await.db()?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
