//! Creating and changing a backend (API contract 12.3): what is tested first, what is one transaction.

use std::sync::Arc;

use firmhold_core::backend::Capabilities;
use firmhold_core::check::Trigger;
use firmhold_core::{BackendState, Check, CheckId, CheckStatus, Code, FieldErrors, Problem, Timestamp};
use firmhold_store::checks::Report;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::settings::{self, Wanted};
use super::state::{must_pass, sentence};
use super::{BackendRow, external_id, uniqueness, usage, verification};
use crate::App;
use crate::api::IfMatch;
use crate::catalogue::product;
use crate::db::{DbResult as _, Tx};
use crate::events::{self, Origin};
use crate::imports;
use crate::jobs;

/// What a PATCH that is tested first must not break.
const TESTED: [CheckId; 7] =
    [CheckId::V2, CheckId::V3, CheckId::V4, CheckId::V5, CheckId::V6, CheckId::V7, CheckId::V8];

/// Registers a backend.
///
/// # Errors
/// 422 for wrong fields, 409 for a name or part of the bucket that is taken, 422 `role_open` for a role that strangers
/// can assume: such a role is never stored (design D5).
pub async fn create(
    app: &Arc<App>,
    object: Map<String, Value>,
    origin: &Origin,
) -> Result<BackendRow, Problem> {
    let mut row = BackendRow::new(origin.organization, origin.at)?;
    let wanted = settings::create(&mut row, object, &app.backend_rules())?;
    {
        let mut conn = app.db.reader().acquire().await.db()?;
        uniqueness::check(&mut conn, &row).await?;
        let offered = external_id::offered(&mut conn, row.organization, &row.name).await?;
        if let Some(offered) = offered
            && row.external_id_mode == firmhold_core::backend::ExternalIdMode::Random
        {
            row.external_id = offered;
        }
    }
    if let Some(open) = verification::open_role(app, &row).await {
        let mut tx = app.db.begin().await?;
        external_id::offer(&mut tx, &row).await?;
        tx.commit().await.db()?;
        return Err(open.to_problem());
    }
    let mut tx = app.db.begin().await?;
    uniqueness::check(&mut tx, &row).await?;
    if wanted.default == Some(true) {
        uniqueness::clear_default(&mut tx, row.organization, row.id, origin.at).await?;
        row.is_default = true;
    }
    row.insert(&mut tx).await?;
    external_id::forget_offered(&mut tx, &row).await?;
    events::record(&mut tx, origin, row.prn(), "created", json!({"name": row.name, "bucket": row.bucket}))
        .await?;
    tx.commit().await.db()?;
    Ok(row)
}

/// Changes a backend. Goes on when nobody waits for it any more, so that a test never leaves a lease behind.
///
/// # Errors
/// As the contract says: 404, 412, 422, 409.
pub async fn patch(
    app: &Arc<App>,
    id: Uuid,
    object: Map<String, Value>,
    condition: IfMatch,
    origin: Origin,
) -> Result<BackendRow, Problem> {
    let change = Change { app: Arc::clone(app), id, object, condition, origin };
    tokio::spawn(async move { change.run().await }).await.map_err(Problem::internal)?
}

struct Change {
    app: Arc<App>,
    id: Uuid,
    object: Map<String, Value>,
    condition: IfMatch,
    origin: Origin,
}

/// A test of new values on a live backend, which holds the lease of a run.
struct Test {
    begun: BackendRow,
    report: Report,
    started: Timestamp,
}

impl Change {
    async fn run(mut self) -> Result<BackendRow, Problem> {
        let (present, next) = {
            let mut conn = self.app.db.reader().acquire().await.db()?;
            let present = BackendRow::find(&mut conn, self.origin.organization, self.id).await?;
            let (next, _) = self.judge(&mut conn, &present).await?;
            (present, next)
        };
        if roles(&present) != roles(&next)
            && let Some(open) = verification::open_role(&self.app, &next).await
        {
            return Err(open.to_problem());
        }
        let test = if present.state.is_live() && is_tested(&present, &next) {
            Some(self.test(&next).await?)
        } else {
            None
        };
        self.origin.at = self.app.clock.now();
        let begun = test.as_ref().map(|test| test.begun.clone());
        let stored = self.store(test).await;
        if let (Err(_), Some(begun)) = (&stored, &begun) {
            self.give_up(begun).await?;
        }
        stored
    }

    /// What the body makes of `present`, if it may.
    async fn judge(
        &self,
        conn: &mut crate::db::Conn,
        present: &BackendRow,
    ) -> Result<(BackendRow, Wanted), Problem> {
        self.condition.check(present.revision)?;
        let mut next = present.clone();
        let wanted = settings::patch(&mut next, self.object.clone(), &self.app.backend_rules())?;
        if places(present) != places(&next) && usage::is_used(conn, self.id).await? {
            let detail =
                "bucket, region, endpoint_url and prefix cannot change while binaries live in the backend";
            return Err(Problem::new(Code::InUse, detail));
        }
        if present.import_prefix != next.import_prefix
            && imports::is_running(conn, self.id, next.import_prefix.as_deref()).await?
        {
            return Err(Problem::new(Code::InUse, "an import reads below the present import_prefix")
                .with_hint("Wait for it, or cancel it."));
        }
        uniqueness::check(conn, &next).await?;
        Ok((next, wanted))
    }

    /// Runs the checks on the new values, under a run's lease.
    async fn test(&self, next: &BackendRow) -> Result<Test, Problem> {
        let mut tx = self.app.db.begin().await?;
        let mut begun = BackendRow::find(&mut tx, self.origin.organization, self.id).await?;
        self.condition.check(begun.revision)?;
        verification::take_lease(&mut begun, self.app.clock.now())?;
        begun.write(&mut tx).await?;
        let options = verification::options(&self.app, &mut tx, self.id).await?;
        tx.commit().await.db()?;
        let started = self.app.clock.now();
        let report = verification::check(&self.app, next, &options).await;
        let refused: Vec<&Check> = report.checks.iter().filter(|check| refuses(check, next)).collect();
        if refused.is_empty() {
            return Ok(Test { begun, report, started });
        }
        self.give_up(&begun).await?;
        Err(refusal(&refused, &changed_fields(&begun, next), &report))
    }

    async fn give_up(&self, begun: &BackendRow) -> Result<(), Problem> {
        let mut tx = self.app.db.begin().await?;
        let mut row = BackendRow::find(&mut tx, self.origin.organization, self.id).await?;
        if verification::take_back(&mut row, begun).is_ok() {
            row.write(&mut tx).await?;
        }
        tx.commit().await.db()
    }

    async fn store(&self, test: Option<Test>) -> Result<BackendRow, Problem> {
        let mut tx = self.app.db.begin().await?;
        let mut present = BackendRow::find(&mut tx, self.origin.organization, self.id).await?;
        match &test {
            Some(test) => drop(verification::take_back(&mut present, &test.begun)?),
            None => verification::refuse_during_run(&present, self.origin.at)?,
        }
        // Judged again on what is there now: another request may have been first.
        let (mut next, wanted) = self.judge(&mut tx, &present).await?;
        if test.is_none() && present.state.is_live() && is_tested(&present, &next) {
            let detail = "the backend became active meanwhile";
            return Err(Problem::new(Code::StateForbids, detail).with_hint("Send the change again."));
        }
        // Activation was the place to judge this, and a live backend has passed it elsewhere.
        if next.state.is_live()
            && (places(&present) != places(&next) || present.import_prefix != next.import_prefix)
            && uniqueness::is_anothers(&mut tx, &next).await?
        {
            return Err(Problem::new(Code::Duplicate, verification::ANOTHERS));
        }
        if places(&present) != places(&next) || roles(&present) != roles(&next) {
            next.proved_at = None;
        }
        if present.endpoint_url != next.endpoint_url || present.bucket != next.bucket {
            // What another store can do says nothing of this one.
            next.capabilities = Capabilities::default();
            next.upload_mode = next.unproved_upload_mode();
        }
        if wanted.default == Some(true) && !next.is_default {
            uniqueness::clear_default(&mut tx, next.organization, next.id, self.origin.at).await?;
            next.is_default = true;
        }
        let suspend = wanted.suspend && next.state != BackendState::Suspended;
        if next == present && !suspend && test.is_none() {
            return Ok(next);
        }
        self.record(&mut tx, &present, &next).await?;
        if let Some(test) = &test {
            let finished = self.origin.at;
            let run =
                verification::sign(&self.app, &next, &test.report, Trigger::Patch, test.started, finished)?;
            verification::store(&mut tx, &mut next, &run, &self.origin).await?;
            let from = present.state;
            // The change itself is one revision, whatever the run makes of the state.
            next.save(&mut tx, finished).await?;
            verification::conclude(&mut tx, &mut next, from, &test.report, Trigger::Patch, &self.origin)
                .await?;
        }
        if suspend {
            let reason = Some("suspended by the organization".to_owned());
            verification::move_to(&mut tx, &mut next, BackendState::Suspended, reason, &self.origin).await?;
        } else if test.is_none() {
            next.save(&mut tx, self.origin.at).await?;
        }
        tx.commit().await.db()?;
        Ok(next)
    }

    async fn record(&self, tx: &mut Tx, old: &BackendRow, new: &BackendRow) -> Result<(), Problem> {
        let fields = changed_fields(old, new);
        if fields.is_empty() {
            return Ok(());
        }
        let wire = |row: &BackendRow| serde_json::to_value(row.to_wire(&self.app.platform_role));
        let (old, new) = (wire(old).map_err(Problem::internal)?, wire(new).map_err(Problem::internal)?);
        let changes =
            fields.into_iter().map(|field| (field.to_owned(), json!({"old": old[field], "new": new[field]})));
        let data = Value::Object(changes.collect());
        events::record(tx, &self.origin, prn_of(self.origin.organization, self.id), "updated", data).await
    }
}

const fn prn_of(organization: Uuid, id: Uuid) -> firmhold_core::Prn {
    firmhold_core::Prn::new(organization, firmhold_core::PrnKind::Backend, id)
}

/// Whether a check of the new values stands against them. What a backend needs to become active it needs to stay so, and
/// a check that could not be made has not shown it.
fn refuses(check: &Check, row: &BackendRow) -> bool {
    match check.status {
        CheckStatus::Fail => TESTED.contains(&check.id),
        CheckStatus::Skipped => check.subject.is_none() && must_pass(row).contains(&check.id),
        CheckStatus::Pass => false,
    }
}

/// The 422 of a change that a check refused, on each field that it was about.
fn refusal(refused: &[&Check], changed: &[&'static str], report: &Report) -> Problem {
    let mut errors = FieldErrors::new();
    for check in refused {
        for field in changed {
            errors.add(*field, sentence(check));
        }
    }
    let problem = Problem::fields(errors);
    let extra = json!({ "checks": report.checks });
    problem.with_extra(extra)
}

/// Where the content lies.
fn places(row: &BackendRow) -> (&str, &str, &str, Option<&str>) {
    (&row.bucket, &row.region, row.prefix.as_str(), row.endpoint_url.as_deref())
}

/// Every role that is assumed.
fn roles(row: &BackendRow) -> Vec<String> {
    let own = row.role_arn.iter().map(ToString::to_string);
    own.chain(row.replicas.iter().filter_map(|replica| replica.role_arn.clone())).collect()
}

/// Whether a live backend's change is tested first.
fn is_tested(old: &BackendRow, new: &BackendRow) -> bool {
    places(old) != places(new)
        || old.role_arn != new.role_arn
        || old.credentials_ref != new.credentials_ref
        || old.path_style != new.path_style
        || old.encryption != new.encryption
        || old.replicas != new.replicas
}

/// The settings that differ, by their names on the wire.
fn changed_fields(old: &BackendRow, new: &BackendRow) -> Vec<&'static str> {
    let pairs = [
        ("bucket", old.bucket == new.bucket),
        ("region", old.region == new.region),
        ("endpoint_url", old.endpoint_url == new.endpoint_url),
        ("path_style", old.path_style == new.path_style),
        ("credentials_ref", old.credentials_ref == new.credentials_ref),
        ("prefix", old.prefix == new.prefix),
        ("import_prefix", old.import_prefix == new.import_prefix),
        ("role_arn", old.role_arn == new.role_arn),
        ("encryption", old.encryption == new.encryption),
        ("replicas", old.replicas == new.replicas),
        ("delivery", old.delivery == new.delivery),
        ("requested", old.requested == new.requested),
        ("allow_delete", old.allow_delete == new.allow_delete),
        ("default", old.is_default == new.is_default),
    ];
    pairs.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
}

/// Deletes a backend's record; nothing in the bucket or role is touched.
///
/// # Errors
/// 404, 412; 409 while it is used, or is the default beside others.
pub async fn delete(app: &Arc<App>, id: Uuid, condition: &IfMatch, origin: &Origin) -> Result<(), Problem> {
    let mut tx = app.db.begin().await?;
    let row = BackendRow::find(&mut tx, origin.organization, id).await?;
    condition.check(row.revision)?;
    if usage::is_used(&mut tx, id).await? {
        return Err(Problem::new(Code::InUse, "content of binaries lives in the backend"));
    }
    if product::names_backend(&mut tx, id).await? {
        return Err(Problem::new(Code::InUse, "a product names the backend")
            .with_hint("Give the products another backend_prn, or null."));
    }
    if imports::is_running(&mut tx, id, None).await? {
        return Err(Problem::new(Code::InUse, "an import runs on the backend"));
    }
    let others: i64 =
        sqlx::query_scalar("SELECT count(*) FROM backends WHERE organization_id = $1 AND id <> $2")
            .bind(origin.organization.to_string())
            .bind(id.to_string())
            .fetch_one(&mut *tx)
            .await
            .db()?;
    if row.is_default && others > 0 {
        return Err(Problem::new(Code::InUse, "this is the default backend")
            .with_hint("Make another backend the default first."));
    }
    sqlx::query("DELETE FROM backends WHERE id = $1").bind(id.to_string()).execute(&mut *tx).await.db()?;
    jobs::reap::end(&mut tx, id).await?;
    events::record(&mut tx, origin, row.prn(), "deleted", json!({"name": row.name, "bucket": row.bucket}))
        .await?;
    tx.commit().await.db()
}
