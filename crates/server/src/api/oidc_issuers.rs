//! `/oidc_issuers` (API contract 13.5).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firmhold_core::{Code, Meta, OidcIssuer, Prn, PrnKind, Problem, Scope, text};
use http::StatusCode;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::body::{read_object, unknown_keys};
use super::fields::{self, Changes, Fields, Read, given};
use super::page::{ListQuery, ListSpec, Order};
use super::search::{EQUAL, SearchKey, TEXT_ANY_CASE, ValueKind};
use super::{AdminCaller, ApiResult, IfMatch, PrnPath, product_limit, records};
use crate::App;
use crate::api_key;
use crate::catalogue::record::{self, Record as _};
use crate::db::{Conn, DbResult as _};
use crate::events;
use crate::oidc::issuer;
use crate::private_address;

/// Every key that an issuer has on the wire.
const KEYS: &[&str] = &[
    "prn",
    "organization_prn",
    "inserted_at",
    "updated_at",
    "revision",
    "name",
    "issuer",
    "audience",
    "subjects",
    "scope",
    "product_prns",
    "max_ttl_seconds",
    "last_used_at",
];

const LIST: ListSpec = ListSpec {
    plural: "oidc_issuers",
    kind: PrnKind::OidcIssuer,
    select: "SELECT * FROM oidc_issuers",
    table: "oidc_issuers",
    search: Some(&[
        SearchKey::new("name", "name", ValueKind::FoldedText("oidc_issuers.name_folded"), TEXT_ANY_CASE),
        SearchKey::new("issuer", "issuer", ValueKind::Text, EQUAL),
    ]),
    order: Order::Asc,
};

const DEFAULT_TTL: u32 = 900;
const MOST_SUBJECTS: usize = 32;
/// Issuers of one organization at most: each may be asked for its keys whenever a stranger comes.
const MOST_ISSUERS: i64 = 64;

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/oidc_issuers", get(list).post(create))
        .route("/oidc_issuers/{prn}", get(show).patch(change).delete(remove))
}

/// What a body asks for, beside the issuer itself, which never changes.
struct Wish {
    name: Option<String>,
    audience: Option<String>,
    subjects: Option<Vec<String>>,
    scope: Option<Scope>,
    products: Option<Vec<Prn>>,
    max_ttl_seconds: Option<u32>,
}

impl Wish {
    /// `present` is what a PATCH changes.
    async fn read(
        conn: &mut Conn,
        organization: Uuid,
        fields: &mut Fields,
        present: Option<&OidcIssuer>,
    ) -> Result<Self, Problem> {
        let products = product_limit::read(conn, organization, fields).await?;
        let scope = fields.required("scope", scope);
        let then = products.clone().or_else(|| present.map(issuer::product_ids)).unwrap_or_default();
        product_limit::check_scope(fields, scope.or(present.map(|present| present.scope)), &then);
        Ok(Self {
            name: fields.required("name", fields::text(text::NAME)),
            audience: fields.required("audience", |value| audience(value, organization)),
            subjects: fields.required("subjects", subjects),
            scope,
            products: products
                .map(|ids| ids.into_iter().map(|id| Prn::new(organization, PrnKind::Product, id)).collect()),
            max_ttl_seconds: fields
                .defaulted("max_ttl_seconds", fields::integer(60..=3600))
                .and_then(|seconds| u32::try_from(seconds).ok()),
        })
    }
}

fn issuer_url(value: &Value, allow_private: bool) -> Read<String> {
    let text = fields::text(1..=512)(value)?;
    let url: Url = text.parse().map_err(|_| "must be an https URL".to_owned())?;
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err("must be an https URL without user, query and fragment".to_owned());
    }
    private_address::check(&url, allow_private)?;
    Ok(text)
}

/// Tokens name their audience, and ours name the organization, so that no token fits two.
fn audience(value: &Value, organization: Uuid) -> Read<String> {
    let text = fields::text(1..=256)(value)?;
    if text.to_ascii_lowercase().contains(&organization.to_string()) {
        return Ok(text);
    }
    Err(format!("must hold the organization's UUID, such as firmhold:{organization}"))
}

fn subjects(value: &Value) -> Read<Vec<String>> {
    let items = value.as_array().filter(|items| (1..=MOST_SUBJECTS).contains(&items.len()));
    let items = items.ok_or_else(|| format!("must be a list of 1 to {MOST_SUBJECTS} patterns"))?;
    items.iter().map(subject).collect()
}

fn subject(value: &Value) -> Read<String> {
    let pattern = fields::text(1..=512)(value)?;
    if pattern.chars().all(|char| char == '*') {
        return Err("must say more than *: anybody at the issuer would fit".to_owned());
    }
    Ok(pattern)
}

fn scope(value: &Value) -> Read<Scope> {
    match fields::string(value)?.parse() {
        Ok(scope) if scope != Scope::Admin => Ok(scope),
        _ => Err("must be one of read, upload, release".to_owned()),
    }
}

async fn create(State(app): State<Arc<App>>, caller: AdminCaller, request: Request) -> ApiResult<Response> {
    let mut fields = checked(read_object(&app, request).await?, Fields::create);
    let allow_private = app.config.server.allow_private_endpoints;
    let issuer = fields.required("issuer", |value| issuer_url(value, allow_private));
    let mut tx = app.db.begin().await?;
    let wish = Wish::read(&mut tx, caller.organization, &mut fields, None).await?;
    fields.finish()?;
    if issuer::count(&mut tx, caller.organization).await? >= MOST_ISSUERS {
        let detail = format!("the organization has {MOST_ISSUERS} issuers, the most");
        return Err(Problem::new(Code::StateForbids, detail).into());
    }
    let issuer = OidcIssuer {
        meta: Meta::new(caller.prn(PrnKind::OidcIssuer, Uuid::new_v4()), caller.at),
        name: given(wish.name)?,
        issuer: given(issuer)?,
        audience: given(wish.audience)?,
        subjects: given(wish.subjects)?,
        scope: given(wish.scope)?,
        product_prns: wish.products.unwrap_or_default(),
        max_ttl_seconds: wish.max_ttl_seconds.unwrap_or(DEFAULT_TTL),
        last_used_at: None,
    };
    record::insert(&mut tx, &issuer).await.db()?;
    let data = json!({
        "name": issuer.name, "issuer": issuer.issuer, "audience": issuer.audience, "subjects": issuer.subjects,
        "scope": issuer.scope, "product_prns": issuer.product_prns, "max_ttl_seconds": issuer.max_ttl_seconds,
    });
    events::record(&mut tx, &caller.origin(), issuer.prn(), "created", data).await?;
    tx.commit().await.db()?;
    records::object(StatusCode::CREATED, &issuer)
}

/// The fields of a body in which a misspelt key is an error.
fn checked(object: Map<String, Value>, fields: impl FnOnce(Map<String, Value>) -> Fields) -> Fields {
    let unknown = unknown_keys(&object, KEYS);
    let mut fields = fields(object);
    fields.errors = unknown;
    fields
}

async fn list(State(app): State<Arc<App>>, caller: AdminCaller, query: ListQuery) -> ApiResult<Response> {
    records::list::<OidcIssuer>(&app, &caller, Scope::Admin, &LIST, &query).await
}

async fn show(State(app): State<Arc<App>>, caller: AdminCaller, path: PrnPath) -> ApiResult<Response> {
    records::show::<OidcIssuer>(&app, &caller, Scope::Admin, path).await
}

async fn change(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    if_match: IfMatch,
    request: Request,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::OidcIssuer, &caller)?;
    let mut fields = checked(read_object(&app, request).await?, Fields::patch);
    let mut tx = app.db.begin().await?;
    let mut issuer: OidcIssuer = record::get(&mut tx, caller.organization, id).await?;
    if_match.check(issuer.meta.revision)?;
    fields.required("issuer", |value| match value.as_str() == Some(issuer.issuer.as_str()) {
        true => Ok(()),
        false => Err("cannot be changed".to_owned()),
    });
    let wish = Wish::read(&mut tx, caller.organization, &mut fields, Some(&issuer)).await?;
    fields.finish()?;
    let mut changes = Changes::default();
    changes.set("name", &mut issuer.name, wish.name);
    changes.set("audience", &mut issuer.audience, wish.audience);
    changes.set("subjects", &mut issuer.subjects, wish.subjects);
    changes.set("scope", &mut issuer.scope, wish.scope);
    changes.set("product_prns", &mut issuer.product_prns, wish.products);
    changes.set("max_ttl_seconds", &mut issuer.max_ttl_seconds, wish.max_ttl_seconds);
    if !changes.is_empty() {
        record::save(&mut tx, &mut issuer, caller.at).await.db()?;
        events::record(&mut tx, &caller.origin(), issuer.prn(), "updated", changes.into_data()).await?;
        tx.commit().await.db()?;
    }
    records::object(StatusCode::OK, &issuer)
}

/// Its keys end with it.
async fn remove(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::OidcIssuer, &caller)?;
    let mut tx = app.db.begin().await?;
    let issuer: OidcIssuer = record::get(&mut tx, caller.organization, id).await?;
    if_match.check(issuer.meta.revision)?;
    let origin = caller.origin();
    for key in api_key::delete_of_issuer(&mut tx, id).await? {
        let data = json!({ "name": key.name, "scope": key.scope, "oidc_issuer_prn": issuer.prn() });
        events::record(&mut tx, &origin, key.meta.prn, "deleted", data).await?;
    }
    issuer::delete(&mut tx, &issuer).await?;
    let data = json!({ "name": issuer.name, "issuer": issuer.issuer });
    events::record(&mut tx, &origin, issuer.prn(), "deleted", data).await?;
    tx.commit().await.db()?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
