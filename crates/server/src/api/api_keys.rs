//! `/api_keys` (API contract 13.1).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use firmhold_core::{Code, PrnKind, Problem, Scope, Timestamp, text};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::body::{read_object, unknown_keys};
use super::fields::{self, Fields};
use super::page::{self, ListQuery, ListSpec, Narrowing, Order};
use super::search::{EQUAL, SearchKey, TEXT_ANY_CASE, ValueKind};
use super::{AdminCaller, ApiResult, Caller, IfMatch, PrnPath, answer, product_limit};
use crate::App;
use crate::api_key::{self, ApiKey, NewApiKey};
use crate::db::{Conn, DbResult as _, Tx};
use crate::events;

/// Every key that an API key has on the wire.
const KEYS: &[&str] = &[
    "prn",
    "organization_prn",
    "inserted_at",
    "updated_at",
    "revision",
    "name",
    "scope",
    "product_prns",
    "oidc_issuer_prn",
    "expires_at",
    "hint",
    "last_used_at",
    "secret",
];

/// A key that was exchanged for a token leaves the list when it ends; it is deleted with the next exchange.
const ENDS_AT: &str = "(CASE WHEN oidc_issuer_id IS NULL THEN 9223372036854775807 ELSE expires_at END) > ";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api_keys", get(list).post(create))
        .route("/api_keys/self", get(read_self))
        .route("/api_keys/{prn}", get(read).patch(patch).delete(delete))
}

const LIST: ListSpec = ListSpec {
    plural: "api_keys",
    kind: PrnKind::ApiKey,
    select: api_key::SELECT,
    table: "api_keys",
    search: Some(&[
        SearchKey::new("name", "name", ValueKind::FoldedText("api_keys.name_folded"), TEXT_ANY_CASE),
        SearchKey::new("scope", "scope", ValueKind::Text, EQUAL),
    ]),
    order: Order::Asc,
};

async fn list(State(app): State<Arc<App>>, caller: AdminCaller, query: ListQuery) -> ApiResult<Response> {
    let alive = Narrowing::default().by_now(ENDS_AT, caller.at);
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &alive).await?;
    let keys: Vec<ApiKey> = rows.iter().map(api_key::from_row).collect::<Result<_, _>>()?;
    Ok(answer::list("api_keys", &keys, next)?)
}

async fn create(State(app): State<Arc<App>>, caller: AdminCaller, request: Request) -> ApiResult<Response> {
    let object = read_object(&app, request).await?;
    let mut tx = app.db.begin().await?;
    let new = read_new(&mut tx, caller.organization, object, caller.at).await?;
    let (id, secret) = api_key::insert(&mut tx, caller.organization, &new, caller.at).await?;
    let key = find(&mut tx, &caller, id).await?;
    let data = json!({
        "name": new.name, "scope": new.scope, "product_prns": key.product_prns, "expires_at": new.expires_at,
    });
    events::record(&mut tx, &caller.origin(), key.meta.prn, "created", data).await?;
    tx.commit().await.db()?;
    let revision = key.meta.revision;
    let mut value = serde_json::to_value(key).map_err(Problem::internal)?;
    value["secret"] = json!(secret.expose());
    Ok(answer::object(StatusCode::CREATED, "api_key", &value, revision)?)
}

async fn read_self(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Response> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let key = find(&mut conn, &caller, caller.key_id).await?;
    Ok(answer::object(StatusCode::OK, "api_key", &key, key.meta.revision)?)
}

async fn read(State(app): State<Arc<App>>, caller: AdminCaller, path: PrnPath) -> ApiResult<Response> {
    let id = path.of(PrnKind::ApiKey, &caller)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    let key = find(&mut conn, &caller, id).await?;
    Ok(answer::object(StatusCode::OK, "api_key", &key, key.meta.revision)?)
}

/// The name only: a key that could be widened later would have to be trusted with what it is not.
async fn patch(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    condition: IfMatch,
    request: Request,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::ApiKey, &caller)?;
    let object = read_object(&app, request).await?;
    let mut tx = app.db.begin().await?;
    let key = find(&mut tx, &caller, id).await?;
    condition.check(key.meta.revision)?;
    let name = read_name(object, &key)?;
    if let Some(name) = name.filter(|name| *name != key.name) {
        rename(&mut tx, &caller, &key, &name).await?;
    }
    let key = find(&mut tx, &caller, id).await?;
    tx.commit().await.db()?;
    Ok(answer::object(StatusCode::OK, "api_key", &key, key.meta.revision)?)
}

async fn delete(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    condition: IfMatch,
) -> ApiResult<StatusCode> {
    let id = path.of(PrnKind::ApiKey, &caller)?;
    let mut tx = app.db.begin().await?;
    let key = find(&mut tx, &caller, id).await?;
    condition.check(key.meta.revision)?;
    if key.scope == Scope::Admin && !has_other_admin(&mut tx, &caller, id).await? {
        return Err(Problem::new(Code::InUse, "this is the organization's last admin key").into());
    }
    sqlx::query("DELETE FROM api_keys WHERE id = $1").bind(id.to_string()).execute(&mut *tx).await.db()?;
    let data = json!({"name": key.name, "scope": key.scope});
    events::record(&mut tx, &caller.origin(), key.meta.prn, "deleted", data).await?;
    tx.commit().await.db()?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read_new(
    tx: &mut Tx,
    organization: uuid::Uuid,
    object: Map<String, Value>,
    now: Timestamp,
) -> Result<NewApiKey, Problem> {
    let unknown = unknown_keys(&object, KEYS);
    let mut fields = Fields::create(object);
    fields.errors = unknown;
    let name = fields.required("name", fields::text(text::NAME));
    let scope = fields.required("scope", |value| {
        fields::string(value)?.parse::<Scope>().map_err(|error| error.to_string())
    });
    let expires_at = fields.nullable("expires_at", |value| {
        let at = Timestamp::parse(fields::string(value)?).map_err(|error| error.to_string())?;
        if at > now { Ok(at) } else { Err("must be in the future".to_owned()) }
    });
    let products = product_limit::read(tx, organization, &mut fields).await?;
    if let Some(products) = &products {
        product_limit::check_scope(&mut fields, scope, products);
    }
    fields.finish()?;
    Ok(NewApiKey {
        name: fields::given(name)?,
        scope: fields::given(scope)?,
        products: products.unwrap_or_default(),
        oidc_issuer: None,
        expires_at: expires_at.flatten(),
    })
}

/// The new name, if the body has one and nothing else that would change.
fn read_name(object: Map<String, Value>, key: &ApiKey) -> Result<Option<String>, Problem> {
    let mut errors = unknown_keys(&object, KEYS);
    let present = serde_json::to_value(key).map_err(Problem::internal)?;
    for field in ["scope", "product_prns", "expires_at"] {
        if object.get(field).is_some_and(|value| *value != present[field]) {
            errors.add(field, "cannot be changed");
        }
    }
    let mut fields = Fields::patch(object);
    fields.errors = errors;
    let name = fields.required("name", fields::text(text::NAME));
    fields.finish()?;
    Ok(name)
}

async fn rename(tx: &mut Tx, caller: &Caller, key: &ApiKey, name: &str) -> Result<(), Problem> {
    sqlx::query(
        "UPDATE api_keys SET name = $2, name_folded = $3, updated_at = $4, revision = revision + 1 WHERE id = $1",
    )
    .bind(key.meta.prn.id.to_string())
    .bind(name)
    .bind(name.to_lowercase())
    .bind(caller.at.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    let data = json!({"name": {"old": key.name, "new": name}});
    events::record(tx, &caller.origin(), key.meta.prn, "updated", data).await
}

/// Whether an admin key would be left that has not ended.
async fn has_other_admin(tx: &mut Tx, caller: &Caller, id: uuid::Uuid) -> Result<bool, Problem> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM api_keys WHERE organization_id = $1 AND scope = 'admin' AND id <> $2
             AND (expires_at IS NULL OR expires_at > $3) LIMIT 1",
    )
    .bind(caller.organization.to_string())
    .bind(id.to_string())
    .bind(caller.at.as_millis())
    .fetch_optional(&mut **tx)
    .await
    .db()?;
    Ok(found.is_some())
}

async fn find(conn: &mut Conn, caller: &Caller, id: uuid::Uuid) -> Result<ApiKey, Problem> {
    let sql = format!("{} WHERE organization_id = $1 AND id = $2 AND {ENDS_AT} $3", api_key::SELECT);
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(caller.organization.to_string())
        .bind(id.to_string())
        .bind(caller.at.as_millis())
        .fetch_optional(conn)
        .await
        .db()?;
    row.as_ref().map(api_key::from_row).transpose()?.ok_or_else(Problem::not_found)
}
