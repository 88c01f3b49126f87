//! Problems as answers (API contract 1.6 and 2).

use axum::Json;
use axum::response::{IntoResponse, Response};
use firmhold_core::problem::chain;
use firmhold_core::{Code, Problem};
use http::header::{CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};

/// The stable code of a problem, on every error answer.
pub const PROBLEM_HEADER: HeaderName = HeaderName::from_static("firmhold-problem");

/// What a handler answers.
pub type ApiResult<T> = Result<T, ApiError>;

/// A problem on its way out.
#[derive(Debug)]
pub struct ApiError(pub Problem);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let code = problem.code();
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            log(&problem);
        }
        let mut response = (status, Json(problem.to_body())).into_response();
        let headers = response.headers_mut();
        headers.insert(PROBLEM_HEADER, HeaderValue::from_static(code.as_str()));
        if code == Code::BodyTooSlow {
            // What is left of the body is not waited for.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = problem.retry_after_secs() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The third voice of a problem (design D7): the chain of causes, which no caller sees.
pub fn log(problem: &Problem) {
    let chain = chain(problem);
    if problem.code() == Code::Internal {
        tracing::error!(code = %problem.code(), chain, "a fault of ours");
    } else {
        tracing::warn!(code = %problem.code(), chain, "{problem}");
    }
}
