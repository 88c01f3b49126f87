//! What a restart or a crash leaves behind is understood.

use firmhold_sandbox::{Fault, FaultAction};

use crate::support::TestApp;
use crate::support::push::{
    PART, binary, declare, firmware, prn, prove, send, sign, signing_key, to_state, upload, version,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_goes_on_after_each_step() {
    let mut app = TestApp::start().await;
    let content = firmware(PART + 10);
    let version = version(&app.admin(), "firmware", "1.0.0").await;
    let one = prn(&binary(&app.admin(), &version, "imx8", &content).await);
    app.restart().await;
    let first = declare(&app.admin(), &one, 1, &content[..PART]).await.ok(201);
    app.kill_and_restart().await;
    assert_eq!(send(&app, &first, &content[..PART]).await, 200);
    let second = declare(&app.admin(), &one, 2, &content[PART..]).await.ok(201);
    assert_eq!(send(&app, &second, &content[PART..]).await, 200);
    app.kill_and_restart().await;
    to_state(&app.admin(), &one, "hashable").await.ok(200);
    app.restart().await;
    // The hash job is cut off in the middle, and begins again.
    app.sandbox.faults().add(Fault::new().service("s3").operation("GetObject").then(FaultAction::Delay(600)));
    to_state(&app.admin(), &one, "hashing").await.ok(200);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    app.kill_and_restart().await;
    app.sandbox.faults().clear();
    app.admin().wait_for(&one, &["signable"]).await;
    let key = signing_key(&app.admin(), 1).await;
    sign(&app.admin(), &one, &content, &key).await.ok(201);
    app.restart().await;
    let url = crate::support::push::link(&app.admin(), &one).await;
    assert_eq!(app.http().head(&url).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_whose_end_was_not_noted_is_understood() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(1000);
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", &content).await);
    upload(&app, &admin, &one, &content).await;
    // Completed as the server would, by somebody who then does not tell it.
    let key = app.account.uploads().await.remove(0);
    app.account.complete_upload().await;
    to_state(&admin, &one, "hashable").await.ok(200);
    to_state(&admin, &one, "hashing").await.ok(200);
    admin.wait_for(&one, &["signable"]).await;
    assert_eq!(app.account.content_key().await, key, "nothing was uploaded twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_opened_and_never_noted_is_used() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(1000);
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", &content).await);
    declare(&admin, &one, 1, &content).await.ok(201);
    // As if the server had died between opening the upload and noting it.
    let mut tx = app.state().db.begin().await.unwrap();
    sqlx::query("UPDATE contents SET upload_id = NULL").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(prove(&app, &admin, &one, &content).await["state"], "signable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_is_asked_again() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", b"content").await);
    upload(&app, &admin, &one, b"content").await;
    to_state(&admin, &one, "hashable").await.ok(200);
    let fault = Fault::new().service("s3").operation("GetObject").times(8);
    app.sandbox.faults().add(fault.then(FaultAction::Status(500, "InternalError")));
    to_state(&admin, &one, "hashing").await.ok(200);
    admin.wait_for(&one, &["signable"]).await;
}
