//! `/binaries` (API contract 4.1 and 4.2).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firmhold_core::binary::{DownloadUrl, MAX_SIZE};
use firmhold_core::{
    ArtifactVersion, BinaryState, Code, ContentState, Digest, Link, PrnKind, Problem, Scope, Timestamp, text,
};
use firmhold_store::failpoint;
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Changes, Fields, given};
use super::page::{self, ListQuery, ListSpec, Narrowing, Order};
use super::principal::UploadCaller;
use super::product_limit::Concerned;
use super::search::{EQUAL, ORDERED, SearchKey, TEXT, ValueKind};
use super::{ApiResult, Caller, IfMatch, JsonBody, PrnPath, answer};
use crate::App;
use crate::backends::BackendRow;
use crate::binaries::{self, BinaryRow, CONTENT_STATE, NewBinary, SELECT, links, manifest, steps, upload};
use crate::catalogue::{product, record};
use crate::content;
use crate::db::{Conn, DbResult as _, Tx};
use crate::events;

const LIST: ListSpec = ListSpec {
    plural: "binaries",
    kind: PrnKind::Binary,
    select: SELECT,
    table: "b",
    search: Some(&[
        SearchKey::new(
            "artifact_version_prn",
            "b.artifact_version_id",
            ValueKind::Prn(PrnKind::ArtifactVersion),
            EQUAL,
        ),
        SearchKey::new("backend_prn", "b.backend_id", ValueKind::Prn(PrnKind::Backend), EQUAL),
        SearchKey::new("hash", "b.hash", ValueKind::Text, EQUAL),
        SearchKey::new("size", "b.size", ValueKind::Number, ORDERED),
        SearchKey::new("state", "b.state", ValueKind::Text, EQUAL),
        SearchKey::new("content_state", CONTENT_STATE, ValueKind::Text, EQUAL),
        SearchKey::new("pinned", "b.pinned", ValueKind::Flag, EQUAL),
        SearchKey::new("target", "b.target", ValueKind::Text, TEXT),
        SearchKey::new("description", "b.description", ValueKind::Text, TEXT),
    ]),
    order: Order::Asc,
};

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/binaries", get(list).post(create))
        .route("/binaries/{prn}", get(show).patch(change).delete(remove))
        .route("/binaries/{prn}/download_url", get(download_url))
}

async fn create(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let organization = caller.organization;
    let mut fields = Fields::create(body);
    let version =
        fields.required("artifact_version_prn", fields::prn(PrnKind::ArtifactVersion, organization));
    let target = fields.required("target", fields::text(text::TARGET));
    let hash = fields.required("hash", fields::digest);
    let size = fields.required("size", fields::integer(1..=MAX_SIZE));
    let description = fields.nullable("description", fields::text(text::DESCRIPTION)).flatten();
    let custom_metadata = fields.nullable("custom_metadata", fields::metadata).flatten();
    let pinned = fields.defaulted("pinned", fields::boolean);
    let backend = fields.defaulted("backend_prn", fields::prn(PrnKind::Backend, organization));
    let backend_is_wrong = fields.errors.0.contains_key("backend_prn");
    let id = fields.defaulted("id", fields::id);
    let mut tx = app.db.begin().await?;
    if let Some(version) = version
        && record::find::<ArtifactVersion>(&mut tx, organization, version).await?.is_none()
    {
        fields.errors.add("artifact_version_prn", fields::unknown(PrnKind::ArtifactVersion));
    }
    let backend = choose_backend(&mut tx, organization, backend, version).await?;
    if backend.is_none() && !backend_is_wrong {
        fields.errors.add("backend_prn", "names no backend of this organization, and there is no default");
    }
    fields.finish()?;
    let (version, hash, size, backend) = (given(version)?, given(hash)?, given(size)?, given(backend)?);
    caller.may_write(&mut tx, Concerned::ArtifactVersion(version)).await?;
    backend.must_take_writes()?;
    let content = content::proved(&mut tx, backend.id, hash, size, &caller.products).await?;
    let new = NewBinary {
        id: id.unwrap_or_else(Uuid::new_v4),
        organization,
        artifact_version: version,
        backend: backend.id,
        content: content.map(|content| content.id),
        is_proved: true,
        target: given(target)?,
        hash,
        size,
        description,
        custom_metadata,
        pinned: pinned.unwrap_or(false),
    };
    let row = binaries::create(&mut tx, &new, &caller.origin()).await?;
    tx.commit().await.db()?;
    app.wake_jobs();
    wire(&app, StatusCode::CREATED, &row).await
}

/// The backend of a new binary (API contract 12.1): the one that is named, else that of its artifact's product, else the
/// organization's default.
async fn choose_backend(
    conn: &mut Conn,
    organization: Uuid,
    named: Option<Uuid>,
    version: Option<Uuid>,
) -> Result<Option<BackendRow>, Problem> {
    let of_product = match (named, version) {
        (None, Some(version)) => {
            product::of_version(conn, organization, version).await?.and_then(|found| found.backend_prn)
        }
        _ => None,
    };
    match named.or(of_product.map(|prn| prn.id)) {
        Some(id) => match BackendRow::find(conn, organization, id).await {
            Err(problem) if problem.code() == Code::NotFound => Ok(None),
            found => found.map(Some),
        },
        None => BackendRow::find_default(conn, organization).await,
    }
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &Narrowing::default()).await?;
    let mut conn = app.db.reader().acquire().await.db()?;
    let mut wire = Vec::with_capacity(rows.len());
    for row in &rows {
        wire.push(BinaryRow::from_row(row)?.to_wire(&mut conn).await?);
    }
    Ok(answer::list(LIST.plural, &wire, next)?)
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let row = read(&app, &caller, path).await?;
    wire(&app, StatusCode::OK, &row).await
}

/// What a PATCH asks for.
struct Wish {
    state: Option<BinaryState>,
    hash: Option<Digest>,
    size: Option<u64>,
    description: Option<Option<String>>,
    custom_metadata: Option<Option<Value>>,
    pinned: Option<bool>,
}

async fn change(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let before = writable(&app, &caller, path).await?;
    if_match.check(before.revision)?;
    let wish = Wish::read(body)?;
    judge(&before, &wish)?;
    if before.state == BinaryState::Uploadable && wish.state == Some(BinaryState::Hashable) {
        let backend = backend_of(&app, &before).await?;
        backend.must_take_writes()?;
        // Done before the transaction, which is never held across a call to the store; and harmless by itself.
        upload::complete(&app, &backend, &before).await?;
    }
    let _one_at_a_time = app.binary_locks.lock(caller.organization, before.id).await;
    let mut tx = app.db.begin().await?;
    let mut row = BinaryRow::find(&mut tx, caller.organization, before.id).await?;
    if_match.check(row.revision)?;
    judge(&row, &wish)?;
    apply(&mut tx, &mut row, wish, &caller).await?;
    tx.commit().await.db()?;
    failpoint::STATE_COMMITTED.reach();
    app.wake_jobs();
    let row = read(&app, &caller, path).await?;
    wire(&app, StatusCode::OK, &row).await
}

impl Wish {
    fn read(body: Map<String, Value>) -> Result<Self, Problem> {
        let mut fields = Fields::patch(body);
        let wish = Self {
            state: fields.required("state", state),
            hash: fields.required("hash", fields::digest),
            size: fields.required("size", fields::integer(1..=MAX_SIZE)),
            description: fields.nullable("description", fields::text(text::DESCRIPTION)),
            custom_metadata: fields.nullable("custom_metadata", fields::metadata),
            pinned: fields.required("pinned", fields::boolean),
        };
        fields.finish()?;
        Ok(wish)
    }

    /// Whether other content is expected than so far.
    fn changes_content(&self, row: &BinaryRow) -> bool {
        self.hash.is_some_and(|hash| hash != row.hash) || self.size.is_some_and(|size| size != row.size)
    }
}

fn state(value: &Value) -> fields::Read<BinaryState> {
    fields::string(value)?.parse().map_err(|_| {
        let all: Vec<&str> = BinaryState::ALL.iter().map(|state| state.as_str()).collect();
        format!("must be one of {}", all.join(", "))
    })
}

/// Whether the state machine allows what is asked for. No bundle holds a binary yet.
fn judge(row: &BinaryRow, wish: &Wish) -> Result<(), Problem> {
    let forbidden = |detail: String| Err(Problem::new(Code::StateForbids, detail));
    let to = wish.state.unwrap_or(row.state);
    if row.state == BinaryState::Destroyed {
        let other = wish.description.is_some() || wish.custom_metadata.is_some() || wish.pinned.is_some();
        if to != row.state || other || wish.changes_content(row) {
            return forbidden("the binary is destroyed".to_owned());
        }
        return Ok(());
    }
    if row.state == BinaryState::Signable && to == BinaryState::Signed {
        return Err(Problem::field(
            "state",
            "the binary has no valid signature by a key that is not revoked",
        ));
    }
    if to != row.state && !row.state.client_may(to, false) {
        return forbidden(format!("a binary that is {} cannot be made {to}", row.state));
    }
    if wish.changes_content(row) && to != BinaryState::Uploadable {
        return forbidden("hash and size can be changed only in uploadable".to_owned());
    }
    Ok(())
}

async fn apply(tx: &mut Tx, row: &mut BinaryRow, wish: Wish, caller: &Caller) -> Result<(), Problem> {
    let origin = caller.origin();
    let from = row.state;
    let to = wish.state.unwrap_or(from);
    if to == BinaryState::Uploadable && from != to {
        // First of all, so that the last manifest tells what the binary was.
        steps::reset(tx, row, &origin).await?;
    }
    if to == BinaryState::Hashable && from != to && !has_stored_content(tx, row).await? {
        return Err(Problem::new(Code::StateForbids, "the binary was reset meanwhile"));
    }
    let mut changes = Changes::default();
    if wish.changes_content(row) {
        steps::expect_other_content(tx, row, &origin).await?;
    }
    changes.set("hash", &mut row.hash, wish.hash);
    changes.set("size", &mut row.size, wish.size);
    changes.set("description", &mut row.description, wish.description);
    changes.set("custom_metadata", &mut row.custom_metadata, wish.custom_metadata);
    changes.set("pinned", &mut row.pinned, wish.pinned);
    if !changes.is_empty() {
        if row.state == BinaryState::Uploadable {
            row.state_reason = None;
        }
        row.save(tx, origin.at).await?;
        events::record(tx, &origin, row.prn(), "updated", changes.into_data()).await?;
        manifest::due(tx, row.organization, row.id, origin.at).await?;
    }
    match to {
        _ if to == from => Ok(()),
        BinaryState::Hashable => steps::upload_complete(tx, row, &origin).await,
        BinaryState::Hashing => steps::start_hashing(tx, row, &origin).await,
        BinaryState::Destroyed => steps::destroy(tx, row, &origin).await,
        BinaryState::Uploadable | BinaryState::Signable | BinaryState::Signed => Ok(()),
    }
}

async fn has_stored_content(conn: &mut Conn, row: &BinaryRow) -> Result<bool, Problem> {
    match row.content {
        Some(id) => Ok(content::find(conn, id).await?.stage == content::Stage::Stored),
        None => Ok(false),
    }
}

async fn remove(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
    if_match: IfMatch,
) -> ApiResult<Response> {
    // Found before its lock is waited for: how long that takes is nothing for another organization to know.
    let id = writable(&app, &caller, path).await?.id;
    let _one_at_a_time = app.binary_locks.lock(caller.organization, id).await;
    let mut tx = app.db.begin().await?;
    let mut row = BinaryRow::find(&mut tx, caller.organization, id).await?;
    if_match.check(row.revision)?;
    match (row.state, row.content_state) {
        (BinaryState::Signed, _) => {
            return Err(Problem::new(Code::StateForbids, "the binary is signed: destroy it first").into());
        }
        (BinaryState::Destroyed, ContentState::DeletePending) => {
            return Err(Problem::new(Code::StateForbids, "the binary's content is not deleted yet").into());
        }
        _ => {}
    }
    let origin = caller.origin();
    if row.state.is_proved() {
        manifest::last(&mut tx, &row, "deleted", origin.at).await?;
    }
    steps::drop_content(&mut tx, &mut row, &origin).await?;
    row.delete(&mut tx).await?;
    let data = json!({ "target": row.target, "hash": row.hash, "size": row.size, "state": row.state });
    events::record(&mut tx, &origin, row.prn(), "deleted", data).await?;
    tx.commit().await.db()?;
    app.wake_jobs();
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn download_url(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let row = writable(&app, &caller, path).await?;
    if !row.state.is_proved() || row.content_state != ContentState::Present {
        let detail = format!("the binary is {} and its content {}", row.state, row.content_state);
        return Err(Problem::new(Code::StateForbids, detail).into());
    }
    let backend = backend_of(&app, &row).await?;
    let (number, product) = {
        let mut conn = app.db.reader().acquire().await.db()?;
        let number = links::number(&mut conn, row.organization, row.id).await?;
        (number, product::of_version(&mut conn, row.organization, row.artifact_version).await?)
    };
    let life = Duration::from_secs(u64::from(backend.delivery.link_ttl_seconds));
    // Tokens count whole seconds.
    let issued_at = Timestamp::from_secs(caller.at.as_secs());
    let expires_at = issued_at.plus(life);
    let mode = product.and_then(|product| product.delivery_mode).unwrap_or(backend.delivery.mode);
    let token = app.keys.links.mint(&Link { mode, issued_at, expires_at, binary: number, device: 0 });
    let download_url = format!("{}/d/{token}", app.public_url);
    Ok(axum::Json(DownloadUrl { download_url, expires_at }).into_response())
}

/// The binary that the path names.
///
/// # Errors
/// 404; those of the database.
pub(super) async fn read(app: &App, caller: &Caller, path: PrnPath) -> Result<BinaryRow, Problem> {
    let id = path.of(PrnKind::Binary, caller)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    BinaryRow::find(&mut conn, caller.organization, id).await
}

/// As [`read`], where the caller may write, or may ask for a link, which limited keys need the same right for.
async fn writable(app: &App, caller: &Caller, path: PrnPath) -> Result<BinaryRow, Problem> {
    let row = read(app, caller, path).await?;
    let mut conn = app.db.reader().acquire().await.db()?;
    caller.may_write(&mut conn, Concerned::Binary(row.id)).await?;
    Ok(row)
}

/// The backend of a binary.
///
/// # Errors
/// [`Code::BackendNotWritable`] if it was deleted, which it can be while the binary has no content; those of the
/// database.
pub async fn backend_of(app: &App, row: &BinaryRow) -> Result<BackendRow, Problem> {
    let mut conn = app.db.reader().acquire().await.db()?;
    match BackendRow::find_uncounted(&mut conn, row.organization, row.backend).await {
        Err(problem) if problem.code() == Code::NotFound => {
            Err(Problem::new(Code::BackendNotWritable, "the backend of this binary was deleted"))
        }
        found => found,
    }
}

async fn wire(app: &App, status: StatusCode, row: &BinaryRow) -> ApiResult<Response> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let wire = row.to_wire(&mut conn).await?;
    Ok(answer::object(status, "binary", &wire, row.revision)?)
}
