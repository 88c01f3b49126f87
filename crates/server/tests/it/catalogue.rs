//! Artifacts and their versions (API contract 3).

use serde_json::json;

use crate::support::TestApp;
use crate::support::push::{binary, prn};

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_and_versions_live_and_go() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let id = "0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a";
    let body = json!({ "name": "Router firmware", "id": id, "custom_metadata": { "a": 1 } });
    let artifact = admin.post("/artifacts", body.clone()).await.ok(201)["artifact"].clone();
    insta::assert_json_snapshot!(artifact, {
        ".prn" => "[prn]", ".organization_prn" => "[org]", ".inserted_at" => "[time]", ".updated_at" => "[time]",
    }, @r#"
    {
      "prn": "[prn]",
      "organization_prn": "[org]",
      "inserted_at": "[time]",
      "updated_at": "[time]",
      "revision": 0,
      "name": "Router firmware",
      "description": null,
      "custom_metadata": {
        "a": 1
      },
      "product_prn": null
    }
    "#);
    insta::assert_snapshot!(admin.post("/artifacts", body).await.refusal(), @r#"409 duplicate {"detail":"an artifact with this id exists"}"#);
    let path = format!("/artifacts/{}", prn(&artifact));
    let changed = admin.patch(&path, json!({ "description": "for the field", "unknown": 1 })).await.ok(200);
    assert_eq!(changed["artifact"]["revision"], 1);
    assert_eq!(
        admin.patch(&path, json!({ "description": "for the field" })).await.ok(200)["artifact"]["revision"],
        1
    );
    let product = "prn:1:6f1c3c1e-52a5-4b45-8f43-6b8e0f3f7c11:product:0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a";
    insta::assert_snapshot!(
        admin.post("/artifacts", json!({ "name": "", "product_prn": product })).await.refusal(),
        @r#"422 invalid_fields {"name":["must have 1 to 128 characters, has 0"],"product_prn":["names no product of this organization"]}"#
    );
    for (search, expected) in [
        ("name-'ROUTER'", 1),
        ("name~'ROUTER'", 0),
        ("description~'field'", 1),
        (&format!("prn:'{}'", prn(&artifact)), 1),
    ] {
        let query = format!("/artifacts?search={}", search.replace(' ', "%20").replace('\'', "%27"));
        let found = admin.get(&query).await.ok(200);
        assert_eq!(found["artifacts"].as_array().unwrap().len(), expected, "{search}");
    }

    let body = json!({ "artifact_prn": prn(&artifact), "version": "1.0-rc1" });
    let version = admin.post("/artifact_versions", body.clone()).await.ok(201)["artifact_version"].clone();
    insta::assert_snapshot!(admin.post("/artifact_versions", body).await.refusal(), @r#"409 duplicate {"detail":"this version of the artifact, or one with this id, exists"}"#);
    insta::assert_snapshot!(admin.post("/artifact_versions", json!({})).await.refusal(), @r#"422 invalid_fields {"artifact_prn":["is missing"],"version":["is missing"]}"#);
    insta::assert_snapshot!(admin.delete(&path).await.refusal(), @r#"409 in_use {"detail":"the artifact has versions"}"#);
    let version_path = format!("/artifact_versions/{}", prn(&version));
    let one = binary(&admin, &prn(&version), "imx8", b"x").await;
    insta::assert_snapshot!(admin.delete(&version_path).await.refusal(), @r#"409 in_use {"detail":"the artifact version has binaries"}"#);
    admin.delete(&format!("/binaries/{}", prn(&one))).await.ok(204);
    admin.delete(&format!("/binaries/{}", prn(&one))).await.ok(404);
    admin.delete(&version_path).await.ok(204);
    admin.delete(&path).await.ok(204);
    admin.get(&path).await.ok(404);
    admin.get("/artifacts/nonsense").await.ok(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_meets_each_once() {
    let app = TestApp::start().await;
    let admin = app.admin();
    for number in 0..7 {
        admin.post("/artifacts", json!({ "name": format!("a{number}") })).await.ok(201);
        app.tick();
    }
    let mut seen = Vec::new();
    let mut page = String::new();
    loop {
        let answer = admin.get(&format!("/artifacts?limit=3&order=desc{page}")).await.ok(200);
        seen.extend(answer["artifacts"].as_array().unwrap().iter().map(|one| one["name"].clone()));
        match answer["next_page"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["a6", "a5", "a4", "a3", "a2", "a1", "a0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_never_too_deep_to_be_told_of() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let nested = |levels| (1..levels).fold(json!({}), |inner, _| json!({ "in": inner }));
    let too_deep = json!({ "name": "deep", "custom_metadata": nested(65) });
    insta::assert_snapshot!(admin.post("/artifacts", too_deep).await.refusal(), @r#"422 invalid_fields {"custom_metadata":["must be nested at most 64 levels deep"]}"#);
    let deep = json!({ "name": "deep", "custom_metadata": nested(64) });
    let artifact = admin.post("/artifacts", deep).await.ok(201)["artifact"].clone();
    let path = format!("/artifacts/{}", artifact["prn"].as_str().unwrap());
    admin.patch(&path, json!({ "custom_metadata": null })).await.ok(200);
    let events = admin.get("/events?subtype=updated").await.ok(200);
    assert_eq!(events["events"][0]["data"]["custom_metadata"]["old"], artifact["custom_metadata"]);
}
