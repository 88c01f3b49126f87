//! What the routes of every record do alike: lists, single objects, and the error of a name or id that is taken.

use std::sync::Arc;

use axum::response::Response;
use firmhold_core::{Code, Problem, Scope};
use http::StatusCode;

use super::page::{self, ListQuery, ListSpec, Narrowing};
use super::{ApiResult, Caller, PrnPath, answer};
use crate::App;
use crate::catalogue::record::{self, Record};
use crate::db::{DbResult as _, is_duplicate};

/// A page of the caller's records.
///
/// # Errors
/// 403 without `scope`; 400 for a bad query; those of the database.
pub async fn list<R: Record>(
    app: &Arc<App>,
    caller: &Caller,
    scope: Scope,
    spec: &ListSpec,
    query: &ListQuery,
) -> ApiResult<Response> {
    caller.need(scope)?;
    let (rows, next) = page::read(app, caller.organization, spec, query, &Narrowing::default()).await?;
    let records: Vec<R> = rows.iter().map(R::from_row).collect::<Result<_, _>>()?;
    Ok(answer::list(spec.plural, &records, next)?)
}

/// The record that the path names.
///
/// # Errors
/// 403 without `scope`; 404; those of the database.
pub async fn show<R: Record>(app: &App, caller: &Caller, scope: Scope, path: PrnPath) -> ApiResult<Response> {
    caller.need(scope)?;
    let id = path.of(R::KIND, caller)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    object(StatusCode::OK, &record::get::<R>(&mut conn, caller.organization, id).await?)
}

/// One record as an answer.
///
/// # Errors
/// [`Code::Internal`] if it cannot be JSON.
pub fn object<R: Record>(status: StatusCode, record: &R) -> ApiResult<Response> {
    Ok(answer::object(status, R::KIND.as_str(), record, record.meta().revision)?)
}

/// The problem of a write: 409 with `taken` if a unique index already has the value.
pub fn or_taken(taken: &'static str) -> impl FnOnce(sqlx::Error) -> Problem {
    move |error| {
        if is_duplicate(&error) {
            return Problem::new(Code::Duplicate, taken);
        }
        match Err::<(), _>(error).db() {
            Err(problem) => problem,
            Ok(()) => Problem::internal("an error is no success"),
        }
    }
}
