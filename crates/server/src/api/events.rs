//! `GET /events` (API contract 13.2).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use firmhold_core::{Meta, OrganizationPrn, Prn, PrnKind, Problem};
use serde_json::{Value, json};

use super::page::{self, ListQuery, ListSpec, Narrowing, Order, bad_query};
use super::{AdminCaller, ApiResult, answer};
use crate::App;
use crate::db::{Row, RowExt as _};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/events", get(list))
}

const LIST: ListSpec = ListSpec {
    plural: "events",
    kind: PrnKind::Event,
    select: "SELECT * FROM events",
    table: "events",
    search: None,
    order: Order::Desc,
};

async fn list(State(app): State<Arc<App>>, caller: AdminCaller, query: ListQuery) -> ApiResult<Response> {
    let narrowing = narrowing(&query)?;
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &narrowing).await?;
    let events: Vec<Value> = rows.iter().map(event).collect::<Result<_, _>>()?;
    Ok(answer::list("events", &events, next)?)
}

fn narrowing(query: &ListQuery) -> Result<Narrowing, Problem> {
    let mut narrowing = Narrowing::default();
    for (name, expression) in [("type", "type = "), ("subtype", "subtype = ")] {
        if let Some(value) = query.get(name) {
            narrowing = narrowing.text(expression, value);
        }
    }
    for (name, expression) in [("actor_prn", "actor_prn = "), ("resource_prn", "resource_prn = ")] {
        if let Some(value) = query.get(name) {
            let prn: Prn = value.parse().map_err(|error| bad_query(format!("{name}: {error}")))?;
            narrowing = narrowing.text(expression, prn.to_string());
        }
    }
    for (name, expression) in [("inserted_at_gte", "inserted_at >= "), ("inserted_at_lt", "inserted_at < ")] {
        if let Some(at) = query.time(name)? {
            narrowing = narrowing.number(expression, at.as_millis());
        }
    }
    Ok(narrowing)
}

fn event(row: &Row) -> Result<Value, Problem> {
    let organization = row.uuid("organization_id")?;
    let inserted_at = row.time("inserted_at")?;
    let meta = Meta {
        prn: Prn::new(organization, PrnKind::Event, row.uuid("id")?),
        organization_prn: OrganizationPrn(organization),
        inserted_at,
        // Append-only.
        updated_at: inserted_at,
        revision: 0,
    };
    let mut event = serde_json::to_value(meta).map_err(Problem::internal)?;
    for column in ["type", "subtype", "actor_prn", "resource_prn", "request_id"] {
        event[column] = json!(row.maybe_text(column)?);
    }
    event["data"] = row.json("data")?;
    Ok(event)
}
