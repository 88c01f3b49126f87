//! `/artifact_versions` (API contract 3).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firmhold_core::{Code, PrnKind, Problem, Scope, text};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Fields, given};
use super::page::{self, ListQuery, ListSpec, Narrowing, Order};
use super::principal::UploadCaller;
use super::search::{EQUAL, SearchKey, TEXT, TEXT_ANY_CASE, ValueKind};
use super::{ApiResult, Caller, IfMatch, JsonBody, PrnPath, answer};
use crate::App;
use crate::binaries::manifest::{self, Told};
use crate::catalogue::artifact::ArtifactRow;
use crate::catalogue::artifact_version::ArtifactVersionRow;
use crate::db::{DbResult as _, is_duplicate};
use crate::events;

const LIST: ListSpec = ListSpec {
    plural: "artifact_versions",
    kind: PrnKind::ArtifactVersion,
    select: "SELECT * FROM artifact_versions v",
    table: "v",
    search: Some(&[
        SearchKey::new("artifact_prn", "v.artifact_id", ValueKind::Prn(PrnKind::Artifact), EQUAL),
        SearchKey::new("version", "v.version", ValueKind::FoldedText("v.version_folded"), TEXT_ANY_CASE),
        SearchKey::new("description", "v.description", ValueKind::Text, TEXT),
    ]),
    order: Order::Asc,
};

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/artifact_versions", get(list).post(create))
        .route("/artifact_versions/{prn}", get(show).patch(change).delete(remove))
}

async fn create(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let mut fields = Fields::create(body);
    let artifact = fields.required("artifact_prn", fields::prn(PrnKind::Artifact, caller.organization));
    let version = fields.required("version", fields::text(text::VERSION));
    let description = fields.nullable("description", fields::text(text::DESCRIPTION)).flatten();
    let custom_metadata = fields.nullable("custom_metadata", fields::metadata).flatten();
    let id = fields.defaulted("id", fields::id);
    let mut tx = app.db.begin().await?;
    if let Some(artifact) = artifact
        && ArtifactRow::find(&mut tx, caller.organization, artifact).await?.is_none()
    {
        fields.errors.add("artifact_prn", fields::unknown(PrnKind::Artifact));
    }
    fields.finish()?;
    let row = ArtifactVersionRow {
        id: id.unwrap_or_else(Uuid::new_v4),
        organization: caller.organization,
        artifact: given(artifact)?,
        version: given(version)?,
        description,
        custom_metadata,
        inserted_at: caller.at,
        updated_at: caller.at,
        revision: 0,
    };
    row.insert(&mut tx).await.map_err(|error| {
        if is_duplicate(&error) {
            Problem::new(Code::Duplicate, "this version of the artifact, or one with this id, exists")
        } else {
            Problem::internal(error)
        }
    })?;
    events::record(&mut tx, &caller.origin(), row.prn(), "created", json!({ "version": row.version }))
        .await?;
    tx.commit().await.db()?;
    Ok(answer::object(StatusCode::CREATED, "artifact_version", &row.to_wire(), row.revision)?)
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &Narrowing::default()).await?;
    let rows: Vec<ArtifactVersionRow> =
        rows.iter().map(ArtifactVersionRow::from_row).collect::<Result<_, _>>()?;
    let wire: Vec<_> = rows.iter().map(ArtifactVersionRow::to_wire).collect();
    Ok(answer::list(LIST.plural, &wire, next)?)
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let id = path.of(PrnKind::ArtifactVersion, &caller)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    let row =
        ArtifactVersionRow::find(&mut conn, caller.organization, id).await?.ok_or_else(Problem::not_found)?;
    Ok(answer::object(StatusCode::OK, "artifact_version", &row.to_wire(), row.revision)?)
}

async fn change(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::ArtifactVersion, &caller)?;
    let mut fields = Fields::patch(body);
    let description = fields.nullable("description", fields::text(text::DESCRIPTION));
    let custom_metadata = fields.nullable("custom_metadata", fields::metadata);
    let wrong = fields.finish();
    let mut tx = app.db.begin().await?;
    let mut row =
        ArtifactVersionRow::find(&mut tx, caller.organization, id).await?.ok_or_else(Problem::not_found)?;
    if_match.check(row.revision)?;
    wrong?;
    let mut changes = fields::Changes::default();
    changes.set("description", &mut row.description, description);
    changes.set("custom_metadata", &mut row.custom_metadata, custom_metadata);
    if !changes.is_empty() {
        row.save(&mut tx, caller.at).await?;
        events::record(&mut tx, &caller.origin(), row.prn(), "updated", changes.into_data()).await?;
        manifest::due_for(&mut tx, Told::ArtifactVersion(row.id), caller.at).await?;
        tx.commit().await.db()?;
        app.wake_jobs();
    }
    Ok(answer::object(StatusCode::OK, "artifact_version", &row.to_wire(), row.revision)?)
}

async fn remove(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::ArtifactVersion, &caller)?;
    let mut tx = app.db.begin().await?;
    let row =
        ArtifactVersionRow::find(&mut tx, caller.organization, id).await?.ok_or_else(Problem::not_found)?;
    if_match.check(row.revision)?;
    if !row.delete(&mut tx).await? {
        return Err(Problem::new(Code::InUse, "the artifact version has binaries").into());
    }
    events::record(&mut tx, &caller.origin(), row.prn(), "deleted", json!({ "version": row.version }))
        .await?;
    tx.commit().await.db()?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
