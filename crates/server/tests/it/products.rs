//! Products (API contract 3), and what they decide: the backend of new binaries (12.1) and how links are answered.

use firmhold_core::{Prefix, Scope};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::caller::Caller;
use crate::support::push::{binary, prn, prove, version};

async fn product(admin: &Caller, body: Value) -> Value {
    admin.post("/products", body).await.ok(201)["product"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_made_and_changed_by_admins() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let made = product(&admin, json!({ "name": "gateway" })).await;
    insta::assert_json_snapshot!(made, {
        ".prn" => "[prn]", ".organization_prn" => "[org]", ".inserted_at" => "[time]", ".updated_at" => "[time]",
    }, @r#"
    {
      "prn": "[prn]",
      "organization_prn": "[org]",
      "inserted_at": "[time]",
      "updated_at": "[time]",
      "revision": 0,
      "name": "gateway",
      "archived": false,
      "backend_prn": null,
      "delivery_mode": null,
      "retention": null,
      "allowed_regions": null
    }
    "#);
    let again = admin.post("/products", json!({ "name": "gateway" })).await;
    insta::assert_snapshot!(again.refusal(), @r#"409 duplicate {"detail":"the organization has a product of this name"}"#);
    let backend = "prn:1:6f1c3c1e-52a5-4b45-8f43-6b8e0f3f7c11:backend:0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a";
    let wrong = json!({
        "archived": 1, "backend_prn": backend, "delivery_mode": "cdn", "retention": {}, "allowed_regions": [],
    });
    insta::assert_snapshot!(admin.post("/products", wrong).await.refusal(), @r#"422 invalid_fields {"allowed_regions":["is not supported yet by this version"],"archived":["must be true or false"],"backend_prn":["names no backend of this organization"],"delivery_mode":["is not supported yet by this version"],"name":["is missing"],"retention":["is not supported yet by this version"]}"#);
    let path = format!("/products/{}", prn(&made));
    app.tick();
    product(&admin, json!({ "name": "sensor", "archived": true })).await;
    let taken = admin.patch(&path, json!({ "name": "sensor" })).await;
    assert_eq!((taken.status, &taken.body["problem"]["code"]), (409, &json!("duplicate")));
    let changed = admin.patch(&path, json!({ "name": "router", "retention": null })).await.ok(200);
    assert_eq!((&changed["product"]["name"], &changed["product"]["revision"]), (&json!("router"), &json!(1)));
    assert_eq!(admin.patch(&path, json!({ "name": "router" })).await.ok(200)["product"]["revision"], 1);
    for (search, found) in
        [("name~'out'", 1), ("archived:true", 1), ("archived:false", 1), ("name:'gateway'", 0)]
    {
        let query = format!("/products?search={}", search.replace('\'', "%27"));
        assert_eq!(admin.get(&query).await.ok(200)["products"].as_array().unwrap().len(), found, "{search}");
    }
    let release = app.caller(Scope::Release).await;
    assert_eq!(release.get(&path).await.status, 200);
    assert_eq!(release.patch(&path, json!({ "name": "x" })).await.status, 403);
    assert_eq!(release.post("/products", json!({ "name": "x" })).await.status, 403);
    assert_eq!(app.other_organization().await.get(&path).await.status, 404);
    assert_eq!(admin.delete(&path).await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_moves_between_products() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let gateway = prn(&product(&admin, json!({ "name": "gateway" })).await);
    let body = json!({ "name": "firmware", "product_prn": gateway });
    let artifact = admin.post("/artifacts", body).await.ok(201)["artifact"].clone();
    assert_eq!(artifact["product_prn"], json!(gateway));
    let found = admin.get(&format!("/artifacts?search=product_prn:%27{gateway}%27")).await.ok(200);
    assert_eq!(found["artifacts"][0]["prn"], artifact["prn"]);
    let path = format!("/artifacts/{}", prn(&artifact));
    let cleared = admin.patch(&path, json!({ "product_prn": null })).await.ok(200)["artifact"].clone();
    assert_eq!((&cleared["product_prn"], &cleared["revision"]), (&Value::Null, &json!(1)));
    let events = admin.get("/events?type=artifact&subtype=updated").await.ok(200);
    assert_eq!(events["events"][0]["data"], json!({ "product_prn": { "old": gateway, "new": null } }));
    let other = app.other_organization().await;
    let foreign = prn(&product(&other, json!({ "name": "gateway" })).await);
    insta::assert_snapshot!(admin.patch(&path, json!({ "product_prn": foreign })).await.refusal(), @r#"422 invalid_fields {"product_prn":["names no product of this organization"]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_binary_goes_to_its_products_backend() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let default = app.default_backend().await;
    let second = app
        .second_backend("eu", |backend| {
            backend.prefix = "eu".parse::<Prefix>().unwrap();
        })
        .await;
    let product = product(&admin, json!({ "name": "gateway", "backend_prn": second })).await;
    let version = version(&admin, "firmware", "1.0.0").await;
    let artifact = admin.get(&format!("/artifact_versions/{version}")).await.ok(200);
    let artifact = artifact["artifact_version"]["artifact_prn"].as_str().unwrap().to_owned();
    let one = binary(&admin, &version, "one", b"1").await;
    assert_eq!(one["backend_prn"], json!(default));
    admin.patch(&format!("/artifacts/{artifact}"), json!({ "product_prn": product["prn"] })).await.ok(200);
    let two = binary(&admin, &version, "two", b"2").await;
    assert_eq!(two["backend_prn"], json!(second));
    // What the request names wins.
    let body = json!({
        "artifact_version_prn": version, "target": "three", "hash": firmhold_core::Digest::of(b"3"), "size": 1,
        "backend_prn": default,
    });
    assert_eq!(admin.post("/binaries", body).await.ok(201)["binary"]["backend_prn"], json!(default));
    insta::assert_snapshot!(admin.delete(&format!("/backends/{second}")).await.refusal(), @r#"409 in_use {"detail":"a product names the backend"}"#);
    admin.patch(&format!("/products/{}", prn(&product)), json!({ "backend_prn": null })).await.ok(200);
    admin.delete(&format!("/backends/{second}")).await.ok(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_and_links_follow_the_product() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let product = prn(&product(&admin, json!({ "name": "gateway", "delivery_mode": "proxy" })).await);
    let artifact = admin.post("/artifacts", json!({ "name": "fw", "product_prn": product })).await.ok(201);
    let body = json!({ "artifact_prn": artifact["artifact"]["prn"], "version": "1" });
    let version = prn(&admin.post("/artifact_versions", body).await.ok(201)["artifact_version"]);
    let binary = prn(&binary(&admin, &version, "imx8", b"proxied").await);
    prove(&app, &admin, &binary, b"proxied").await;
    let manifest = app.newest_manifest(&admin, &binary).await;
    assert_eq!(manifest["binary"]["product"], json!({ "prn": product, "name": "gateway" }));
    // The backend redirects; the product's devices get the bytes themselves.
    let answer = app.http().get(crate::support::push::link(&admin, &binary).await).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "proxied"));
    let path = format!("/products/{product}");
    admin.patch(&path, json!({ "name": "router", "delivery_mode": null })).await.ok(200);
    let answer = app.http().get(crate::support::push::link(&admin, &binary).await).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(app.newest_manifest(&admin, &binary).await["binary"]["product"]["name"], "router");
    admin
        .patch(&format!("/artifacts/{}", prn(&artifact["artifact"])), json!({ "product_prn": null }))
        .await
        .ok(200);
    assert_eq!(app.newest_manifest(&admin, &binary).await["binary"]["product"], Value::Null);
}
