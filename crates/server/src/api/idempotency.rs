//! `Idempotency-Key` (API contract 1.8): a POST that creates, repeated, gives the stored answer of the first.
//!
//! The answer is stored after the change, in a transaction of its own: a server that dies in between has made the change
//! without an answer. The key then counts as running until its lease ends, and the repeat is judged on what is there:
//! 409 where a name or a client-chosen id is taken.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use firmhold_core::{Code, Digest, Problem, Timestamp};
use firmhold_store::failpoint;
use http::header::{CONTENT_TYPE, ETAG, HeaderValue};
use http::{HeaderName, Method, StatusCode};
use serde_json::{Map, Value};

use super::body::read_bytes;
use super::error::{ApiError, PROBLEM_HEADER, log};
use super::page::bad_query;
use super::principal::Caller;
use crate::App;
use crate::db::{DbResult as _, Row, RowExt as _};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a first request counts as running when its server died. Longer than any request takes.
const RUNNING: Duration = Duration::from_secs(180);
/// Their answers hold a secret, which is not stored.
const SECRET: [&str; 2] = ["/api_keys", "/webhooks"];
/// What of an answer is stored beside status and body.
const HEADERS: [HeaderName; 3] = [CONTENT_TYPE, ETAG, PROBLEM_HEADER];

/// One use of a key.
struct Use {
    caller: Caller,
    key: String,
    path: String,
    body: Digest,
}

/// What is known of a key.
enum Known {
    /// Nothing: this request is the first.
    First,
    /// The first one's answer.
    Answer(Response),
}

/// Lets the first request with a key through and stores its answer; answers repeats itself.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !applies(&request) {
        return next.run(request).await;
    }
    match guarded(&app, request, next).await {
        Ok(response) => response,
        Err(problem) => ApiError(problem).into_response(),
    }
}

/// POSTs that create: those to a plural noun.
fn applies(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() == Method::POST
        && request.headers().contains_key(KEY)
        && path.matches('/').count() == 1
        && !SECRET.contains(&path)
}

async fn guarded(app: &Arc<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, app).await.map_err(|ApiError(problem)| problem)?;
    let key = key(&parts)?;
    let bytes = read_bytes(app, body).await?;
    let path = parts.uri.path().to_owned();
    let this = Use { caller, key, path, body: Digest::of(&bytes) };
    if let Known::Answer(response) = claim(app, &this).await? {
        return Ok(response);
    }
    failpoint::IDEMPOTENCY_CLAIMED.reach();
    let app = Arc::clone(app);
    // Beside the connection: when the client hangs up, the answer is stored all the same.
    let whole = async move {
        let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
        failpoint::IDEMPOTENCY_ANSWER_NOT_KEPT.reach();
        settle(&app, &this, response).await
    };
    tokio::spawn(whole).await.map_err(Problem::internal)?
}

fn key(parts: &Parts) -> Result<String, Problem> {
    let value = parts.headers.get(KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    let fits = (1..=255).contains(&value.len()) && value.iter().all(|b| matches!(b, b' '..=b'~'));
    let text = std::str::from_utf8(value).ok().filter(|_| fits);
    text.map(str::to_owned)
        .ok_or_else(|| bad_query("Idempotency-Key must be 1 to 255 printable ASCII characters"))
}

/// Makes the key this request's, or says what its first request came to.
async fn claim(app: &App, this: &Use) -> Result<Known, Problem> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE inserted_at < $1")
        .bind(now.minus(KEPT).as_millis())
        .execute(&mut *tx)
        .await
        .db()?;
    let row = sqlx::query("SELECT * FROM idempotency_keys WHERE api_key_id = $1 AND idempotency_key = $2")
        .bind(this.caller.key_id.to_string())
        .bind(&this.key)
        .fetch_optional(&mut *tx)
        .await
        .db()?;
    if let Some(row) = &row
        && let Some(response) = judge(row, this, now)?
    {
        return Ok(Known::Answer(response));
    }
    sqlx::query(
        "INSERT INTO idempotency_keys (api_key_id, idempotency_key, path, body_sha256, running_until, inserted_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (api_key_id, idempotency_key) DO UPDATE SET running_until = excluded.running_until",
    )
    .bind(this.caller.key_id.to_string())
    .bind(&this.key)
    .bind(&this.path)
    .bind(this.body.to_hex())
    .bind(now.plus(RUNNING).as_millis())
    .bind(now.as_millis())
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await.db()?;
    Ok(Known::First)
}

/// The stored answer; nothing if the first request was given up.
fn judge(row: &Row, this: &Use, now: Timestamp) -> Result<Option<Response>, Problem> {
    if row.text("path")? != this.path || row.parsed::<Digest>("body_sha256")? != this.body {
        let detail = "this Idempotency-Key was used for another request";
        return Err(Problem::new(Code::InvalidFields, detail));
    }
    let Some(status) = row.maybe_number("status")? else {
        if row.time("running_until")? > now {
            let detail = "the first request with this Idempotency-Key is still running";
            return Err(Problem::new(Code::RequestRunning, detail).retry_after(1));
        }
        return Ok(None);
    };
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), row.text("body")?).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    for (name, value) in row.json::<Map<String, Value>>("headers")? {
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default()).map_err(Problem::internal)?;
        headers.insert(HeaderName::try_from(name).map_err(Problem::internal)?, value);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(Some(response))
}

/// Stores the answer, or frees the key after a fault that is not the caller's.
async fn settle(app: &App, this: &Use, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(Problem::internal)?;
    let stored = if parts.status.is_server_error() {
        free(app, this).await
    } else {
        keep(app, this, parts.status, &parts.headers, &bytes).await
    };
    if let Err(problem) = stored {
        // The change is made; the caller gets its answer.
        log(&problem);
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

async fn keep(
    app: &App,
    this: &Use,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(), Problem> {
    let headers: Map<String, Value> = HEADERS
        .iter()
        .filter_map(|name| Some((name.to_string(), Value::from(headers.get(name)?.to_str().ok()?))))
        .collect();
    let mut tx = app.db.begin().await?;
    sqlx::query(
        "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5
         WHERE api_key_id = $1 AND idempotency_key = $2",
    )
    .bind(this.caller.key_id.to_string())
    .bind(&this.key)
    .bind(i64::from(status.as_u16()))
    .bind(Value::Object(headers).to_string())
    .bind(String::from_utf8_lossy(body).into_owned())
    .execute(&mut *tx)
    .await
    .db()?;
    tx.commit().await.db()
}

async fn free(app: &App, this: &Use) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE api_key_id = $1 AND idempotency_key = $2")
        .bind(this.caller.key_id.to_string())
        .bind(&this.key)
        .execute(&mut *tx)
        .await
        .db()?;
    tx.commit().await.db()
}
