//! `/backends` (API contract 12.3) and `/report_key`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use firmhold_core::backend::ExternalIdMode;
use firmhold_core::{CheckStatus, PrivateKey, PrnKind, Problem};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::body::{read_object, unknown_keys};
use super::fields::{self, Fields};
use super::page::{self, ListQuery, ListSpec, Narrowing, Order};
use super::search::{EQUAL, SearchKey, TEXT_ANY_CASE, ValueKind};
use super::{AdminCaller, ApiResult, Caller, IfMatch, PrnPath, answer};
use crate::App;
use crate::backends::{
    BackendRow, SELECT, change, external_id, policies, settings, state, uniqueness, verification,
};
use crate::db::{DbResult as _, RowExt as _};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/backends", get(list).post(create))
        .route("/backends/validate", post(validate))
        .route("/backends/{prn}", get(read).patch(patch).delete(delete))
        .route("/backends/{prn}/verify", post(verify))
        .route("/backends/{prn}/verifications", get(verifications))
        .route("/backends/{prn}/external_id/rotate", post(rotate))
        .route("/backends/{prn}/external_id/retire", post(retire))
        .route("/report_key", get(report_key))
}

const LIST: ListSpec = ListSpec {
    plural: "backends",
    kind: PrnKind::Backend,
    select: SELECT,
    table: "backends",
    search: Some(&[
        // Names are of [a-z0-9-], so folding them is lower().
        SearchKey::new("name", "name", ValueKind::Text, TEXT_ANY_CASE),
        SearchKey::new("bucket", "bucket", ValueKind::Text, EQUAL),
        SearchKey::new("state", "state", ValueKind::Text, EQUAL),
        SearchKey::new("default", "is_default", ValueKind::Flag, EQUAL),
    ]),
    order: Order::Asc,
};

const VERIFICATIONS: ListSpec = ListSpec {
    plural: "verifications",
    kind: PrnKind::BackendVerification,
    select: "SELECT id, inserted_at, document FROM backend_verifications",
    table: "backend_verifications",
    search: None,
    order: Order::Desc,
};

async fn list(State(app): State<Arc<App>>, caller: AdminCaller, query: ListQuery) -> ApiResult<Response> {
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &Narrowing::default()).await?;
    let backends: Vec<_> = rows
        .iter()
        .map(|row| Ok(BackendRow::from_row(row)?.to_wire(&app.platform_role)))
        .collect::<Result<_, Problem>>()?;
    Ok(answer::list("backends", &backends, next)?)
}

async fn create(State(app): State<Arc<App>>, caller: AdminCaller, request: Request) -> ApiResult<Response> {
    let object = read_object(&app, request).await?;
    let row = change::create(&app, object, &caller.origin()).await?;
    Ok(object_of(StatusCode::CREATED, &app, &row)?)
}

async fn read(State(app): State<Arc<App>>, caller: AdminCaller, path: PrnPath) -> ApiResult<Response> {
    Ok(object_of(StatusCode::OK, &app, &find(&app, &caller, path).await?)?)
}

async fn patch(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    condition: IfMatch,
    request: Request,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::Backend, &caller)?;
    let object = read_object(&app, request).await?;
    let row = change::patch(&app, id, object, condition, caller.origin()).await?;
    Ok(object_of(StatusCode::OK, &app, &row)?)
}

async fn delete(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    condition: IfMatch,
) -> ApiResult<StatusCode> {
    let id = path.of(PrnKind::Backend, &caller)?;
    change::delete(&app, id, &condition, &caller.origin()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn verify(State(app): State<Arc<App>>, caller: AdminCaller, path: PrnPath) -> ApiResult<Response> {
    let id = path.of(PrnKind::Backend, &caller)?;
    let verification = verification::run(&app, id, caller.origin()).await?;
    Ok(Json(json!({ "verification": verification })).into_response())
}

async fn verifications(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    query: ListQuery,
) -> ApiResult<Response> {
    let backend = find(&app, &caller, path).await?;
    let narrowing = Narrowing::default().text("backend_id = ", backend.id.to_string());
    let (rows, next) = page::read(&app, caller.organization, &VERIFICATIONS, &query, &narrowing).await?;
    let documents: Vec<Value> = rows.iter().map(|row| row.json("document")).collect::<Result<_, _>>()?;
    Ok(answer::list("verifications", &documents, next)?)
}

async fn rotate(State(app): State<Arc<App>>, caller: AdminCaller, path: PrnPath) -> ApiResult<Response> {
    let id = path.of(PrnKind::Backend, &caller)?;
    let mut tx = app.db.begin().await?;
    let mut row = BackendRow::find(&mut tx, caller.organization, id).await?;
    external_id::rotate(&mut tx, &mut row, &caller.origin()).await?;
    tx.commit().await.db()?;
    Ok(object_of(StatusCode::OK, &app, &row)?)
}

async fn retire(
    State(app): State<Arc<App>>,
    caller: AdminCaller,
    path: PrnPath,
    request: Request,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::Backend, &caller)?;
    let object = read_object(&app, request).await?;
    let unknown = unknown_keys(&object, &["external_id"]);
    let mut fields = Fields::create(object);
    fields.errors = unknown;
    let retired = fields.required("external_id", |value| fields::string(value).map(str::to_owned));
    fields.finish()?;
    let mut tx = app.db.begin().await?;
    let mut row = BackendRow::find(&mut tx, caller.organization, id).await?;
    external_id::retire(&mut tx, &mut row, &fields::given(retired)?, &caller.origin()).await?;
    tx.commit().await.db()?;
    Ok(object_of(StatusCode::OK, &app, &row)?)
}

/// Takes the body of a create plus `backend_prn`, runs what can be run, and stores nothing.
async fn validate(State(app): State<Arc<App>>, caller: AdminCaller, request: Request) -> ApiResult<Response> {
    let mut object = read_object(&app, request).await?;
    let existing = existing(&app, &caller, &mut object).await?;
    let mut row = BackendRow::new(caller.organization, caller.at)?;
    settings::create(&mut row, object, &app.backend_rules())?;
    let by_keys = row.is_by_keys();
    // A key pair needs none.
    let mut ids_issued = by_keys || row.external_id_mode == ExternalIdMode::Organization;
    if let Some(existing) = &existing {
        row.id = existing.id;
        row.external_id.clone_from(&existing.external_id);
        row.external_id_next.clone_from(&existing.external_id_next);
        ids_issued = true;
    }
    let options = {
        let mut conn = app.db.reader().acquire().await.db()?;
        uniqueness::check(&mut conn, &row).await?;
        verification::options(&app, &mut conn, row.id).await?
    };
    let report = if ids_issued {
        verification::check(&app, &row, &options).await
    } else {
        verification::without(&app, &row, "no external id issued yet").await
    };
    let failed = report.checks.iter().any(|check| check.status == CheckStatus::Fail);
    let trust = (ids_issued && !by_keys).then(|| policies::trust(&app.platform_role, row.external_ids()));
    Ok(Json(json!({
        "valid": !failed && report.has_passed(state::must_pass(&row)),
        "checks": report.checks,
        "principal": (!by_keys).then(|| app.platform_role.to_string()),
        "trust_policy": trust,
        "permission_policy": policies::permission(&row),
        "bucket_policy": policies::bucket(&row),
    }))
    .into_response())
}

/// The backend whose external ids a validate uses.
async fn existing(
    app: &App,
    caller: &Caller,
    object: &mut Map<String, Value>,
) -> Result<Option<BackendRow>, Problem> {
    let Some(value) = object.remove("backend_prn").filter(|value| !value.is_null()) else { return Ok(None) };
    let unknown = || Problem::field("backend_prn", fields::unknown(PrnKind::Backend));
    let id = fields::prn(PrnKind::Backend, caller.organization)(&value).map_err(|_| unknown())?;
    let mut conn = app.db.reader().acquire().await.db()?;
    let found = BackendRow::find(&mut conn, caller.organization, id).await;
    match found {
        Ok(row) => Ok(Some(row)),
        Err(problem) if problem.code() == firmhold_core::Code::NotFound => Err(unknown()),
        Err(problem) => Err(problem),
    }
}

/// The public halves of the keys that sign verifications and manifests; no API key needed.
async fn report_key(State(app): State<Arc<App>>) -> Json<Value> {
    let key = |key: &PrivateKey| {
        let public = key.public();
        json!({"keyid": public.keyid(), "public_value": public.to_pem(), "previous": []})
    };
    Json(json!({"report_key": key(&app.keys.report), "catalogue_key": key(&app.keys.catalogue)}))
}

async fn find(app: &App, caller: &Caller, path: PrnPath) -> Result<BackendRow, Problem> {
    let id = path.of(PrnKind::Backend, caller)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    BackendRow::find(&mut conn, caller.organization, id).await
}

fn object_of(status: StatusCode, app: &App, row: &BackendRow) -> Result<Response, Problem> {
    answer::object(status, "backend", &row.to_wire(&app.platform_role), row.revision)
}
