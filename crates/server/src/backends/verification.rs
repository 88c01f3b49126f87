//! Runs of the checks: what they need of a backend, and what they leave on it (API contract 12.3, 12.5, 12.6).

use std::sync::Arc;
use std::time::{Duration, Instant};

use firmhold_core::backend::LastVerification;
use firmhold_core::canonical::to_canonical_json;
use firmhold_core::check::{ReportSignature, Trigger};
use firmhold_core::{
    BackendState, Check, CheckId, CheckStatus, Code, Prn, PrnKind, Problem, RoleArn, Timestamp, Verification,
};
use firmhold_store::checks::{self, OpenRole, Report, VerifyOptions};
use serde_json::json;
use uuid::Uuid;

use super::state::{self, Findings};
use super::{BackendRow, RunLease, uniqueness, usage};
use crate::App;
use crate::db::{DbResult as _, Tx};
use crate::events::{self, Origin};

/// The longest run; checks that are cut off are `skipped`.
const LONGEST: Duration = Duration::from_secs(120);
/// A run whose server died counts as given up after this.
const LEASE: Duration = Duration::from_secs(180);
/// Why a part of a bucket that another organization has proved cannot be used.
pub const ANOTHERS: &str = "another backend has proved this part of the bucket to be its own";
const VERIFY_AGAIN: &str = "the change passed its checks; a verification has to lift the restriction";

/// Runs all checks of a backend and stores what they found. Goes on when nobody waits for it any more.
///
/// # Errors
/// 409 if a run is in progress; 404 if the backend was deleted meanwhile.
pub async fn run(app: &Arc<App>, backend: Uuid, origin: Origin) -> Result<Verification, Problem> {
    let (app, mut origin) = (Arc::clone(app), origin);
    let whole = async move {
        let (row, options) = begin(&app, backend, &origin).await?;
        let started = app.clock.now();
        let report = check(&app, &row, &options).await;
        origin.at = app.clock.now();
        end(&app, &row, &report, started, &origin).await
    };
    tokio::spawn(whole).await.map_err(Problem::internal)?
}

/// Takes the run's lease, and the state that it has meanwhile.
async fn begin(app: &App, id: Uuid, origin: &Origin) -> Result<(BackendRow, VerifyOptions), Problem> {
    let mut tx = app.db.begin().await?;
    let mut row = BackendRow::find(&mut tx, origin.organization, id).await?;
    take_lease(&mut row, origin.at)?;
    let meanwhile = state::during_run(row.state);
    if meanwhile == row.state {
        row.write(&mut tx).await?;
    } else {
        move_to(&mut tx, &mut row, meanwhile, None, origin).await?;
    }
    let options = options(app, &mut tx, id).await?;
    tx.commit().await.db()?;
    Ok((row, options))
}

/// Claims `row` for a run from its present state.
///
/// # Errors
/// 409 if a run is in progress.
pub fn take_lease(row: &mut BackendRow, now: Timestamp) -> Result<(), Problem> {
    refuse_during_run(row, now)?;
    // A run that was given up has left its own state behind.
    let from = row.run.as_ref().map_or(row.state, |given_up| given_up.from);
    row.run = Some(RunLease { id: Uuid::new_v4(), from, until: now.plus(LEASE) });
    Ok(())
}

/// Goes on only if no run is in progress.
///
/// # Errors
/// 409 otherwise.
pub fn refuse_during_run(row: &BackendRow, now: Timestamp) -> Result<(), Problem> {
    if row.run.as_ref().is_some_and(|run| run.until > now) {
        return Err(Problem::new(Code::VerificationRunning, "a verification of this backend is running"));
    }
    Ok(())
}

/// What a run may take, and content whose presence can prove the bucket's owner.
///
/// # Errors
/// Those of the database.
pub async fn options(app: &App, conn: &mut crate::db::Conn, backend: Uuid) -> Result<VerifyOptions, Problem> {
    Ok(VerifyOptions {
        seconds: LONGEST.as_secs(),
        iam_retry_seconds: u64::from(app.config.server.iam_retry_seconds),
        proved_object: usage::proved_object(conn, backend).await?,
    })
}

/// All checks on the present values of `row`.
pub async fn check(app: &App, row: &BackendRow, options: &VerifyOptions) -> Report {
    match app.target(row) {
        Ok(target) => checks::verify(&app.stores, &target, options).await,
        Err(problem) if row.is_by_keys() => without(app, row, &problem.detail()).await,
        Err(_) => without(app, row, "needs role_arn: nothing leads to the bucket yet").await,
    }
}

/// V1, where there is a role to assume, and the rest `skipped` for one reason.
pub async fn without(app: &App, row: &BackendRow, why: &str) -> Report {
    let mut report = Report::default();
    for &id in CheckId::ALL {
        let check = if id == CheckId::V1 && !row.is_by_keys() {
            platform_identity(app, row).await
        } else {
            skipped(id, why)
        };
        report.checks.push(check);
    }
    report
}

fn skipped(id: CheckId, why: &str) -> Check {
    Check {
        id,
        title: id.title().to_owned(),
        status: CheckStatus::Skipped,
        reason: why.to_owned(),
        aws_error_code: None,
        duration_ms: 0,
        fix: None,
        subject: None,
    }
}

/// V1 without a target.
async fn platform_identity(app: &App, row: &BackendRow) -> Check {
    let started = Instant::now();
    let identity = app.stores.identity().await;
    let mut check = skipped(CheckId::V1, "");
    check.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match identity {
        Ok(_) if app.platform_role.partition != row.partition => {
            check.status = CheckStatus::Fail;
            check.reason = format!(
                "the platform works in partition {}, the bucket is in {}",
                app.platform_role.partition, row.partition
            );
        }
        Ok(identity) => {
            check.status = CheckStatus::Pass;
            let chained = if identity.chained { ", in a chained session" } else { "" };
            check.reason = format!("the platform is {}{chained}", identity.arn);
        }
        Err(problem) => {
            check.status = CheckStatus::Fail;
            check.reason = problem.detail();
            check.aws_error_code = problem.aws_code().map(str::to_owned);
            check.fix = problem.hint().map(str::to_owned);
        }
    }
    check
}

/// V3 and V4 alone, of the backend's role and the replicas' own (API contract 12.3: in any state, and on create).
pub async fn open_role(app: &App, row: &BackendRow) -> Option<OpenRole> {
    let target = app.target(row).ok()?;
    let own = target.access.role()?;
    if let Some(open) = checks::role_is_open(&app.stores, &target).await {
        return Some(open);
    }
    for index in 0..row.replicas.len() {
        if let Some(replica) = target.replica(index)
            && replica.access.role().is_some_and(|role| role.role_arn != own.role_arn)
            && let Some(open) = checks::role_is_open(&app.stores, &replica).await
        {
            return Some(open);
        }
    }
    None
}

/// Stores what a run found, if it is still the backend's run.
async fn end(
    app: &App,
    begun: &BackendRow,
    report: &Report,
    started: Timestamp,
    origin: &Origin,
) -> Result<Verification, Problem> {
    let mut tx = app.db.begin().await?;
    let mut row = BackendRow::find(&mut tx, begun.organization, begun.id).await?;
    let from = take_back(&mut row, begun)?;
    let verification = sign(app, &row, report, Trigger::Manual, started, origin.at)?;
    store(&mut tx, &mut row, &verification, origin).await?;
    conclude(&mut tx, &mut row, from, report, Trigger::Manual, origin).await?;
    tx.commit().await.db()?;
    Ok(verification)
}

/// Ends the lease that `begun` holds on `row`; the state that the run began in.
///
/// # Errors
/// 409 if it was given up and is another's now.
pub fn take_back(row: &mut BackendRow, begun: &BackendRow) -> Result<BackendState, Problem> {
    match (row.run.take(), &begun.run) {
        (Some(held), Some(ours)) if held.id == ours.id => Ok(held.from),
        _ => Err(Problem::new(Code::StateForbids, "this run took too long and was given up")),
    }
}

/// Draws the conclusions of a run that began in `from`: findings, ownership, state and default. Saves the row.
///
/// # Errors
/// Those of the database.
pub async fn conclude(
    tx: &mut Tx,
    row: &mut BackendRow,
    from: BackendState,
    report: &Report,
    trigger: Trigger,
    origin: &Origin,
) -> Result<(), Problem> {
    let before = row.clone();
    row.accepted_external_ids.clone_from(&report.working_external_ids);
    row.upload_mode = report.upload_mode.unwrap_or(row.upload_mode);
    row.capabilities = row.capabilities.updated_by(report.capabilities);
    row.presign_ceiling_seconds = report.presign_ceiling_seconds.or(row.presign_ceiling_seconds);
    let anothers = uniqueness::is_anothers(tx, row).await?;
    // Of an S3-compatible store nobody can say who owns it. Who can write into the bucket has proved as much as can be.
    let proof: &[CheckId] =
        if row.is_by_keys() { &[CheckId::V6, CheckId::V7] } else { &[CheckId::V2, CheckId::V5] };
    if report.has_passed(proof) && !anothers {
        row.proved_at = row.proved_at.or(Some(origin.at));
    }
    // Out of `restricted` leads only a verification that was asked for (API contract 12.5).
    let obstacle = match trigger {
        _ if anothers => Some(ANOTHERS),
        Trigger::Manual => None,
        Trigger::Patch | Trigger::Scheduled => Some(VERIFY_AGAIN),
    };
    let (next, reason) = state::after_run(from, &Findings::of(row, report), obstacle);
    if next == BackendState::Active {
        row.activated_at = row.activated_at.or(Some(origin.at));
        if BackendRow::find_default(tx, row.organization).await?.is_none() {
            row.is_default = true;
        }
    }
    if next != row.state || reason != row.state_reason {
        return move_to(tx, row, next, reason, origin).await;
    }
    let shows =
        |row: &BackendRow| (row.upload_mode, row.capabilities, row.presign_ceiling_seconds, row.is_default);
    if shows(&before) == shows(row) { row.write(tx).await } else { row.save(tx, origin.at).await }
}

/// Moves `row` to a state and saves it; each change of state is an event.
///
/// # Errors
/// Those of the database.
pub async fn move_to(
    tx: &mut Tx,
    row: &mut BackendRow,
    next: BackendState,
    reason: Option<String>,
    origin: &Origin,
) -> Result<(), Problem> {
    let old = row.state;
    row.state = next;
    row.state_reason = reason;
    row.save(tx, origin.at).await?;
    if old == next {
        return Ok(());
    }
    let data = json!({"state": {"old": old, "new": next}, "state_reason": row.state_reason});
    events::record(tx, origin, row.prn(), "state_changed", data).await
}

/// A run as a signed verification. A tool of the bucket's owner can check that it is real, recent, and about this
/// bucket and role.
///
/// # Errors
/// Never in practice: if it cannot be JSON.
pub fn sign(
    app: &App,
    row: &BackendRow,
    report: &Report,
    trigger: Trigger,
    started_at: Timestamp,
    finished_at: Timestamp,
) -> Result<Verification, Problem> {
    let mut verification = Verification {
        prn: Prn::new(row.organization, PrnKind::BackendVerification, Uuid::new_v4()),
        backend_prn: row.prn(),
        bucket: row.bucket.clone(),
        region: row.region.clone(),
        prefix: row.prefix.clone(),
        role_arn: row.role_arn.as_ref().map(RoleArn::to_string),
        trigger,
        status: report.status(),
        started_at,
        finished_at,
        checks: report.checks.clone(),
        signature: None,
    };
    let message = to_canonical_json(&verification).map_err(Problem::internal)?;
    verification.signature = Some(ReportSignature {
        keyid: app.keys.report.public().keyid(),
        value: app.keys.report.sign_message(&message),
    });
    Ok(verification)
}

/// Keeps a verification, and its summary on the backend.
///
/// # Errors
/// Those of the database.
pub async fn store(
    tx: &mut Tx,
    row: &mut BackendRow,
    verification: &Verification,
    origin: &Origin,
) -> Result<(), Problem> {
    let document = serde_json::to_string(verification).map_err(Problem::internal)?;
    sqlx::query(
        "INSERT INTO backend_verifications (id, organization_id, backend_id, status, started_by, finished_at, document,
             inserted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $6)",
    )
    .bind(verification.prn.id.to_string())
    .bind(row.organization.to_string())
    .bind(row.id.to_string())
    .bind(verification.status.as_str())
    .bind(verification.trigger.as_str())
    .bind(verification.finished_at.as_millis())
    .bind(document)
    .execute(&mut **tx)
    .await
    .db()?;
    row.last_verification = Some(LastVerification {
        prn: verification.prn,
        status: verification.status,
        trigger: verification.trigger,
        finished_at: verification.finished_at,
    });
    let data = json!({"verification_prn": verification.prn, "status": verification.status});
    events::record(tx, origin, row.prn(), "verified", data).await
}
