//! What happens behind our back.

use firmhold_core::DeliveryMode;
use serde_json::json;

use crate::support::TestApp;
use crate::support::account::BUCKET;
use crate::support::push::{binary, firmware, prn, signed, to_state, upload, version};

async fn with_proxy() -> TestApp {
    let app = TestApp::start().await;
    app.set_backend(|backend| backend.delivery.mode = DeliveryMode::Proxy).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_on_top_changes_nothing() {
    let app = with_proxy().await;
    let content = firmware(1000);
    let (binary, proxied) = signed(&app, &content).await;
    app.set_backend(|backend| backend.delivery.mode = DeliveryMode::Redirect).await;
    let redirected = crate::support::push::link(&app.admin(), &binary).await;
    app.account.put(&app.account.content_key().await, b"something else").await;
    assert_eq!(&*app.http().get(&proxied).send().await.unwrap().bytes().await.unwrap(), &content[..]);
    let answer = app.http().get(&redirected).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    assert_eq!(&*app.http().get(location).send().await.unwrap().bytes().await.unwrap(), &content[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_version_is_missing_until_it_is_back() {
    let app = with_proxy().await;
    let (binary, url) = signed(&app, b"content").await;
    let key = app.account.content_key().await;
    // A delete marker hides the object, but not its version.
    app.account.s3.delete_object().bucket(BUCKET).key(&key).send().await.unwrap();
    assert_eq!(app.http().get(&url).send().await.unwrap().status(), 200);

    app.account.delete_versions(&key).await;
    let missing = app.http().get(&url).send().await.unwrap();
    assert_eq!(missing.status(), 503);
    assert_eq!(missing.headers()["firmhold-problem"], "content_missing");
    assert!(missing.headers().contains_key("retry-after"));
    let shown = app.admin().get(&format!("/binaries/{binary}")).await.ok(200)["binary"].clone();
    assert_eq!((&shown["state"], &shown["content_state"]), (&json!("signed"), &json!("absent")));
    let head = app.http().head(&url).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.headers()["firmhold-problem"].to_str().unwrap()),
        (503, "content_missing")
    );
    app.admin().get(&format!("/binaries/{binary}/download_url")).await.ok(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_deleted_version_ends_in_the_stores_own_404() {
    let app = TestApp::start().await;
    let (_, url) = signed(&app, b"content").await;
    app.account.delete_versions(&app.account.content_key().await).await;
    let answer = app.http().get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let store = app.http().get(&location).send().await.unwrap();
    let status = store.status();
    let text = store.text().await.unwrap();
    assert!(status == 404 && text.contains("<Code>NoSuchVersion</Code>"), "{status}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_read_is_not_a_missing_object() {
    let app = with_proxy().await;
    let (binary, url) = signed(&app, b"content").await;
    app.account
        .set_permissions(&json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "s3:ListBucketVersions", "Resource": "*",
        }]}))
        .await;
    let denied = app.http().get(&url).send().await.unwrap();
    assert_eq!(denied.status(), 502);
    assert_eq!(denied.headers()["firmhold-problem"], "store_denied");
    let shown = app.admin().get(&format!("/binaries/{binary}")).await.ok(200);
    assert_eq!(shown["binary"]["content_state"], "present");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_changed_before_hashing_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(1000);
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", &content).await);
    upload(&app, &admin, &one, &content).await;
    to_state(&admin, &one, "hashable").await.ok(200);
    app.sandbox.tamper(BUCKET, &app.account.content_key().await, None, 500, 1).unwrap();
    to_state(&admin, &one, "hashing").await.ok(200);
    let refused = admin.wait_for(&one, &["uploadable", "signable"]).await;
    assert_eq!(refused["state"], "uploadable");
    assert!(refused["state_reason"].as_str().unwrap().starts_with("sha256 mismatch: got "));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_before_hashing_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", b"content").await);
    upload(&app, &admin, &one, b"content").await;
    to_state(&admin, &one, "hashable").await.ok(200);
    app.account.delete_versions(&app.account.content_key().await).await;
    to_state(&admin, &one, "hashing").await.ok(200);
    let refused = admin.wait_for(&one, &["uploadable"]).await;
    insta::assert_snapshot!(refused["state_reason"].as_str().unwrap(), @"the object is not in the bucket");
}
