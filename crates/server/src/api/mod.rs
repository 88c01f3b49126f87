//! The REST API. What is not built is not routed.

pub mod answer;
mod api_keys;
mod artifact_versions;
mod artifacts;
mod backends;
mod binaries;
mod binary_parts;
mod binary_signatures;
pub mod body;
pub mod error;
mod events;
pub mod fields;
mod idempotency;
mod imports;
mod links;
mod oidc_exchange;
mod oidc_issuers;
mod ops;
pub mod page;
pub mod path;
pub mod principal;
pub mod product_limit;
mod products;
pub mod records;
pub mod request_id;
pub mod search;
mod signing_keys;
mod uploads;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use firmhold_core::{Code, Problem};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::App;
pub use answer::IfMatch;
pub use body::JsonBody;
pub use error::{ApiError, ApiResult};
pub use path::PrnPath;
pub use principal::{AdminCaller, Caller};

/// Routes of the admin and download listener.
pub(crate) fn router(app: Arc<App>) -> Router {
    let prefix = app.config.server.path_prefix.clone();
    let routes: Router<Arc<App>> = Router::new()
        .merge(api_keys::routes())
        .merge(oidc_issuers::routes())
        .merge(oidc_exchange::routes())
        .merge(events::routes())
        .merge(backends::routes())
        .merge(products::routes())
        .merge(artifacts::routes())
        .merge(artifact_versions::routes())
        .merge(signing_keys::routes())
        .merge(binaries::routes())
        .merge(binary_parts::routes())
        .merge(binary_signatures::routes())
        .merge(imports::routes())
        .merge(links::routes())
        .merge(uploads::routes())
        .merge(crate::device::link::routes());
    let routes = routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), idempotency::layer));
    let routes = if prefix.is_empty() { routes } else { Router::new().nest(&prefix, routes) };
    outside(routes.with_state(app))
}

/// Routes of the operations listener.
pub(crate) fn ops_router(app: Arc<App>, stop: CancellationToken) -> Router {
    outside(ops::routes(app, stop).method_not_allowed_fallback(method_not_allowed))
}

/// What every answer goes through, those to unknown routes included.
fn outside(routes: Router) -> Router {
    routes
        .fallback(not_found)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(request_id::layer))
}

async fn not_found(_: Request) -> ApiError {
    Problem::not_found().into()
}

async fn method_not_allowed(request: Request) -> ApiError {
    let detail = format!("{} is not one of this route's methods", request.method());
    Problem::new(Code::MethodNotAllowed, detail).into()
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic");
    ApiError(Problem::internal(text.to_owned())).into_response()
}
