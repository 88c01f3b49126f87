//! `/signing_keys` (API contract 3 and 3.1).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use firmhold_core::{Code, PrnKind, Problem, PublicKey, Scope, text};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Changes, Fields, given};
use super::page::{self, ListQuery, ListSpec, Narrowing, Order};
use super::search::{EQUAL, SearchKey, TEXT, ValueKind};
use super::{AdminCaller, ApiResult, Caller, IfMatch, JsonBody, PrnPath, answer};
use crate::App;
use crate::binaries::manifest::{self, Told};
use crate::binaries::{BinaryRow, signatures, steps};
use crate::catalogue::signing_key::SigningKeyRow;
use crate::db::{Conn, DbResult as _, is_duplicate};
use crate::events;

/// Longest `value`: SPKI PEM has 114 characters.
const VALUE: std::ops::RangeInclusive<usize> = 1..=256;

const LIST: ListSpec = ListSpec {
    plural: "signing_keys",
    kind: PrnKind::SigningKey,
    select: "SELECT * FROM signing_keys k",
    table: "k",
    search: Some(&[
        SearchKey::new("name", "k.name", ValueKind::Text, TEXT),
        SearchKey::new("value", "k.value", ValueKind::Text, EQUAL),
        SearchKey::new("keyid", "k.keyid", ValueKind::Text, EQUAL),
    ]),
    order: Order::Asc,
};

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/signing_keys", get(list).post(create))
        .route("/signing_keys/{prn}", get(show).patch(change).delete(remove))
        .route("/signing_keys/{prn}/revoke", post(revoke))
}

async fn create(
    State(app): State<Arc<App>>,
    AdminCaller(caller): AdminCaller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let mut fields = Fields::create(body);
    let name = fields.required("name", fields::text(text::NAME));
    let key = fields.required("value", public_key);
    fields.finish()?;
    let row = SigningKeyRow {
        id: Uuid::new_v4(),
        organization: caller.organization,
        name: given(name)?,
        key: given(key)?,
        revoked_at: None,
        inserted_at: caller.at,
        updated_at: caller.at,
        revision: 0,
    };
    let mut tx = app.db.begin().await?;
    must_not_be_revoked(&mut tx, &caller, &row.key).await?;
    row.insert(&mut tx).await.map_err(duplicate_key)?;
    let data = json!({ "name": row.name, "keyid": row.key.keyid() });
    events::record(&mut tx, &caller.origin(), row.prn(), "created", data).await?;
    tx.commit().await.db()?;
    Ok(answer::object(StatusCode::CREATED, "signing_key", &row.to_wire(), row.revision)?)
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &Narrowing::default()).await?;
    let rows: Vec<SigningKeyRow> = rows.iter().map(SigningKeyRow::from_row).collect::<Result<_, _>>()?;
    let wire: Vec<_> = rows.iter().map(SigningKeyRow::to_wire).collect();
    Ok(answer::list(LIST.plural, &wire, next)?)
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    let row = find(&mut conn, &caller, path).await?;
    Ok(answer::object(StatusCode::OK, "signing_key", &row.to_wire(), row.revision)?)
}

async fn change(
    State(app): State<Arc<App>>,
    AdminCaller(caller): AdminCaller,
    path: PrnPath,
    if_match: IfMatch,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let mut fields = Fields::patch(body);
    let name = fields.required("name", fields::text(text::NAME));
    let key = fields.required("value", public_key);
    let wrong = fields.finish();
    let mut tx = app.db.begin().await?;
    let mut row = find(&mut tx, &caller, path).await?;
    if_match.check(row.revision)?;
    wrong?;
    let mut changes = Changes::default();
    changes.set("name", &mut row.name, name);
    if let Some(key) = key.filter(|key| *key != row.key) {
        if row.revoked_at.is_some() {
            return Err(Problem::new(Code::StateForbids, "the key is revoked").into());
        }
        if row.is_used(&mut tx).await? {
            return Err(Problem::new(Code::InUse, "a signature uses the key").into());
        }
        must_not_be_revoked(&mut tx, &caller, &key).await?;
        let mut value = row.key.to_base64();
        changes.set("value", &mut value, Some(key.to_base64()));
        row.key = key;
    }
    if !changes.is_empty() {
        row.save(&mut tx, caller.at).await.map_err(duplicate_key)?;
        events::record(&mut tx, &caller.origin(), row.prn(), "updated", changes.into_data()).await?;
        manifest::due_for(&mut tx, caller.organization, Told::SigningKey(row.id), caller.at).await?;
        tx.commit().await.db()?;
        app.wake_jobs();
    }
    Ok(answer::object(StatusCode::OK, "signing_key", &row.to_wire(), row.revision)?)
}

async fn remove(
    State(app): State<Arc<App>>,
    AdminCaller(caller): AdminCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    let mut tx = app.db.begin().await?;
    let row = find(&mut tx, &caller, path).await?;
    if_match.check(row.revision)?;
    if row.is_used(&mut tx).await? {
        return Err(Problem::new(Code::InUse, "a signature uses the key").into());
    }
    row.delete(&mut tx).await?;
    let data = json!({ "name": row.name, "keyid": row.key.keyid() });
    events::record(&mut tx, &caller.origin(), row.prn(), "deleted", data).await?;
    tx.commit().await.db()?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Its signatures stay stored and count for nothing: a binary that has no other goes back to `signable`.
async fn revoke(
    State(app): State<Arc<App>>,
    AdminCaller(caller): AdminCaller,
    path: PrnPath,
) -> ApiResult<Response> {
    let mut tx = app.db.begin().await?;
    let mut row = find(&mut tx, &caller, path).await?;
    if row.revoked_at.is_none() {
        row.revoke(&mut tx, caller.at).await?;
        let origin = caller.origin();
        let data = json!({ "name": row.name, "keyid": row.key.keyid() });
        events::record(&mut tx, &origin, row.prn(), "revoked", data).await?;
        for binary in signatures::signed_by(&mut tx, row.id).await? {
            let mut binary = BinaryRow::find(&mut tx, caller.organization, binary).await?;
            steps::signatures_changed(&mut tx, &mut binary, &origin).await?;
        }
        tx.commit().await.db()?;
        app.wake_jobs();
    }
    Ok(answer::object(StatusCode::OK, "signing_key", &row.to_wire(), row.revision)?)
}

async fn find(conn: &mut Conn, caller: &Caller, path: PrnPath) -> Result<SigningKeyRow, Problem> {
    let id = path.of(PrnKind::SigningKey, caller)?;
    SigningKeyRow::find(conn, caller.organization, id).await?.ok_or_else(Problem::not_found)
}

fn public_key(value: &Value) -> fields::Read<PublicKey> {
    let text = fields::string(value)?;
    if !VALUE.contains(&text.chars().count()) {
        return Err(format!("must have {} to {} characters", VALUE.start(), VALUE.end()));
    }
    PublicKey::parse(text).map_err(|wrong| wrong.to_string())
}

async fn must_not_be_revoked(conn: &mut Conn, caller: &Caller, key: &PublicKey) -> Result<(), Problem> {
    if SigningKeyRow::was_revoked(conn, caller.organization, &key.keyid()).await? {
        return Err(Problem::new(Code::StateForbids, "the key was revoked in this organization, for good"));
    }
    Ok(())
}

fn duplicate_key(error: sqlx::Error) -> Problem {
    if is_duplicate(&error) {
        Problem::new(Code::Duplicate, "the key is registered already")
    } else {
        Problem::internal(error)
    }
}
