//! The state machine: every step and every refusal (API contract 4.2), and what a binary may be.

use firmhold_core::{BackendState, Scope};
use serde_json::json;

use crate::support::TestApp;
use crate::support::push::{
    binary, firmware, prn, prove, sign, signed, signing_key, to_state, upload, version,
};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_contracts_steps_are_taken() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(100);
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", &content).await);
    let refuse = |states: &'static [&'static str]| {
        let (admin, one) = (admin.clone(), one.clone());
        async move {
            for state in states {
                let answer = to_state(&admin, &one, state).await;
                assert_eq!(answer.status, 409, "{state}: {}", answer.body);
            }
        }
    };
    refuse(&["hashing", "signable", "signed", "destroyed"]).await;
    to_state(&admin, &one, "uploadable").await.ok(200);
    upload(&app, &admin, &one, &content).await;
    to_state(&admin, &one, "hashable").await.ok(200);
    refuse(&["signable", "signed", "destroyed"]).await;
    to_state(&admin, &one, "hashing").await.ok(200);
    admin.wait_for(&one, &["signable"]).await;
    refuse(&["hashable", "hashing", "destroyed"]).await;
    insta::assert_snapshot!(to_state(&admin, &one, "signed").await.refusal(), @r#"422 invalid_fields {"state":["the binary has no valid signature by a key that is not revoked"]}"#);
    insta::assert_snapshot!(to_state(&admin, &one, "ready").await.refusal(), @r#"422 invalid_fields {"state":["must be one of uploadable, hashable, hashing, signable, signed, destroyed"]}"#);

    // A reset drops parts and object; a link that was made leads nowhere, even after the same bytes come back.
    let url = crate::support::push::link(&admin, &one).await;
    let reset = to_state(&admin, &one, "uploadable").await.ok(200);
    assert_eq!(reset["binary"]["state"], "uploadable");
    let parts = admin.get(&format!("/binaries/{one}/parts")).await.ok(200);
    assert_eq!(parts["binary_parts"], json!([]));
    prove(&app, &admin, &one, &content).await;
    assert_eq!(app.http().head(&url).send().await.unwrap().status(), 410);

    let key = signing_key(&admin, 1).await;
    sign(&admin, &one, &content, &key).await.ok(201);
    to_state(&admin, &one, "signed").await.ok(200);
    refuse(&["uploadable", "hashable", "hashing", "signable"]).await;
    insta::assert_snapshot!(admin.delete(&format!("/binaries/{one}")).await.refusal(), @r#"409 state_forbids {"detail":"the binary is signed: destroy it first"}"#);
    to_state(&admin, &one, "destroyed").await.ok(200);
    refuse(&["uploadable", "hashable", "hashing", "signable", "signed"]).await;
    to_state(&admin, &one, "destroyed").await.ok(200);
    insta::assert_snapshot!(
        admin.patch(&format!("/binaries/{one}"), json!({ "pinned": true })).await.refusal(),
        @r#"409 state_forbids {"detail":"the binary is destroyed"}"#
    );
    // Its target is free again.
    binary(&admin, &version, "imx8", b"other").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hash_and_size_change_in_uploadable_only() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", b"first").await);
    let path = format!("/binaries/{one}");
    upload(&app, &admin, &one, b"first").await;
    let other = json!({ "hash": firmhold_core::Digest::of("second"), "size": 6 });
    let changed = admin.patch(&path, other.clone()).await.ok(200);
    assert_eq!((&changed["binary"]["size"], &changed["binary"]["revision"]), (&json!(6), &json!(1)));
    assert_eq!(admin.get(&format!("{path}/parts")).await.ok(200)["binary_parts"], json!([]));
    let again = admin.patch(&path, other).await.ok(200);
    assert_eq!(again["binary"]["revision"], 1, "current values change nothing");
    prove(&app, &admin, &one, b"second").await;
    insta::assert_snapshot!(admin.patch(&path, json!({ "size": 5 })).await.refusal(), @r#"409 state_forbids {"detail":"hash and size can be changed only in uploadable"}"#);
    let reset = json!({ "state": "uploadable", "hash": firmhold_core::Digest::of("first"), "size": 5 });
    let reset = admin.patch(&path, reset).await.ok(200);
    assert_eq!((&reset["binary"]["state"], &reset["binary"]["size"]), (&json!("uploadable"), &json!(5)));
    assert_eq!(prove(&app, &admin, &one, b"first").await["state"], "signable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_is_refused_for_what_it_says() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let refusal = |body| {
        let admin = admin.clone();
        async move { admin.post("/binaries", body).await.refusal() }
    };
    insta::assert_snapshot!(refusal(json!({})).await, @r#"422 invalid_fields {"artifact_version_prn":["is missing"],"hash":["is missing"],"size":["is missing"],"target":["is missing"]}"#);
    let foreign =
        "prn:1:6f1c3c1e-52a5-4b45-8f43-6b8e0f3f7c11:artifact_version:0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a";
    insta::assert_snapshot!(
        refusal(json!({
            "artifact_version_prn": foreign, "target": "a\nb", "hash": "ABC", "size": 0, "id": "x", "pinned": "no",
            "description": "", "custom_metadata": [], "backend_prn": foreign,
        })).await,
        @r#"422 invalid_fields {"artifact_version_prn":["names no artifact_version of this organization"],"backend_prn":["names no backend of this organization"],"custom_metadata":["must be an object"],"description":["must have 1 to 256 characters, has 0"],"hash":["must be a SHA-256 as 64 lower-case hex digits"],"id":["must be a hyphenated UUID other than nil"],"pinned":["must be true or false"],"size":["must be a whole number from 1 to 53687091200000"],"target":["must hold no control characters"]}"#
    );
    let version = version(&admin, "firmware", "1.0.0").await;
    let id = "0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a";
    let body = |target: &str, id: &str| json!({ "artifact_version_prn": version, "target": target, "hash": "0".repeat(64), "size": 1, "id": id });
    let made = admin.post("/binaries", body("imx8", id)).await.ok(201);
    assert!(prn(&made["binary"]).ends_with(id));
    let other_id = "0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3b";
    insta::assert_snapshot!(refusal(body("imx8", other_id)).await, @r#"409 duplicate {"detail":"a binary of this artifact version for this target, or one with this id, exists"}"#);
    admin.post("/binaries", body("other", id)).await.ok(409);
    app.set_backend(|backend| backend.state = BackendState::Suspended).await;
    insta::assert_snapshot!(refusal(body("third", other_id)).await, @r#"409 backend_not_writable {"detail":"the backend prod is suspended: it takes no writes"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_revisions_hold() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let (one, _) = signed(&app, b"content").await;
    let path = format!("/binaries/{one}");
    let reader = app.caller(Scope::Read).await;
    reader.get(&path).await.ok(200);
    reader.patch(&path, json!({ "pinned": true })).await.ok(403);
    app.caller(Scope::Release).await.patch(&path, json!({ "pinned": true })).await.ok(403);
    app.nobody().get(&path).await.ok(401);
    let uploader = app.caller(Scope::Upload).await;
    let changed = uploader.patch(&path, json!({ "pinned": true, "description": "for the field" })).await;
    let etag = changed.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(changed.ok(200)["binary"]["pinned"], true);
    uploader.post("/signing_keys", json!({ "name": "x", "value": "x" })).await.ok(403);

    let patch = |etag: String| {
        let (admin, path) = (admin.clone(), path.clone());
        async move {
            let body = Some(json!({ "description": null }));
            admin.send(reqwest::Method::PATCH, &path, body, &[("if-match", &etag)]).await
        }
    };
    assert_eq!(patch("\"0\"".to_owned()).await.status, 412);
    assert_eq!(patch(etag).await.ok(200)["binary"]["description"], json!(null));
    insta::assert_snapshot!(admin.patch(&path, json!({ "pinned": null })).await.refusal(), @r#"422 invalid_fields {"pinned":["must not be null"]}"#);
    let found =
        admin.get("/binaries?search=target:'imx8'%20and%20pinned:true%20and%20content_state:'present'").await;
    assert_eq!(found.ok(200)["binaries"].as_array().unwrap().len(), 1);
    let found = admin.get("/binaries?search=size%20%3E%20100").await.ok(200);
    assert_eq!(found["binaries"], json!([]));
}
