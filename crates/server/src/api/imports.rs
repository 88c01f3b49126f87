//! `/imports` (API contract 4.7).

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use firmhold_core::import::{MAX_ENTRIES, MAX_RUNNING, has_dot_segment};
use firmhold_core::mapping::Slot;
use firmhold_core::{
    Artifact, ArtifactVersion, Code, EntryState, FieldErrors, ImportState, Mapping, PrnKind, Problem, Scope,
    text,
};
use firmhold_store::SessionScope;
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::{self, Fields, given};
use super::page::{self, ListQuery, ListSpec, Narrowing, Order, bad_query};
use super::principal::UploadCaller;
use super::product_limit::Concerned;
use super::search::{EQUAL, SearchKey, ValueKind};
use super::{ApiResult, Caller, JsonBody, PrnPath, answer};
use crate::App;
use crate::backends::{BackendRow, uniqueness, verification};
use crate::catalogue::record::{self, Record as _};
use crate::db::{Conn, DbResult as _};
use crate::imports::{EntryRow, ImportRow, SELECT, entry, running};
use crate::{events, jobs};

const LIST: ListSpec = ListSpec {
    plural: "imports",
    kind: PrnKind::Import,
    select: SELECT,
    table: "i",
    search: Some(&[
        SearchKey::new("backend_prn", "i.backend_id", ValueKind::Prn(PrnKind::Backend), EQUAL),
        SearchKey::new("state", "i.state", ValueKind::Text, EQUAL),
    ]),
    order: Order::Asc,
};

const ENTRIES: ListSpec = ListSpec {
    plural: "entries",
    kind: PrnKind::Import,
    select: entry::SELECT,
    table: "e",
    search: None,
    order: Order::Asc,
};

/// S3's limit for keys, in bytes.
const MAX_KEY: usize = 1024;

/// Routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/imports", get(list).post(create))
        .route("/imports/{prn}", get(show))
        .route("/imports/{prn}/entries", get(entries))
        .route("/imports/{prn}/cancel", post(cancel))
}

async fn list(State(app): State<Arc<App>>, caller: Caller, query: ListQuery) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let (rows, next) = page::read(&app, caller.organization, &LIST, &query, &Narrowing::default()).await?;
    let mut conn = app.db.reader().acquire().await.db()?;
    let mut wire = Vec::with_capacity(rows.len());
    for row in &rows {
        wire.push(ImportRow::from_row(row)?.to_wire(&mut conn).await?);
    }
    Ok(answer::list(LIST.plural, &wire, next)?)
}

async fn show(State(app): State<Arc<App>>, caller: Caller, path: PrnPath) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let row = find(&app, &caller, path).await?;
    wire(&app, StatusCode::OK, &row).await
}

async fn entries(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: PrnPath,
    query: ListQuery,
) -> ApiResult<Response> {
    caller.need(Scope::Read)?;
    let import = find(&app, &caller, path).await?;
    let mut narrowing = Narrowing::default().text("e.import_id = ", import.id.to_string());
    if let Some(state) = query.get("state") {
        let state: EntryState = state.parse().map_err(|_| {
            let all: Vec<&str> = EntryState::ALL.iter().map(|state| state.as_str()).collect();
            bad_query(format!("state must be one of {}", all.join(", ")))
        })?;
        narrowing = narrowing.text("e.state = ", state.as_str());
    }
    let (rows, next) = page::read(&app, caller.organization, &ENTRIES, &query, &narrowing).await?;
    let wire: Vec<_> =
        rows.iter().map(|row| Ok(EntryRow::from_row(row)?.to_wire())).collect::<Result<_, Problem>>()?;
    Ok(answer::list(ENTRIES.plural, &wire, next)?)
}

async fn cancel(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    path: PrnPath,
) -> ApiResult<Response> {
    let id = find(&app, &caller, path).await?.id;
    let mut tx = app.db.begin().await?;
    let mut row = ImportRow::find(&mut tx, caller.organization, id).await?;
    may_end(&caller, &row)?;
    match row.state {
        ImportState::Done => return Err(Problem::new(Code::StateForbids, "the import is done").into()),
        ImportState::Cancelled => {}
        ImportState::Running => {
            entry::cancel_pending(&mut tx, row.id, caller.at).await?;
            row.finish(&mut tx, ImportState::Cancelled, &caller.origin()).await?;
            jobs::import::due(&mut tx, row.id, caller.at).await?;
            tx.commit().await.db()?;
            // Copies that are under way are dropped, and what is being hashed comes to its end.
            app.wake_jobs();
        }
    }
    wire(&app, StatusCode::OK, &row).await
}

/// A limited key ends imports that concern its own products only; one that an unlimited key has asked for may concern any.
fn may_end(caller: &Caller, import: &ImportRow) -> Result<(), Problem> {
    let is_own = !import.products.is_empty() && import.products.iter().all(|id| caller.products.contains(id));
    if is_own || !caller.is_limited() {
        return Ok(());
    }
    Err(Problem::new(Code::ScopeDenied, "this key is limited to other products"))
}

/// What a POST asks for, as far as it can be read without the database.
struct Wish {
    backend: Option<Uuid>,
    source_prefix: Option<String>,
    mapping: Option<Mapping>,
    mapping_text: Option<String>,
    artifact: Option<Uuid>,
    target: Option<String>,
    entries: Option<Vec<GivenEntry>>,
    dry_run: bool,
    errors: FieldErrors,
}

/// One of the entries of a POST.
struct GivenEntry {
    key: String,
    version_id: Option<String>,
    artifact_version: Uuid,
    target: String,
    hash: Option<firmhold_core::Digest>,
}

async fn create(
    State(app): State<Arc<App>>,
    UploadCaller(caller): UploadCaller,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let mut wish = Wish::read(body, caller.organization);
    let backend = {
        let mut conn = app.db.reader().acquire().await.db()?;
        wish.check(&mut conn, &caller).await?
    };
    std::mem::take(&mut wish.errors).into_result()?;
    let backend = given(backend)?;
    let source_prefix = given(wish.source_prefix.clone())?;
    backend.must_take_writes()?;
    must_read_there(&backend, &source_prefix)?;
    // Asked before anything is written, so that a role that may not list says so at once.
    let bucket = app.stores.bucket(&app.target(&backend)?, SessionScope::Write).await?;
    bucket.list(&source_prefix, None, 1).await?;
    let row = store(&app, &caller, backend.id, source_prefix, wish).await?;
    app.wake_jobs();
    wire(&app, StatusCode::CREATED, &row).await
}

/// Imports read below the backend's `import_prefix` (API contract 12.2), which its role may.
fn must_read_there(backend: &BackendRow, source_prefix: &str) -> Result<(), Problem> {
    let Some(import_prefix) = &backend.import_prefix else {
        let detail = format!("the backend {} has no import_prefix", backend.name);
        return Err(Problem::new(Code::StateForbids, detail)
            .with_hint("Set it, and attach the permission policy that the backend then shows to its role."));
    };
    if source_prefix.starts_with(import_prefix) {
        return Ok(());
    }
    Err(Problem::field(
        "source_prefix",
        format!("must begin with the backend's import_prefix, {import_prefix:?}"),
    ))
}

async fn store(
    app: &App,
    caller: &Caller,
    backend: Uuid,
    source_prefix: String,
    wish: Wish,
) -> Result<ImportRow, Problem> {
    let row = ImportRow {
        id: Uuid::new_v4(),
        organization: caller.organization,
        backend,
        api_key: caller.key_id,
        products: caller.products.clone(),
        source_prefix,
        mapping: wish.mapping_text,
        artifact: wish.artifact,
        target: wish.target,
        dry_run: wish.dry_run,
        state: ImportState::Running,
        listed_to: None,
        listed: wish.entries.is_some(),
        final_counts: None,
        store_failures: 0,
        finished_at: None,
        inserted_at: caller.at,
        updated_at: caller.at,
        revision: 0,
    };
    let mut tx = app.db.begin().await?;
    // Judged again in the transaction: another request may have changed the backend meanwhile.
    let backend = BackendRow::find(&mut tx, caller.organization, backend).await?;
    backend.must_take_writes()?;
    must_read_there(&backend, &row.source_prefix)?;
    if uniqueness::is_anothers(&mut tx, &backend).await? {
        return Err(Problem::new(Code::Duplicate, verification::ANOTHERS));
    }
    if running(&mut tx, row.organization).await? >= MAX_RUNNING {
        let detail = format!("{MAX_RUNNING} imports run already: wait for one of them, or cancel it");
        return Err(Problem::new(Code::StateForbids, detail));
    }
    if let Some(artifact) = row.artifact {
        caller.may_write(&mut tx, Concerned::Artifact(artifact)).await?;
    }
    row.insert(&mut tx).await?;
    let mut versions: HashMap<Uuid, ArtifactVersion> = HashMap::new();
    for (position, wanted) in (0..).zip(wish.entries.unwrap_or_default()) {
        let mut entry = EntryRow::new(row.organization, row.id, position, wanted.key, caller.at);
        let version = match versions.get(&wanted.artifact_version) {
            Some(version) => version,
            None => {
                let found = record::find(&mut tx, caller.organization, wanted.artifact_version).await?;
                let found: ArtifactVersion = found.ok_or_else(|| {
                    let field = format!("entries.{position}.artifact_version_prn");
                    Problem::field(field, fields::unknown(PrnKind::ArtifactVersion))
                })?;
                caller.may_write(&mut tx, Concerned::ArtifactVersion(found.id())).await?;
                versions.entry(wanted.artifact_version).or_insert(found)
            }
        };
        entry.artifact = Some(version.artifact_prn.id);
        entry.version = Some(version.version.clone());
        entry.artifact_version = Some(version.id());
        entry.version_id = wanted.version_id;
        entry.target = Some(wanted.target);
        entry.hash = wanted.hash;
        entry.insert(&mut tx).await?;
    }
    let data = json!({
        "backend_prn": backend.prn(),
        "source_prefix": row.source_prefix,
        "mapping": row.mapping,
        "dry_run": row.dry_run,
    });
    events::record(&mut tx, &caller.origin(), row.prn(), "created", data).await?;
    jobs::enqueue(&mut tx, jobs::import::NAME, row.organization, row.id, json!({}), caller.at).await?;
    tx.commit().await.db()?;
    Ok(row)
}

impl Wish {
    fn read(body: Map<String, Value>, organization: Uuid) -> Self {
        let mut fields = Fields::create(body);
        let backend = fields.required("backend_prn", fields::prn(PrnKind::Backend, organization));
        let source_prefix = fields.required("source_prefix", prefix);
        let mapping_text =
            fields.nullable("mapping", |value| Ok(fields::string(value)?.to_owned())).flatten();
        let mapping = mapping_text.as_deref().map(Mapping::parse).transpose();
        let artifact =
            fields.nullable("artifact_prn", fields::prn(PrnKind::Artifact, organization)).flatten();
        let target = fields.nullable("target", fields::text(text::TARGET)).flatten();
        let dry_run = fields.defaulted("dry_run", fields::boolean).unwrap_or(false);
        let raw = fields.nullable("entries", array).flatten();
        let mut errors = fields.errors;
        let mapping = mapping.unwrap_or_else(|error| {
            errors.add("mapping", error.to_string());
            None
        });
        match (&raw, &mapping_text) {
            (Some(_), Some(_)) => errors.add("entries", "and mapping exclude each other"),
            (None, None) if !errors.0.contains_key("entries") => {
                errors.add("entries", "or mapping is needed")
            }
            _ => {}
        }
        let below = source_prefix.as_deref().unwrap_or_default();
        let entries = raw.map(|raw| {
            let read = raw
                .into_iter()
                .enumerate()
                .filter_map(|(at, value)| given_entry(at, value, below, organization, &mut errors));
            read.collect()
        });
        let mut wish = Self {
            backend,
            source_prefix,
            mapping,
            mapping_text,
            artifact,
            target,
            entries,
            dry_run,
            errors,
        };
        wish.check_slots();
        wish
    }

    /// Each of artifact, version and target is told by one thing, and by one only.
    fn check_slots(&mut self) {
        let Some(mapping) = &self.mapping else {
            if self.entries.is_some() {
                for (field, is_given) in
                    [("artifact_prn", self.artifact.is_some()), ("target", self.target.is_some())]
                {
                    if is_given {
                        self.errors.add(field, "goes with a mapping; entries name it themselves");
                    }
                }
            }
            return;
        };
        if !mapping.has(Slot::Version) {
            self.errors.add("mapping", "must have {version}");
        }
        let artifact_is_wrong = self.errors.0.contains_key("artifact_prn");
        for (slot, field, is_given) in [
            (Slot::Artifact, "artifact_prn", self.artifact.is_some() || artifact_is_wrong),
            (Slot::Target, "target", self.target.is_some() || self.errors.0.contains_key("target")),
        ] {
            match (mapping.has(slot), is_given) {
                (false, false) => {
                    self.errors.add("mapping", format!("must have {}, or {field} is needed", slot.as_str()))
                }
                (true, true) => {
                    self.errors.add(field, format!("and {} in the mapping exclude each other", slot.as_str()))
                }
                _ => {}
            }
        }
    }

    /// What the database knows of the names: the backend, if it is there.
    async fn check(&mut self, conn: &mut Conn, caller: &Caller) -> Result<Option<BackendRow>, Problem> {
        if let Some(artifact) = self.artifact
            && record::find::<Artifact>(conn, caller.organization, artifact).await?.is_none()
        {
            self.errors.add("artifact_prn", fields::unknown(PrnKind::Artifact));
        }
        let mut known: HashMap<Uuid, bool> = HashMap::new();
        for (at, entry) in self.entries.iter().flatten().enumerate() {
            let id = entry.artifact_version;
            let is_known = match known.get(&id) {
                Some(is_known) => *is_known,
                None => {
                    let found = record::find::<ArtifactVersion>(conn, caller.organization, id).await?;
                    known.insert(id, found.is_some());
                    found.is_some()
                }
            };
            if !is_known {
                let field = format!("entries.{at}.artifact_version_prn");
                self.errors.add(field, fields::unknown(PrnKind::ArtifactVersion));
            }
        }
        let Some(backend) = self.backend else { return Ok(None) };
        match BackendRow::find(conn, caller.organization, backend).await {
            Err(problem) if problem.code() == Code::NotFound => {
                self.errors.add("backend_prn", fields::unknown(PrnKind::Backend));
                Ok(None)
            }
            found => found.map(Some),
        }
    }
}

fn prefix(value: &Value) -> fields::Read<String> {
    let text = fields::string(value)?;
    plain_key(text)?;
    Ok(text.to_owned())
}

/// A key, or the beginning of one, that stays what it is on its way.
fn plain_key(text: &str) -> fields::Read<()> {
    if text.is_empty() || text.len() > MAX_KEY || text.chars().any(char::is_control) {
        return Err(format!("must have 1 to {MAX_KEY} bytes and no control characters"));
    }
    if has_dot_segment(text) {
        return Err("must have no segment that is . or ..".to_owned());
    }
    Ok(())
}

fn array(value: &Value) -> fields::Read<Vec<Value>> {
    let items = value.as_array().ok_or_else(|| "must be a list".to_owned())?;
    if !(1..=MAX_ENTRIES).contains(&items.len()) {
        return Err(format!("must have 1 to {MAX_ENTRIES} entries, has {}", items.len()));
    }
    Ok(items.clone())
}

/// Reads one entry; what is wrong with it is reported under its place.
fn given_entry(
    at: usize,
    value: Value,
    below: &str,
    organization: Uuid,
    errors: &mut FieldErrors,
) -> Option<GivenEntry> {
    let Value::Object(object) = value else {
        errors.add(format!("entries.{at}"), "must be an object");
        return None;
    };
    let mut fields = Fields::create(object);
    let key = fields.required("key", |value| {
        let key = fields::string(value)?;
        plain_key(key)?;
        if !key.starts_with(below) {
            return Err("must begin with source_prefix".to_owned());
        }
        Ok(key.to_owned())
    });
    let version_id = fields.nullable("version_id", fields::text(1..=1024)).flatten();
    let artifact_version =
        fields.required("artifact_version_prn", fields::prn(PrnKind::ArtifactVersion, organization));
    let target = fields.required("target", fields::text(text::TARGET));
    let hash = fields.nullable("hash", fields::digest).flatten();
    for (field, texts) in fields.errors.0 {
        texts.into_iter().for_each(|text| errors.add(format!("entries.{at}.{field}"), text));
    }
    Some(GivenEntry { key: key?, version_id, artifact_version: artifact_version?, target: target?, hash })
}

async fn find(app: &App, caller: &Caller, path: PrnPath) -> Result<ImportRow, Problem> {
    let id = path.of(PrnKind::Import, caller)?;
    let mut conn = app.db.reader().acquire().await.db()?;
    ImportRow::find(&mut conn, caller.organization, id).await
}

async fn wire(app: &App, status: StatusCode, row: &ImportRow) -> ApiResult<Response> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let wire = row.to_wire(&mut conn).await?;
    Ok(answer::object(status, "import", &wire, row.revision)?)
}
