//! Jobs: they end although their end cannot be written for a while, and no organization's keep the others' waiting.

use std::time::Duration;

use firmhold_sandbox::{Fault, FaultAction};
use firmhold_server::jobs;
use serde_json::Value;
use uuid::Uuid;

use crate::support::TestApp;
use crate::support::push::{binary, prn, prove, sign, signing_key, to_state, upload, version};

/// How many jobs there are of a kind.
async fn count(app: &TestApp, kind: &str, organization: Uuid) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind = $1 AND organization_id = $2")
        .bind(kind)
        .bind(organization.to_string())
        .fetch_one(app.state().db.reader())
        .await
        .unwrap()
}

async fn wait_until_none(app: &TestApp, kind: &str, organization: Uuid) {
    for _ in 0..300 {
        if count(app, kind, organization).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a job of kind {kind} does not end");
}

async fn execute(app: &TestApp, sql: &'static str) {
    let mut tx = app.state().db.begin().await.unwrap();
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_cannot_be_written_is_written_later() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", b"content").await);
    upload(&app, &admin, &one, b"content").await;
    to_state(&admin, &one, "hashable").await.ok(200);
    execute(
        &app,
        "CREATE TRIGGER full BEFORE DELETE ON jobs WHEN OLD.kind = 'hash'
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .await;
    to_state(&admin, &one, "hashing").await.ok(200);
    admin.wait_for(&one, &["signable"]).await;
    assert_eq!(count(&app, "hash", app.organization.0).await, 1);
    execute(&app, "DROP TRIGGER full").await;
    wait_until_none(&app, "hash", app.organization.0).await;
}

/// As after a commit whose answer was lost: the job is leased by this very process, which knows nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_nobody_holds_runs_out() {
    let app = TestApp::start().await;
    let organization = app.organization.0;
    execute(
        &app,
        "CREATE TRIGGER lost AFTER UPDATE OF lease_owner ON jobs WHEN NEW.lease_owner IS NOT NULL AND NEW.kind = 'hash'
         BEGIN UPDATE jobs SET payload = 'no JSON' WHERE id = NEW.id; END",
    )
    .await;
    execute(
        &app,
        "CREATE TRIGGER full BEFORE UPDATE OF run_at ON jobs WHEN OLD.kind = 'hash'
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .await;
    let mut tx = app.state().db.begin().await.unwrap();
    // It names no binary, and so has nothing to do.
    let (subject, now) = (Uuid::new_v4(), app.clock.now());
    jobs::enqueue(&mut tx, "hash", organization, subject, Value::Null, now).await.unwrap();
    tx.commit().await.unwrap();
    app.state().wake_jobs();
    for _ in 0..200 {
        let taken: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE payload = 'no JSON'")
            .fetch_one(app.state().db.reader())
            .await
            .unwrap();
        if taken == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    execute(&app, "DROP TRIGGER lost").await;
    execute(&app, "DROP TRIGGER full").await;
    execute(&app, "UPDATE jobs SET payload = 'null' WHERE kind = 'hash'").await;
    app.clock.advance(Duration::from_secs(61));
    app.state().wake_jobs();
    wait_until_none(&app, "hash", organization).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_answer_holds_up_its_own_hashes_only() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let proved = prn(&binary(&admin, &version, "proved", b"proved").await);
    prove(&app, &admin, &proved, b"proved").await;
    wait_until_none(&app, "manifest", app.organization.0).await;
    let silent = Fault::new().service("s3").operation("GetObject");
    app.sandbox.faults().add(silent.then(FaultAction::Delay(3_600_000)));
    for number in 0..12 {
        let content = format!("content {number}");
        let one = prn(&binary(&admin, &version, &format!("t{number}"), content.as_bytes()).await);
        upload(&app, &admin, &one, content.as_bytes()).await;
        to_state(&admin, &one, "hashable").await.ok(200);
        to_state(&admin, &one, "hashing").await.ok(200);
    }
    // Other work of the organization goes on, and so does another's.
    let key = signing_key(&admin, 1).await;
    sign(&admin, &proved, b"proved", &key).await.ok(201);
    wait_until_none(&app, "manifest", app.organization.0).await;
    let other = Uuid::new_v4();
    let mut tx = app.state().db.begin().await.unwrap();
    let now = app.clock.now();
    jobs::enqueue(&mut tx, "hash", other, Uuid::new_v4(), Value::Null, now).await.unwrap();
    tx.commit().await.unwrap();
    app.state().wake_jobs();
    wait_until_none(&app, "hash", other).await;
    assert_eq!(count(&app, "hash", app.organization.0).await, 12);
    app.sandbox.faults().clear();
}
