//! `POST /oidc/exchange` (API contract 13.5): the only route that gives a key to somebody without one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use firmhold_core::{Code, Prn, PrnKind, Problem, Secret};
use http::header::{CACHE_CONTROL, HeaderValue};
use serde_json::json;

use super::ApiResult;
use super::body::read_object_within;
use super::fields::{self, Fields, given};
use super::request_id::RequestId;
use crate::App;
use crate::oidc::exchange::{Failure, Request, exchange};

/// Longest life that any issuer may give a key.
const LONGEST_TTL: u64 = 3600;
/// Largest body: a token, and little else.
const MAX_BODY: usize = 64 * 1024;

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/oidc/exchange", post(create))
}

async fn create(
    State(app): State<Arc<App>>,
    request_id: Option<Extension<RequestId>>,
    request: axum::extract::Request,
) -> ApiResult<Response> {
    let mut fields = Fields::create(read_object_within(&app, request, MAX_BODY).await?);
    let token = fields.required("token", |value| fields::string(value).map(Secret::new));
    let ttl = fields.defaulted("ttl_seconds", fields::integer(1..=LONGEST_TTL));
    let issuer = fields.defaulted("oidc_issuer_prn", |value| {
        let prn = fields::string(value)?.parse::<Prn>().ok();
        prn.filter(|prn| prn.kind == PrnKind::OidcIssuer).ok_or_else(|| "must be an issuer's PRN".to_owned())
    });
    fields.finish()?;
    let request = Request {
        token: given(token)?,
        ttl_seconds: ttl.and_then(|ttl| u32::try_from(ttl).ok()),
        issuer,
        request_id: request_id.map(|Extension(RequestId(id))| id),
    };
    let made = exchange(&app, &request).await.map_err(answer)?;
    let body = json!({ "secret": made.secret.expose(), "expires_at": made.expires_at, "scope": made.scope });
    let mut response = Json(body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Whatever is wrong with a token, the caller is told the same: strangers can ask.
fn answer(failure: Failure) -> Problem {
    match failure {
        Failure::Problem(problem) => problem,
        Failure::Refused(cause) => {
            tracing::warn!(%cause, "a token was not exchanged for a key");
            Problem::new(Code::Unauthenticated, "the token is not accepted")
                .with_hint("The server's log has the cause under the request id.")
        }
    }
}
