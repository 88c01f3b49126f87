//! Manifests beside the content (API contract 4.5).

use std::time::Duration;

use firmhold_core::canonical::to_canonical_json;
use firmhold_core::{BackendState, PublicKey, Signature};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::push::{prn, sign, signed, signing_key, to_state};

/// All manifests, once there are `count` of them.
async fn manifests(app: &TestApp, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let keys = app.account.keys("/manifests/").await;
        if keys.len() >= count {
            assert_eq!(keys.len(), count, "{keys:?}");
            let mut all = Vec::new();
            for key in keys {
                all.push(verified(app, &key).await);
            }
            return all;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there are not {count} manifests: {:?}", app.account.keys("").await);
}

/// A manifest that its catalogue signature is right for, by the key that lies in the bucket.
async fn verified(app: &TestApp, key: &str) -> Value {
    let bytes = app.account.read(key).await;
    let mut document: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(to_canonical_json(&document).unwrap(), bytes, "it is canonical");
    let seal = document.as_object_mut().unwrap().remove("catalogue_signature").unwrap();
    let keyid = seal["keyid"].as_str().unwrap();
    let pem = app.account.read(&format!("fw/.firmhold/catalogue/{keyid}.pub")).await;
    let public = PublicKey::parse(&String::from_utf8(pem).unwrap()).unwrap();
    assert_eq!(public.keyid(), keyid);
    let signature: Signature = seal["signature"].as_str().unwrap().parse().unwrap();
    assert!(public.verify_message(&to_canonical_json(&document).unwrap(), &signature));
    document
}

/// Waits until nothing is to be written.
async fn settled(app: &TestApp, binary: &str) {
    for _ in 0..200 {
        let shown = app.admin().get(&format!("/binaries/{binary}")).await.ok(200);
        if shown["binary"]["manifest_at"].is_string() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the manifest of {binary} is still due");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_alone_tells_what_is_in_it() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let (binary, _) = signed(&app, b"content").await;
    settled(&app, &binary).await;
    let before = app.account.keys("/manifests/").await;
    let newest = verified(&app, before.last().unwrap()).await;
    insta::assert_json_snapshot!(newest, {
        ".organization_prn" => "[org]", ".object.key" => "[key]", ".object.version_id" => "[version]",
        ".written_at" => "[time]", ".binary.**.inserted_at" => "[time]", ".binary.inserted_at" => "[time]",
        ".binary.updated_at" => "[time]", ".binary.**.prn" => "[prn]", ".binary.prn" => "[prn]",
        ".binary.signatures[].signing_key_prn" => "[prn]", ".binary.signatures[].inserted_at" => "[time]",
    }, @r#"
    {
      "backend_name": "prod",
      "binary": {
        "artifact": {
          "custom_metadata": null,
          "description": null,
          "name": "firmware",
          "prn": "[prn]"
        },
        "artifact_version": {
          "custom_metadata": null,
          "description": null,
          "prn": "[prn]",
          "version": "1.0.0"
        },
        "custom_metadata": null,
        "description": null,
        "inserted_at": "[time]",
        "pinned": false,
        "prn": "[prn]",
        "product": null,
        "retired_at": null,
        "revision": 4,
        "signatures": [
          {
            "inserted_at": "[time]",
            "key_name": "key 1",
            "keyid": "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e",
            "message_form": "raw",
            "public_value": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=\n-----END PUBLIC KEY-----\n",
            "revoked_at": null,
            "signature": "ffdb6ada72c19b3936d0b8b6b23a8395825e2fa159e47df47728aba098b36a9a3c55add4b30e3743cc6800731369a36b5d35e369791dd22b910c933ecdcdc80c",
            "signing_key_prn": "[prn]"
          }
        ],
        "state": "signed",
        "target": "imx8",
        "updated_at": "[time]"
      },
      "written_at": "[time]",
      "format": 1,
      "object": {
        "hash": "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",
        "key": "[key]",
        "size": 7,
        "version_id": "[version]"
      },
      "organization_prn": "[org]"
    }
    "#);
    assert_eq!(newest["object"]["key"], app.account.content_key().await);

    // A change of what it says gives a new one; nothing is rewritten.
    let artifacts = admin.get("/artifacts").await.ok(200);
    let path = format!("/artifacts/{}", prn(&artifacts["artifacts"][0]));
    admin.patch(&path, json!({ "name": "renamed" })).await.ok(200);
    let all = manifests(&app, before.len() + 1).await;
    assert_eq!(all.last().unwrap()["binary"]["artifact"]["name"], "renamed");
    settled(&app, &binary).await;

    // The last one says that it is gone.
    to_state(&admin, &binary, "destroyed").await.ok(200);
    let all = manifests(&app, before.len() + 2).await;
    assert_eq!(all.last().unwrap()["binary"]["state"], "destroyed");
    for key in app.account.keys("/manifests/").await {
        let versions = app.account.s3.list_object_versions().bucket("acme-firmware").prefix(&key);
        assert_eq!(versions.send().await.unwrap().versions().len(), 1, "{key} was written twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_wait_while_the_backend_takes_no_writes() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let (binary, _) = signed(&app, b"content").await;
    settled(&app, &binary).await;
    let before = app.account.keys("/manifests/").await.len();
    app.set_backend(|backend| backend.state = BackendState::Restricted).await;
    let second = signing_key(&admin, 2).await;
    sign(&admin, &binary, b"content", &second).await.ok(201);
    let shown = admin.get(&format!("/binaries/{binary}")).await.ok(200);
    assert_eq!(shown["binary"]["manifest_at"], json!(null));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(app.account.keys("/manifests/").await.len(), before);
    app.set_backend(|backend| backend.state = BackendState::Active).await;
    app.clock.advance(Duration::from_secs(60));
    let all = manifests(&app, before + 1).await;
    assert_eq!(all.last().unwrap()["binary"]["signatures"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_binary_is_told_of() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = crate::support::push::version(&admin, "firmware", "1.0.0").await;
    let one = prn(&crate::support::push::binary(&admin, &version, "imx8", b"content").await);
    crate::support::push::prove(&app, &admin, &one, b"content").await;
    manifests(&app, 1).await;
    admin.delete(&format!("/binaries/{one}")).await.ok(204);
    assert_eq!(manifests(&app, 2).await[1]["binary"]["state"], "deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_comes_back_counts_its_manifests_on() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = crate::support::push::version(&admin, "firmware", "1.0.0").await;
    let body = json!({
        "artifact_version_prn": version,
        "target": "imx8",
        "hash": firmhold_core::Digest::of("content"),
        "size": 7,
        "id": "0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a",
    });
    let one = prn(&admin.post("/binaries", body.clone()).await.ok(201)["binary"]);
    crate::support::push::prove(&app, &admin, &one, b"content").await;
    settled(&app, &one).await;
    admin.delete(&format!("/binaries/{one}")).await.ok(204);
    assert_eq!(manifests(&app, 2).await[1]["binary"]["state"], "deleted");
    admin.post("/binaries", body).await.ok(201);
    crate::support::push::prove(&app, &admin, &one, b"content").await;
    settled(&app, &one).await;
    let states: Vec<_> =
        manifests(&app, 3).await.iter().map(|manifest| manifest["binary"]["state"].clone()).collect();
    assert_eq!(states, ["signable", "deleted", "signable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_a_backend_that_was_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin();
    app.allow_delete().await;
    let (gone, _) = signed(&app, b"content").await;
    settled(&app, &gone).await;
    to_state(&admin, &gone, "destroyed").await.ok(200);
    let version =
        admin.get(&format!("/binaries/{gone}")).await.ok(200)["binary"]["artifact_version_prn"].clone();
    let open = crate::support::push::binary(&admin, version.as_str().unwrap(), "other", b"other").await;
    no_job_is_left(&app).await;
    let backends = admin.get("/backends").await.ok(200);
    admin.delete(&format!("/backends/{}", prn(&backends["backends"][0]))).await.ok(204);

    let part = crate::support::push::declare(&admin, &prn(&open), 1, b"other").await;
    insta::assert_snapshot!(part.refusal(), @r#"409 backend_not_writable {"detail":"the backend of this binary was deleted"}"#);
    let artifacts = admin.get("/artifacts").await.ok(200);
    let path = format!("/artifacts/{}", prn(&artifacts["artifacts"][0]));
    admin.patch(&path, json!({ "name": "renamed" })).await.ok(200);
    no_job_is_left(&app).await;
}

async fn no_job_is_left(app: &TestApp) {
    for _ in 0..200 {
        // The reaper is never done.
        let jobs: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind <> 'reap'")
            .fetch_one(app.state().db.reader())
            .await
            .unwrap();
        if jobs == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("jobs are left");
}
