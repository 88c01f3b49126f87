//! `/binaries/{prn}/parts` (API contract 4.3).

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use firmhold_core::binary_part::{MAX_PARTS, MAX_SIZE, MIN_SIZE};
use firmhold_core::{Problem, Scope};
use http::StatusCode;
use serde_json::{Map, Value};

use super::binaries::{backend_of, read};
use super::fields::{self, Fields, given};
use super::path::path_value;
use super::principal::UploadCaller;
use super::product_limit::Concerned;
use super::{ApiError, ApiResult, Caller, IfMatch, JsonBody, PrnPath, answer};
use crate::App;
use crate::binaries::BinaryRow;
use crate::binaries::upload::{self, Declared};
use crate::db::DbResult as _;

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/binaries/{prn}/parts", get(list).delete(drop_all))
        .route("/binaries/{prn}/parts/{index}", put(declare))
}

async fn declare(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    PartIndex(index): PartIndex,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let row = read(&app, &caller, path).await?;
    {
        let mut conn = app.db.reader().acquire().await.db()?;
        caller.may_write(&mut conn, Concerned::Binary(row.id)).await?;
    }
    upload::must_be_uploadable(&row)?;
    let backend = backend_of(&app, &row).await?;
    backend.must_take_writes()?;
    let mut fields = Fields::create(body);
    let hash = fields.required("hash", fields::digest);
    let size = fields.required("size", fields::integer(1..=MAX_SIZE.min(row.size)));
    let whole = fields.defaulted("expected_binary_size", fields::integer(0..=u64::MAX));
    if let Some(whole) = whole.filter(|whole| *whole != row.size) {
        let wrong = format!("the binary has {} bytes, not {whole}", row.size);
        fields.errors.add("expected_binary_size", wrong);
    }
    let part_size = fields.defaulted("part_size", fields::integer(MIN_SIZE..=MAX_SIZE));
    if let (Some(part_size), Some(size)) = (part_size, size) {
        let left = row.size.saturating_sub(u64::from(index - 1).saturating_mul(part_size));
        if size != left.min(part_size) {
            let wrong =
                format!("part {index} of parts of {part_size} bytes has {} bytes", left.min(part_size));
            fields.errors.add("size", wrong);
        }
    }
    fields.finish()?;
    let declared = Declared { index, hash: given(hash)?, size: given(size)?, part_size };
    let part = upload::put_part(&app, &backend, &row, declared).await?;
    Ok(answer::object(StatusCode::CREATED, "binary_part", &part, part.meta.revision)?)
}

async fn list(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let row = read(&app, &caller, path).await?;
    let backend = backend_of(&app, &row).await?;
    let parts = upload::list_parts(&app, &backend, &row).await?;
    let part_size = upload::part_size(&app, &row).await?;
    let members = [
        ("binary_parts".to_owned(), serde_json::to_value(&parts).map_err(Problem::internal)?),
        ("next_page".to_owned(), Value::Null),
        ("part_size".to_owned(), Value::from(part_size)),
    ];
    Ok(Json(Map::from_iter(members)).into_response())
}

/// Drops the open upload, so that the file can be cut another way. More than the contract has.
async fn drop_all(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    // Found before its lock is waited for: how long that takes is nothing for another organization to know.
    let id = read(&app, &caller, path).await?.id;
    let _one_at_a_time = app.binary_locks.lock(caller.organization, id).await;
    let mut tx = app.db.begin().await?;
    let mut row = BinaryRow::find(&mut tx, caller.organization, id).await?;
    caller.may_write(&mut tx, Concerned::Binary(id)).await?;
    if_match.check(row.revision)?;
    upload::drop_parts(&mut tx, &mut row, &caller.origin()).await?;
    tx.commit().await.db()?;
    app.wake_jobs();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The index in the path: 1 to 10,000, plain digits.
struct PartIndex(u32);

impl<S: Send + Sync> FromRequestParts<S> for PartIndex {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = path_value(parts, state, "index").await.unwrap_or_default();
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let index = text.parse().ok().filter(|index| plain && (1..=MAX_PARTS).contains(index));
        index.map(Self).ok_or_else(|| Problem::not_found().into())
    }
}
