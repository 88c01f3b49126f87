//! `GET | HEAD /d/{token}` (API contract 11): the link that devices follow.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use firmhold_core::{BinaryState, Code, DeliveryMode, Problem};
use firmhold_store::{SessionScope, TicketRequest};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::conditional::{Validators, Verdict};
use super::range::{Span, Wanted, wanted};
use super::{proxy, revocation};
use crate::App;
use crate::api::path::TokenPath;
use crate::api::{ApiError, ApiResult};
use crate::backends::BackendRow;
use crate::binaries::BinaryRow;
use crate::content::{self, Content, Stage};
use crate::db::DbResult as _;
use crate::jobs::recheck;

/// How an answer was served; to HEAD, how a GET would be.
const DELIVERY: HeaderName = HeaderName::from_static("firmhold-delivery");
/// RFC 9530.
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
/// Seconds after which a device may ask again when the store fails.
const RETRY_AFTER: u32 = 5;

/// Routes of the download listener.
pub fn routes() -> Router<Arc<App>> {
    // HEAD has a handler of its own: a GET route would answer it by running GET, and sign or read for nothing.
    Router::new().route("/d/{token}", MethodRouter::new().get(get).head(head))
}

/// What a link leads to, after all that could forbid it.
struct Found {
    token: String,
    number: u64,
    mode: DeliveryMode,
    content: Content,
    backend: BackendRow,
    validators: Validators,
}

async fn head(
    State(app): State<Arc<App>>,
    TokenPath(token): TokenPath,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let found = find(&app, token).await?;
    if let Some(answer) = precondition(&found, &headers)? {
        return Ok(answer);
    }
    let mut response = Body::empty().into_response();
    describe(&found, response.headers_mut())?;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(found.content.size));
    response.headers_mut().insert(DELIVERY, HeaderValue::from_static(delivery(&found, &headers).as_str()));
    Ok(response)
}

async fn get(
    State(app): State<Arc<App>>,
    TokenPath(token): TokenPath,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let found = find(&app, token).await?;
    if let Some(answer) = precondition(&found, &headers)? {
        return Ok(answer);
    }
    let answer = match delivery(&found, &headers) {
        DeliveryMode::Proxy => send(&app, &found, &headers).await,
        DeliveryMode::Redirect | DeliveryMode::Cdn => redirect(&app, &found).await,
    };
    answer.map_err(|problem| ApiError(retry_later(problem)))
}

/// The bound object version of a link, if it may be read now.
async fn find(app: &App, token: String) -> Result<Found, Problem> {
    let link = app.keys.links.read(&token).map_err(|_| revocation::unknown())?;
    if link.expires_at <= app.clock.now() {
        return Err(Problem::new(Code::LinkExpired, "the link has expired"));
    }
    let target = revocation::check(app, &token, link.binary).await?;
    let (binary, mut content, backend) = {
        let mut conn = app.db.reader().acquire().await.db()?;
        let gone = || Problem::new(Code::BinaryGone, "the binary of this link was deleted");
        let binary = BinaryRow::find_if_any(&mut conn, target.organization, target.binary).await?;
        let binary = binary.ok_or_else(gone)?;
        let content = content::find(&mut conn, target.content).await?;
        let backend = BackendRow::find_uncounted(&mut conn, binary.organization, binary.backend).await?;
        (binary, content, backend)
    };
    if !backend.state.serves(binary.state == BinaryState::Signed) {
        let detail = format!("the backend is {}: its content may not be read", backend.state);
        return Err(Problem::new(Code::BackendNotReadable, detail));
    }
    if content.stage == Stage::Missing {
        look_again(app, &backend, &mut content).await?;
    }
    if content.stage != Stage::Proved {
        return Err(missing());
    }
    let validators = Validators::new(content.hash, content.etag.as_deref());
    Ok(Found { token, number: link.binary, mode: link.mode, content, backend, validators })
}

/// 304 or 412, if the conditional headers say so.
fn precondition(found: &Found, headers: &HeaderMap) -> Result<Option<Response>, Problem> {
    match found.validators.evaluate(headers) {
        Verdict::Proceed => Ok(None),
        Verdict::Failed => {
            Err(Problem::new(Code::PreconditionFailed, "If-Match names other content than this link's"))
        }
        Verdict::NotModified => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            describe(found, response.headers_mut())?;
            Ok(Some(response))
        }
    }
}

/// How a GET is answered. The store would not know the SHA-256 as an ETag, so a GET that names it is proxied; and
/// there is no CDN yet.
fn delivery(found: &Found, headers: &HeaderMap) -> DeliveryMode {
    match found.mode {
        DeliveryMode::Redirect if !found.validators.names_digest(headers) => DeliveryMode::Redirect,
        DeliveryMode::Redirect | DeliveryMode::Proxy | DeliveryMode::Cdn => DeliveryMode::Proxy,
    }
}

/// The headers of everything that we answer ourselves.
fn describe(found: &Found, headers: &mut HeaderMap) -> Result<(), Problem> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(Problem::internal);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ETAG, value(found.validators.etag())?);
    headers.insert(REPR_DIGEST, value(&format!("sha-256=:{}:", found.content.hash.to_base64()))?);
    Ok(())
}

async fn redirect(app: &App, found: &Found) -> Result<Response, Problem> {
    let request =
        TicketRequest::Get { key: found.content.key.clone(), version: found.content.version_id.clone() };
    let ticket =
        app.stores.ticket(&app.target(&found.backend)?, request, app.config.server.ticket_seconds).await?;
    let mut location = HeaderValue::from_str(&ticket.url).map_err(Problem::internal)?;
    location.set_sensitive(true);
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(DELIVERY, HeaderValue::from_static(DeliveryMode::Redirect.as_str()));
    Ok(response)
}

async fn send(app: &Arc<App>, found: &Found, headers: &HeaderMap) -> Result<Response, Problem> {
    let size = found.content.size;
    let range = headers.get(RANGE).filter(|_| found.validators.range_holds(headers));
    let (status, span) = match wanted(range.and_then(|value| value.to_str().ok()), size) {
        Wanted::Whole => (StatusCode::OK, Span::whole(size)),
        Wanted::Part(span) => (StatusCode::PARTIAL_CONTENT, span),
        Wanted::Unsatisfiable => return unsatisfiable(size),
    };
    let body = match open(app, found, span).await {
        Ok(body) => body,
        Err(problem) => {
            if content::is_gone(app, &app.target(&found.backend)?, &found.content, &problem).await? {
                note_missing(app, &found.content).await?;
                return Err(missing());
            }
            return Err(problem);
        }
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    describe(found, headers)?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(span.length()));
    headers.insert(DELIVERY, HeaderValue::from_static(DeliveryMode::Proxy.as_str()));
    if status == StatusCode::PARTIAL_CONTENT {
        let value = HeaderValue::from_str(&span.content_range(size)).map_err(Problem::internal)?;
        headers.insert(CONTENT_RANGE, value);
    }
    Ok(response)
}

async fn open(app: &Arc<App>, found: &Found, span: Span) -> Result<Body, Problem> {
    let bucket = app.stores.bucket(&app.target(&found.backend)?, SessionScope::Read).await?;
    let guard = proxy::Guard::new(Arc::clone(app), found.token.clone(), found.number);
    proxy::open(&*bucket, &found.content, span, guard).await
}

/// 416 with the size, so that the client can ask again.
fn unsatisfiable(size: u64) -> Result<Response, Problem> {
    let problem = Problem::new(Code::RangeUnsatisfiable, format!("the content has {size} bytes"));
    let mut response = ApiError(problem).into_response();
    let value = HeaderValue::from_str(&format!("bytes */{size}")).map_err(Problem::internal)?;
    response.headers_mut().insert(CONTENT_RANGE, value);
    Ok(response)
}

/// Content that was found missing is looked for again: what an owner put right works at once, or, where there are no
/// versions to go by, once a job has read it.
async fn look_again(app: &App, backend: &BackendRow, content: &mut Content) -> Result<(), Problem> {
    let target = app.target(backend)?;
    let bucket = app.stores.bucket(&target, SessionScope::Read).await?;
    match bucket.head(&content.key, content.version_id.as_deref()).await {
        Ok(info) if info.size != content.size => Ok(()),
        Ok(info) if content.is_same(info.etag.as_deref()) => {
            move_stage(app, content, Stage::Missing, Stage::Proved).await?;
            content.stage = Stage::Proved;
            Ok(())
        }
        // INVARIANT: content is proved only by reading all of it, here as well.
        Ok(_) => {
            let mut tx = app.db.begin().await?;
            recheck::begin(&mut tx, content, app.clock.now()).await?;
            tx.commit().await.db()?;
            app.wake_jobs();
            Ok(())
        }
        Err(problem) if content::is_gone(app, &target, content, &problem).await? => Ok(()),
        Err(problem) => Err(retry_later(problem)),
    }
}

async fn note_missing(app: &App, content: &Content) -> Result<(), Problem> {
    tracing::warn!(key = %content.key, version = content.version_id, "proved content is gone from its bucket");
    move_stage(app, content, Stage::Proved, Stage::Missing).await
}

async fn move_stage(app: &App, content: &Content, from: Stage, to: Stage) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    content::advance(&mut tx, content.id, from, to, app.clock.now()).await?;
    tx.commit().await.db()
}

fn missing() -> Problem {
    Problem::new(Code::ContentMissing, "the content is not in the bucket").retry_after(RETRY_AFTER)
}

/// Failures of the store carry `Retry-After`, too (API contract 11).
fn retry_later(problem: Problem) -> Problem {
    if problem.code().status() >= 502 && problem.retry_after_secs().is_none() {
        problem.retry_after(RETRY_AFTER)
    } else {
        problem
    }
}
