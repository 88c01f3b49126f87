//! `PUT /u/{token}` (API contract 4.3, end): a part on its way to a store that does not check what it is sent. The token
//! is the right to use it; there is no API key.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::put;
use firmhold_core::{Code, Digest, Problem, UploadToken};
use futures::{StreamExt as _, TryStreamExt as _};
use http::header::{CONTENT_LENGTH, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::ApiResult;
use super::path::TokenPath;
use crate::App;
use crate::binaries::part_upload;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/u/{token}", put(receive))
}

/// All that can be known before the first byte is judged before it.
async fn receive(
    State(app): State<Arc<App>>,
    TokenPath(token): TokenPath,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let part = part_upload::read(&app, &token)?;
    check_headers(&headers, &part)?;
    let cut = |cause: axum::Error| Problem::new(Code::PartMismatch, "the part broke off").caused_by(cause);
    let body = body.into_data_stream().map_err(cut).boxed();
    let etag = part_upload::receive(&app, &part, body).await?;
    let etag = HeaderValue::from_str(&format!("\"{etag}\"")).map_err(Problem::internal)?;
    Ok((StatusCode::OK, [(ETAG, etag)]).into_response())
}

fn check_headers(headers: &HeaderMap, part: &UploadToken) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let length: u64 = text(CONTENT_LENGTH.as_str())
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| Problem::new(Code::LengthRequired, "the part came without its length"))?;
    if length > part.size {
        let detail = format!("the part has {length} bytes, declared were {}", part.size);
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    if length < part.size {
        let detail = format!("the part has {length} bytes, declared were {}", part.size);
        return Err(Problem::new(Code::PartMismatch, detail));
    }
    if headers.contains_key(part_upload::CHECKSUM)
        && text(part_upload::CHECKSUM).and_then(|text| Digest::from_base64(text).ok()) != Some(part.sha256)
    {
        let detail = format!("{} is not the one that was declared", part_upload::CHECKSUM);
        return Err(Problem::new(Code::PartMismatch, detail));
    }
    Ok(())
}
