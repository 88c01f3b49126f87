//! Answers with an object or a page (API contract 1.3, 1.4, 1.7).

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use firmhold_core::{Code, Problem};
use http::StatusCode;
use http::header::{ETAG, HeaderValue, IF_MATCH};
use serde::Serialize;
use serde_json::{Map, Value};

use super::error::ApiError;

/// One object in its singular noun, with its revision as `ETag`.
///
/// # Errors
/// [`Code::Internal`] if it cannot be JSON.
pub fn object(
    status: StatusCode,
    noun: &str,
    value: &impl Serialize,
    revision: u64,
) -> Result<Response, Problem> {
    let value = serde_json::to_value(value).map_err(Problem::internal)?;
    let mut response = (status, Json(Map::from_iter([(noun.to_owned(), value)]))).into_response();
    let etag = HeaderValue::from_str(&format!("\"{revision}\"")).map_err(Problem::internal)?;
    response.headers_mut().insert(ETAG, etag);
    Ok(response)
}

/// A page of a list in its plural noun.
///
/// # Errors
/// [`Code::Internal`] if an item cannot be JSON.
pub fn list(plural: &str, items: &[impl Serialize], next_page: Option<String>) -> Result<Response, Problem> {
    let items = serde_json::to_value(items).map_err(Problem::internal)?;
    let members = [(plural.to_owned(), items), ("next_page".to_owned(), Value::from(next_page))];
    Ok(Json(Map::from_iter(members)).into_response())
}

/// The `If-Match` of a PATCH or DELETE.
#[derive(Debug, Clone, Default)]
pub struct IfMatch(Option<String>);

impl IfMatch {
    /// Goes on if there is no condition, or `revision` meets it.
    ///
    /// # Errors
    /// [`Code::RevisionMismatch`].
    pub fn check(&self, revision: u64) -> Result<(), Problem> {
        let Some(condition) = &self.0 else { return Ok(()) };
        let current = format!("\"{revision}\"");
        if condition.split(',').any(|tag| matches!(tag.trim(), "*") || tag.trim() == current) {
            return Ok(());
        }
        Err(Problem::new(Code::RevisionMismatch, format!("the object is at revision {revision}")))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let values = parts.headers.get_all(IF_MATCH).iter();
        // A value that is no text names no revision of ours: it does not hold.
        let values: Vec<&str> = values.map(|value| value.to_str().unwrap_or_default()).collect();
        Ok(Self((!values.is_empty()).then(|| values.join(","))))
    }
}
