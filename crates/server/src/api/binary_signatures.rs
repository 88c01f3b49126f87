//! `/binary_signatures` (API contract 4.4).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firmhold_core::signature::MessageForm;
use firmhold_core::{Code, FieldErrors, PrnKind, Problem, Scope, Signature};
use firmhold_store::failpoint;
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Fields, given};
use super::page::{self, ListQuery, ListSpec, Narrowing, Order};
use super::principal::UploadCaller;
use super::product_limit::Concerned;
use super::search::{EQUAL, SearchKey, ValueKind};
use super::{ApiResult, Caller, IfMatch, JsonBody, PrnPath, answer};
use crate::App;
use crate::binaries::signatures::{self, SELECT, SignatureRow};
use crate::binaries::{BinaryRow, steps};
use crate::catalogue::signing_key::SigningKeyRow;
use crate::db::{Conn, DbResult as _};
use crate::events;

const LIST: ListSpec = ListSpec {
    plural: "binary_signatures",
    kind: PrnKind::BinarySignature,
    select: SELECT,
    table: "s",
    search: Some(&[
        SearchKey::new("binary_prn", "s.binary_id", ValueKind::Prn(PrnKind::Binary), EQUAL),
        SearchKey::new("signing_key_prn", "s.signing_key_id", ValueKind::Prn(PrnKind::SigningKey), EQUAL),
        SearchKey::new("signature.signing_key.keyid", "k.keyid", ValueKind::Text, EQUAL),
    ]),
    order: Order::Asc,
};

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/binary_signatures", get(list).post(create))
        .route("/binary_signatures/{prn}", get(show).delete(remove))
}

async fn create(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let mut fields = Fields::create(body);
    let binary = fields.required("binary_prn", fields::prn(PrnKind::Binary, caller.organization));
    let signature = fields.required("signature", |value| {
        fields::string(value)?.parse::<Signature>().map_err(|wrong| wrong.to_string())
    });
    let key_prn = fields.defaulted("signing_key_prn", fields::prn(PrnKind::SigningKey, caller.organization));
    let keyid = fields.defaulted("signing_key_keyid", |value| fields::string(value).map(str::to_owned));
    let mut tx = app.db.begin().await?;
    let binary = known_binary(&mut tx, &caller, binary, &mut fields).await?;
    let key = known_key(&mut tx, &caller, key_prn, keyid, &mut fields).await?;
    fields.finish()?;
    let (mut binary, key, signature) = (given(binary)?, given(key)?, given(signature)?);
    caller.may_write(&mut tx, Concerned::Binary(binary.id)).await?;
    if key.revoked_at.is_some() {
        return Err(Problem::new(Code::StateForbids, "the signing key is revoked").into());
    }
    if !binary.state.is_proved() {
        let detail = format!("the binary is {}: only proved content is signed", binary.state);
        return Err(Problem::new(Code::StateForbids, detail).into());
    }
    let form = key.key.verify(binary.hash, &signature).ok_or_else(does_not_verify)?;
    let existing = signatures::of_binary(&mut tx, binary.organization, binary.id).await?;
    if let Some(existing) = existing.into_iter().find(|one| one.signing_key == key.id) {
        return Ok(answer::object(
            StatusCode::OK,
            "binary_signature",
            &existing.to_wire(),
            existing.revision,
        )?);
    }
    let new = New { binary: binary.id, key: key.id, signature, form };
    let row = insert(&mut tx, &caller, new).await?;
    steps::signatures_changed(&mut tx, &mut binary, &caller.origin()).await?;
    tx.commit().await.db()?;
    failpoint::SIGNATURE_COMMITTED.reach();
    app.wake_jobs();
    Ok(answer::object(StatusCode::CREATED, "binary_signature", &row.to_wire(), row.revision)?)
}

struct New {
    binary: Uuid,
    key: Uuid,
    signature: Signature,
    form: MessageForm,
}

async fn insert(tx: &mut crate::db::Tx, caller: &Caller, new: New) -> Result<SignatureRow, Problem> {
    let id = Uuid::new_v4();
    sqlx::query(
        "INSERT INTO binary_signatures (id, organization_id, binary_id, signing_key_id, signature, message_form,
                                        inserted_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind(id.to_string())
    .bind(caller.organization.to_string())
    .bind(new.binary.to_string())
    .bind(new.key.to_string())
    .bind(new.signature.to_string())
    .bind(new.form.as_str())
    .bind(caller.at.as_millis())
    .execute(&mut **tx)
    .await
    .db()?;
    let row = SignatureRow::find(tx, caller.organization, id).await?;
    let data = json!({
        "binary_prn": caller.prn(PrnKind::Binary, row.binary),
        "signing_key_prn": row.signing_key_prn(),
        "keyid": row.keyid,
    });
    events::record(tx, &caller.origin(), row.prn(), "created", data).await?;
    Ok(row)
}

async fn known_binary(
    conn: &mut Conn,
    caller: &Caller,
    id: Option<Uuid>,
    fields: &mut Fields,
) -> Result<Option<BinaryRow>, Problem> {
    let Some(id) = id else { return Ok(None) };
    match BinaryRow::find(conn, caller.organization, id).await {
        Err(problem) if problem.code() == Code::NotFound => {
            fields.errors.add("binary_prn", fields::unknown(PrnKind::Binary));
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// The key by the one of its two names that is given.
async fn known_key(
    conn: &mut Conn,
    caller: &Caller,
    prn: Option<Uuid>,
    keyid: Option<String>,
    fields: &mut Fields,
) -> Result<Option<SigningKeyRow>, Problem> {
    const NAMES: [&str; 2] = ["signing_key_prn", "signing_key_keyid"];
    let (field, found) = match (prn, keyid) {
        (Some(id), None) => (NAMES[0], SigningKeyRow::find(conn, caller.organization, id).await?),
        (None, Some(keyid)) => (NAMES[1], SigningKeyRow::by_keyid(conn, caller.organization, &keyid).await?),
        (both_or_neither, _) => {
            let wrong = match both_or_neither {
                Some(_) => "only one of signing_key_prn and signing_key_keyid may be given",
                None => "one of signing_key_prn and signing_key_keyid is needed",
            };
            if !NAMES.iter().any(|name| fields.errors.0.contains_key(*name)) {
                fields.errors.add(NAMES[0], wrong);
            }
            return Ok(None);
        }
    };
    if found.is_none() {
        fields.errors.add(field, fields::unknown(PrnKind::SigningKey));
    }
    Ok(found)
}

fn does_not_verify() -> Problem {
    let text = "does not verify: it is not by this key over the binary's hash";
    let mut errors = FieldErrors::new();
    errors.add("signature", text);
    Problem::new(Code::SignatureInvalid, format!("the signature {text}")).with_fields(errors)
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &Narrowing::default()).await?;
    let rows: Vec<SignatureRow> = rows.iter().map(SignatureRow::from_row).collect::<Result<_, _>>()?;
    let wire: Vec<_> = rows.iter().map(SignatureRow::to_wire).collect();
    Ok(answer::list(LIST.plural, &wire, next)?)
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let id = path.of(PrnKind::BinarySignature, &caller)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    let row = SignatureRow::find(&mut conn, caller.organization, id).await?;
    Ok(answer::object(StatusCode::OK, "binary_signature", &row.to_wire(), row.revision)?)
}

async fn remove(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    let id = path.of(PrnKind::BinarySignature, &caller)?;
    let mut tx = app.db.begin().await?;
    let row = SignatureRow::find(&mut tx, caller.organization, id).await?;
    caller.may_write(&mut tx, Concerned::Binary(row.binary)).await?;
    if_match.check(row.revision)?;
    sqlx::query("DELETE FROM binary_signatures WHERE id = $1")
        .bind(row.id.to_string())
        .execute(&mut *tx)
        .await
        .db()?;
    let origin = caller.origin();
    events::record(&mut tx, &origin, row.prn(), "deleted", json!({ "keyid": row.keyid })).await?;
    let mut binary = BinaryRow::find(&mut tx, caller.organization, row.binary).await?;
    steps::signatures_changed(&mut tx, &mut binary, &origin).await?;
    tx.commit().await.db()?;
    app.wake_jobs();
    Ok(StatusCode::NO_CONTENT.into_response())
}
