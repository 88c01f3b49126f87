//! `POST /links/revoke` (API contract 11.1).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use firmhold_core::{Code, Link, PrnKind, Problem, Scope};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Fields};
use super::product_limit::Concerned;
use super::{ApiResult, Caller, JsonBody};
use crate::App;
use crate::binaries::{BinaryRow, links};
use crate::db::{DbResult as _, Tx};
use crate::device::revocation::token_hash;
use crate::events;

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/links/revoke", post(revoke))
}

async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    caller.need(Scope::Release)?;
    let mut fields = Fields::create(body);
    let url = fields.defaulted("url", |value| fields::string(value).map(str::to_owned));
    let binary = fields.defaulted("binary_prn", fields::prn(PrnKind::Binary, caller.organization));
    // There are no devices yet, so a PRN of one names nothing.
    fields.defaulted("device_prn", |_| fields::Read::<()>::Err(fields::unknown(PrnKind::Device)));
    fields.finish()?;
    let mut tx = app.db.begin().await?;
    let revoked = match (url, binary) {
        (Some(url), None) => one(&app, &mut tx, &caller, &url).await?,
        (None, Some(binary)) => all_of(&mut tx, &caller, binary).await?,
        (Some(_), Some(_)) => return Err(Problem::field("url", "may not be given with binary_prn").into()),
        (None, None) => return Err(Problem::field("url", "or binary_prn is needed").into()),
    };
    tx.commit().await.db()?;
    Ok(Json(json!({ "revoked": revoked })).into_response())
}

async fn one(app: &App, tx: &mut Tx, caller: &Caller, url: &str) -> Result<u64, Problem> {
    let unknown = || Problem::field("url", "is no link of this organization");
    let token = url.rsplit('/').next().unwrap_or_default();
    let link: Link = app.keys.links.read(token).map_err(|_| unknown())?;
    let target = links::target(tx, link.binary).await?.ok_or_else(unknown)?;
    if target.organization != caller.organization {
        return Err(unknown());
    }
    caller.may_write(tx, Concerned::Binary(target.binary)).await?;
    if link.expires_at <= caller.at || target.ended.is_some() {
        return Ok(0);
    }
    if !links::revoke_one(tx, caller.organization, &token_hash(token), link.expires_at, caller.at).await? {
        return Ok(0);
    }
    let prn = caller.prn(PrnKind::Binary, target.binary);
    let data = json!({ "expires_at": link.expires_at });
    events::record_as(tx, &caller.origin(), "link", prn, "revoked", data).await?;
    Ok(1)
}

/// New links of the binary carry another number, so the old ones end and the new ones do not.
async fn all_of(tx: &mut Tx, caller: &Caller, binary: Uuid) -> Result<u64, Problem> {
    let row = match BinaryRow::find(tx, caller.organization, binary).await {
        Err(problem) if problem.code() == Code::NotFound => {
            return Err(Problem::field("binary_prn", fields::unknown(PrnKind::Binary)));
        }
        found => found?,
    };
    caller.may_write(tx, Concerned::Binary(row.id)).await?;
    if !links::end(tx, row.organization, row.id, links::End::Revoked).await? {
        return Ok(0);
    }
    if let Some(content) = row.content.filter(|_| row.state.is_proved()) {
        links::open(tx, row.organization, row.id, content).await?;
    }
    events::record_as(tx, &caller.origin(), "link", row.prn(), "revoked", json!({})).await?;
    Ok(1)
}
