//! Abandoned uploads are reaped, by the record and by what lies in the bucket; others are left alone.

use std::time::Duration;

use firmhold_core::BackendState;
use firmhold_sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::support::TestApp;
use crate::support::account::BUCKET;
use crate::support::push::{PART, binary, declare, firmware, prn, prove, send, to_state, version};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An upload with one of its two parts in the bucket.
async fn half(app: &TestApp, artifact: &str, content: &[u8]) -> String {
    let admin = app.admin();
    let version = version(&admin, artifact, "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", content).await);
    let part = declare(&admin, &binary, 1, &content[..PART]).await.ok(201);
    assert_eq!(send(app, &part, &content[..PART]).await, 200);
    binary
}

/// An upload that no record names.
async fn stray(app: &TestApp, key: &str) {
    app.account.s3.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
}

/// Waits until the open uploads are what they should be.
async fn wait_for_open(app: &TestApp, count: usize) -> Vec<String> {
    for _ in 0..200 {
        let open = app.account.uploads().await;
        if open.len() == count {
            return open;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{count} uploads should be open, not {:?}", app.account.uploads().await);
}

/// Turns the clock, and has what is due by then begin.
fn later(app: &TestApp, days: u32) {
    app.clock.advance(DAY * days);
    app.state().wake_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_goes_on_with_is_reaped_and_a_push_begins_anew() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(PART + 10);
    let abandoned = half(&app, "abandoned", &content).await;
    stray(&app, "fw/binaries/sha256/aa/stray").await;
    stray(&app, "elsewhere/of-somebody-else").await;
    later(&app, 4);
    let going_on = half(&app, "going-on", &firmware(PART + 11)).await;
    assert_eq!(app.account.uploads().await.len(), 4);

    later(&app, 4);
    let open = wait_for_open(&app, 2).await;
    assert!(open.contains(&"elsewhere/of-somebody-else".to_owned()), "{open:?}");
    let reaped = admin.get(&format!("/binaries/{abandoned}")).await.ok(200)["binary"].clone();
    assert_eq!((&reaped["state"], &reaped["content_state"]), (&json!("uploadable"), &json!("absent")));
    assert!(reaped["state_reason"].as_str().unwrap().starts_with("the upload was abandoned"), "{reaped}");
    let parts = admin.get(&format!("/binaries/{abandoned}/parts")).await.ok(200);
    assert_eq!(parts["binary_parts"], json!([]));
    let parts = admin.get(&format!("/binaries/{going_on}/parts")).await.ok(200);
    assert_eq!(parts["binary_parts"][0]["state"], "valid");

    let proved = prove(&app, &admin, &abandoned, &content).await;
    assert_eq!((&proved["state"], &proved["state_reason"]), (&json!("signable"), &json!(null)));
    admin.delete(&format!("/binaries/{going_on}")).await.ok(204);
    app.account.abort("elsewhere/of-somebody-else").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_declared_again_keeps_an_upload_alive() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(PART + 10);
    let slow = half(&app, "slow", &content).await;
    for _ in 0..3 {
        later(&app, 6);
        declare(&admin, &slow, 2, &content[PART..]).await.ok(201);
    }
    let last = declare(&admin, &slow, 2, &content[PART..]).await.ok(201);
    assert_eq!(send(&app, &last, &content[PART..]).await, 200);
    to_state(&admin, &slow, "hashable").await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn reaping_waits_for_a_backend_that_takes_writes_and_survives_a_kill() {
    let mut app = TestApp::start().await;
    let content = firmware(PART + 10);
    half(&app, "abandoned", &content).await;
    stray(&app, "fw/binaries/sha256/aa/stray").await;
    app.set_backend(|backend| backend.state = BackendState::Restricted).await;
    later(&app, 8);
    // The job has looked, and waits: its next run is due in an hour.
    for _ in 0..200 {
        if next_run(&app).await > app.clock.now().as_millis() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(app.account.uploads().await.len(), 2);

    app.set_backend(|backend| backend.state = BackendState::Active).await;
    let stuck = Fault::new().service("s3").operation("AbortMultipartUpload");
    app.sandbox.faults().add(stuck.then(FaultAction::Delay(3_600_000)));
    app.clock.advance(Duration::from_secs(3700));
    app.state().wake_jobs();
    for _ in 0..200 {
        if app.sandbox.request_log().under_way() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.sandbox.faults().clear();
    app.kill_and_restart().await;
    wait_for_open(&app, 0).await;
}

/// When the reaper's next run is due.
async fn next_run(app: &TestApp) -> i64 {
    sqlx::query_scalar("SELECT run_at FROM jobs WHERE kind = 'reap' AND lease_owner IS NULL")
        .fetch_optional(app.state().db.reader())
        .await
        .unwrap()
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_could_not_be_deleted_is_tried_again() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(1000);
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", &content).await);
    prove(&app, &admin, &one, &content).await;
    let key = app.account.content_key().await;
    to_state(&admin, &one, "uploadable").await.ok(200);
    for _ in 0..200 {
        if app.account.tags(&key).await.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(app.account.keys(&key).await.len(), 1, "the role may not delete");
    app.allow_delete().await;
    later(&app, 2);
    for _ in 0..200 {
        if app.account.keys(&key).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the content was not deleted");
}
