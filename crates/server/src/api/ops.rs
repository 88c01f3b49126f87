//! Health and readiness (API contract 13.3).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use firmhold_core::{Code, Problem};
use http::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::error::PROBLEM_HEADER;
use crate::App;
use crate::db::DbResult as _;

#[derive(Clone)]
struct Ops {
    app: Arc<App>,
    stop: CancellationToken,
}

pub(super) fn routes(app: Arc<App>, stop: CancellationToken) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({"status": "ok"}))))
        .route("/readyz", get(readyz))
        .with_state(Ops { app, stop })
}

/// Backends do not count: one customer's bucket must not take the service down.
async fn readyz(State(ops): State<Ops>) -> Response {
    let database = sqlx::query_scalar::<_, i64>("SELECT 1").fetch_one(ops.app.db.reader()).await.db();
    let migrations = ops.app.db.is_migrated().await;
    let checks = [
        ("database", database.map(drop).map_err(|problem| problem.detail())),
        (
            "migrations",
            match migrations {
                Ok(true) => Ok(()),
                Ok(false) => Err("the schema is not the one of this version".to_owned()),
                Err(problem) => Err(problem.detail()),
            },
        ),
        // Without the master key the server does not start.
        ("secrets", Ok(())),
        ("shutdown", if ops.stop.is_cancelled() { Err("shutting down".to_owned()) } else { Ok(()) }),
    ];
    let ready = checks.iter().all(|(_, check)| check.is_ok());
    if ready {
        let checks: Value = checks.iter().map(|(name, _)| ((*name).to_owned(), json!("ok"))).collect();
        return Json(json!({"status": "ready", "checks": checks})).into_response();
    }
    let failing: Value =
        checks.into_iter().filter_map(|(name, check)| Some((name.to_owned(), json!(check.err()?)))).collect();
    let code = Code::Unavailable;
    let mut body = json!(Problem::new(code, "not ready").to_body());
    body["status"] = json!("not_ready");
    body["checks"] = failing;
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(PROBLEM_HEADER, code.as_str()), (http::header::RETRY_AFTER, "5")],
        Json(body),
    )
        .into_response()
}
