//! Bodies of requests (API contract 1.2).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use firmhold_core::{Code, FieldErrors, Problem};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::App;

/// The largest body that is read.
pub const MAX_BODY: usize = 2 * 1024 * 1024;

/// A JSON object; keys that `T` does not know are ignored. Every key whose value does not fit is reported, together.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let object = read_object(app, request).await?;
        Ok(Self(fit(object)?))
    }
}

/// An error for each key of `object` that is not among `known`: under `/backends`, `/api_keys` and `/oidc_issuers` a misspelt key would
/// weaken security silently.
pub fn unknown_keys(object: &Map<String, Value>, known: &[&str]) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
        errors.add(key.clone(), "is not a field");
    }
    errors
}

/// `object` as a `T`. If it does not fit, each key is tried by itself, so that all wrong ones are named at once.
fn fit<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Problem> {
    let whole = match serde_json::from_value(Value::Object(object.clone())) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut errors = FieldErrors::new();
    for (key, value) in object {
        let alone = Map::from_iter([(key.clone(), value)]);
        if let Err(error) = serde_json::from_value::<T>(Value::Object(alone)) {
            errors.add(key, error.to_string());
        }
    }
    errors.into_result()?;
    Err(Problem::new(Code::InvalidFields, whole.to_string()))
}

/// Reads a JSON object.
///
/// # Errors
/// 415 for another media type, 413 over [`MAX_BODY`], 408 if it takes too long, 400 for what is not a JSON object.
pub async fn read_object(app: &App, request: Request) -> Result<Map<String, Value>, Problem> {
    read_object_within(app, request, MAX_BODY).await
}

/// As [`read_object`], of at most `limit` bytes: for what strangers send.
///
/// # Errors
/// As there.
pub async fn read_object_within(
    app: &App,
    request: Request,
    limit: usize,
) -> Result<Map<String, Value>, Problem> {
    if !is_json(&request) {
        return Err(Problem::new(Code::WrongMediaType, "the body must be application/json"));
    }
    let bytes = read_bytes_within(request.into_body(), limit, app.config.server.patience.body).await?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::new(Code::NotJson, "the body is not a JSON object")),
        Err(error) => Err(Problem::new(Code::NotJson, format!("the body is not JSON: {error}"))),
    }
}

/// Reads a whole body of at most [`MAX_BODY`].
///
/// # Errors
/// 413 if it is larger; 408 if it takes too long; 400 if the connection breaks.
pub async fn read_bytes(app: &App, body: Body) -> Result<Bytes, Problem> {
    read_bytes_within(body, MAX_BODY, app.config.server.patience.body).await
}

/// The time is for the whole body: a byte now and then would hold a connection for ever.
async fn read_bytes_within(body: Body, limit: usize, patience: Duration) -> Result<Bytes, Problem> {
    let whole = tokio::time::timeout(patience, Limited::new(body, limit).collect()).await;
    let whole = whole.map_err(|_| {
        let detail = format!("the body did not come within {} s", patience.as_secs());
        Problem::new(Code::BodyTooSlow, detail)
    })?;
    match whole {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Code::BodyTooLarge, format!("the body has more than {limit} bytes")))
        }
        Err(_) => Err(Problem::new(Code::NotJson, "the body ended early")),
    }
}

fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}
