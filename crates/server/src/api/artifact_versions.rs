//! `/artifact_versions` (API contract 3).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firmhold_core::{Artifact, ArtifactVersion, Code, Meta, PrnKind, Problem, Scope, text};
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
use crate::catalogue::artifact_version;
use crate::catalogue::record::{self, Record as _};
use crate::db::DbResult as _;
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
        && record::find::<Artifact>(&mut tx, caller.organization, artifact).await?.is_none()
    {
        fields.errors.add("artifact_prn", fields::unknown(PrnKind::Artifact));
    }
    fields.finish()?;
    let artifact = given(artifact)?;
    caller.may_write(&mut tx, Concerned::Artifact(artifact)).await?;
    let row = ArtifactVersion {
        meta: Meta::new(caller.prn(PrnKind::ArtifactVersion, id.unwrap_or_else(Uuid::new_v4)), caller.at),
        artifact_prn: caller.prn(PrnKind::Artifact, artifact),
        version: given(version)?,
        description,
        custom_metadata,
    };
    let taken = "this version of the artifact, or one with this id, exists";
    record::insert(&mut tx, &row).await.map_err(or_taken(taken))?;
    events::record(&mut tx, &caller.origin(), row.prn(), "created", json!({ "version": row.version }))
        .await?;
    tx.commit().await.db()?;
    records::object(StatusCode::CREATED, &row)
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    records::list::<ArtifactVersion>(&app, &caller, Scope::Read, &LIST, &query).await
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    records::show::<ArtifactVersion>(&app, &caller, Scope::Read, path).await
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
    let mut tx = app.db.begin().await?;
    let mut row: ArtifactVersion = record::get(&mut tx, caller.organization, id).await?;
    caller.may_write(&mut tx, Concerned::ArtifactVersion(id)).await?;
    if_match.check(row.meta.revision)?;
    fields.finish()?;
    let mut changes = fields::Changes::default();
    changes.set("description", &mut row.description, description);
    changes.set("custom_metadata", &mut row.custom_metadata, custom_metadata);
    if !changes.is_empty() {
        record::save(&mut tx, &mut row, caller.at).await.db()?;
        events::record(&mut tx, &caller.origin(), row.prn(), "updated", changes.into_data()).await?;
        manifest::due_for(&mut tx, caller.organization, Told::ArtifactVersion(id), caller.at).await?;
        tx.commit().await.db()?;
        app.wake_jobs();
    }
    records::object(StatusCode::OK, &row)
}

async fn remove(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::ArtifactVersion, &caller)?;
    let mut tx = app.db.begin().await?;
    let row: ArtifactVersion = record::get(&mut tx, caller.organization, id).await?;
    caller.may_write(&mut tx, Concerned::ArtifactVersion(id)).await?;
    if_match.check(row.meta.revision)?;
    if !artifact_version::delete(&mut tx, &row).await? {
        return Err(Problem::new(Code::InUse, "the artifact version has binaries").into());
    }
    events::record(&mut tx, &caller.origin(), row.prn(), "deleted", json!({ "version": row.version }))
        .await?;
    tx.commit().await.db()?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
