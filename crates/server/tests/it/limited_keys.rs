//! Keys that are limited to products (API contract 13.1): every write route, by every kind of key.

use firmhold_core::{PrivateKey, Secret};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::caller::{Answer, Caller};
use crate::support::push::{binary, link, prn, prove, sign, signing_key};

/// An artifact with a version and a signed binary, in a product or in none.
struct Tree {
    product: Option<String>,
    artifact: String,
    version: String,
    binary: String,
    signature: String,
    content: Vec<u8>,
}

struct World {
    app: TestApp,
    admin: Caller,
    key: (String, PrivateKey),
}

impl World {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin();
        let key = signing_key(&admin, 1).await;
        Self { app, admin, key }
    }

    async fn product(&self, name: &str) -> String {
        prn(&self.admin.post("/products", json!({ "name": name })).await.ok(201)["product"])
    }

    async fn tree(&self, name: &str, product: Option<String>) -> Tree {
        let admin = &self.admin;
        let artifact =
            admin.post("/artifacts", json!({ "name": name, "product_prn": product })).await.ok(201);
        let artifact = prn(&artifact["artifact"]);
        let body = json!({ "artifact_prn": artifact, "version": "1" });
        let version = prn(&admin.post("/artifact_versions", body).await.ok(201)["artifact_version"]);
        let content = format!("content of {name}").into_bytes();
        let one = prn(&binary(admin, &version, "imx8", &content).await);
        prove(&self.app, admin, &one, &content).await;
        let signature = sign(admin, &one, &content, &self.key).await.ok(201);
        let signature = prn(&signature["binary_signature"]);
        Tree { product, artifact, version, binary: one, signature, content }
    }

    async fn key(&self, scope: &str, products: &[&str]) -> Caller {
        let body = json!({ "name": format!("{scope} key"), "scope": scope, "product_prns": products });
        let made = self.admin.post("/api_keys", body).await.ok(201);
        let secret = made["api_key"]["secret"].as_str().unwrap();
        Caller { key: Some(Secret::new(secret)), ..self.admin.clone() }
    }
}

/// Every route that writes with scope `upload` or `release`, and the one that makes links, on one tree. Each is so that
/// nothing changes: what is right in every other way is refused after the products are looked at, with another status
/// than 403, or changes nothing.
async fn writes(
    world: &World,
    upload: &Caller,
    release: &Caller,
    tree: &Tree,
) -> Vec<(&'static str, Answer)> {
    let same_part = json!({ "hash": firmhold_core::Digest::of(b"x"), "size": 1 });
    let signature = json!({
        "binary_prn": tree.binary,
        "signing_key_prn": world.key.0,
        "signature": world.key.1.sign(firmhold_core::Digest::of(&tree.content)),
    });
    let (artifact, version, one) = (&tree.artifact, &tree.version, &tree.binary);
    let again = json!({
        "artifact_version_prn": version, "target": "imx8", "hash": firmhold_core::Digest::of(b"x"), "size": 1,
    });
    let stale = &[("if-match", "\"99\"")];
    let id = artifact.rsplit(':').next().unwrap();
    let named = json!({ "name": "taken", "id": id, "product_prn": tree.product });
    let url = link(&world.admin, one).await;
    vec![
        ("POST /artifacts", upload.post("/artifacts", named).await),
        ("PATCH /artifacts", upload.patch(&format!("/artifacts/{artifact}"), json!({})).await),
        ("DELETE /artifacts", upload.delete(&format!("/artifacts/{artifact}")).await),
        (
            "POST /artifact_versions",
            upload.post("/artifact_versions", json!({ "artifact_prn": artifact, "version": "1" })).await,
        ),
        ("PATCH /artifact_versions", upload.patch(&format!("/artifact_versions/{version}"), json!({})).await),
        ("DELETE /artifact_versions", upload.delete(&format!("/artifact_versions/{version}")).await),
        ("POST /binaries", upload.post("/binaries", again).await),
        ("PATCH /binaries", upload.patch(&format!("/binaries/{one}"), json!({})).await),
        ("DELETE /binaries", upload.delete(&format!("/binaries/{one}")).await),
        ("PUT parts", upload.put(&format!("/binaries/{one}/parts/1"), same_part).await),
        ("DELETE parts", upload.delete(&format!("/binaries/{one}/parts")).await),
        ("GET download_url", upload.get(&format!("/binaries/{one}/download_url")).await),
        ("POST /binary_signatures", upload.post("/binary_signatures", signature).await),
        (
            "DELETE /binary_signatures",
            upload.send(Method::DELETE, &format!("/binary_signatures/{}", tree.signature), None, stale).await,
        ),
        ("revoke a binary's links", release.post("/links/revoke", json!({ "binary_prn": one })).await),
        ("revoke a link", release.post("/links/revoke", json!({ "url": url })).await),
    ]
}

/// What each of them answers to a key that may.
const ALLOWED: [u16; 16] = [409, 200, 409, 409, 200, 409, 409, 200, 409, 409, 409, 200, 200, 412, 200, 200];

#[tokio::test(flavor = "multi_thread")]
async fn every_write_asks_for_the_product() {
    let world = World::start().await;
    let (listed, other) = (world.product("gateway").await, world.product("sensor").await);
    let inside = world.tree("inside", Some(listed.clone())).await;
    let outside = world.tree("outside", None).await;
    for (name, products, tree, may) in [
        ("unlimited", vec![], &inside, true),
        ("unlimited, no product", vec![], &outside, true),
        ("its product", vec![listed.as_str()], &inside, true),
        ("its product among others", vec![other.as_str(), listed.as_str()], &inside, true),
        ("another product", vec![other.as_str()], &inside, false),
        ("a product, where there is none", vec![listed.as_str(), other.as_str()], &outside, false),
    ] {
        let upload = world.key("upload", &products).await;
        let release = world.key("release", &products).await;
        for ((route, answer), allowed) in
            writes(&world, &upload, &release, tree).await.into_iter().zip(ALLOWED)
        {
            let expected = if may { allowed } else { 403 };
            assert_eq!(answer.status, expected, "{name}: {route}: {}", answer.body);
        }
        // It reads like any other.
        for path in [
            format!("/artifacts/{}", tree.artifact),
            format!("/artifact_versions/{}", tree.version),
            format!("/binaries/{}", tree.binary),
            format!("/binary_signatures/{}", tree.signature),
            "/artifacts".to_owned(),
            "/products".to_owned(),
        ] {
            assert_eq!(upload.get(&path).await.status, 200, "{name}: {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_and_release_are_apart() {
    let world = World::start().await;
    let tree = world.tree("inside", None).await;
    let (upload, release) = (world.key("upload", &[]).await, world.key("release", &[]).await);
    // The scopes changed places.
    let writes = writes(&world, &release, &upload, &tree).await;
    for (route, answer) in &writes {
        let expected = if *route == "GET download_url" { 200 } else { 403 };
        assert_eq!(answer.status, expected, "{route}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_is_moved_by_who_may_write_on_both_sides() {
    let world = World::start().await;
    let (from, to) = (world.product("gateway").await, world.product("sensor").await);
    let body = json!({ "name": "fw", "product_prn": from });
    let artifact = prn(&world.admin.post("/artifacts", body).await.ok(201)["artifact"]);
    let path = format!("/artifacts/{artifact}");
    let there = json!({ "product_prn": to });
    for products in [[from.as_str()], [to.as_str()]] {
        assert_eq!(world.key("upload", &products).await.patch(&path, there.clone()).await.status, 403);
    }
    let both = world.key("upload", &[from.as_str(), to.as_str()]).await;
    assert_eq!(both.patch(&path, json!({ "product_prn": null })).await.status, 403);
    both.patch(&path, there).await.ok(200);
    assert_eq!(both.post("/artifacts", json!({ "name": "no product" })).await.status, 403);
    both.post("/artifacts", json!({ "name": "another", "product_prn": from })).await.ok(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_hash_opens_no_other_products_content() {
    let world = World::start().await;
    let (ours, theirs) = (world.product("gateway").await, world.product("sensor").await);
    let secret = world.tree("theirs", Some(theirs)).await;
    let key = world.key("upload", &[ours.as_str()]).await;
    let artifact = key.post("/artifacts", json!({ "name": "ours", "product_prn": ours })).await.ok(201);
    let body = json!({ "artifact_prn": artifact["artifact"]["prn"], "version": "1" });
    let version = prn(&key.post("/artifact_versions", body).await.ok(201)["artifact_version"]);
    let copy = binary(&key, &version, "imx8", &secret.content).await;
    assert_eq!(copy["state"], "uploadable");
    // Whoever has the bytes may bring them, and then they are there for the product.
    let copy = prn(&copy);
    assert_eq!(prove(&world.app, &key, &copy, &secret.content).await["state"], "signable");
    assert_eq!(binary(&key, &version, "imx9", &secret.content).await["state"], "signable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_what_it_is_limited_to() {
    let world = World::start().await;
    let product = world.product("gateway").await;
    let limited = world.key("release", &[&product, &product]).await;
    let own = limited.get("/api_keys/self").await.ok(200)["api_key"].clone();
    assert_eq!(own["product_prns"], json!([product]));
    let ask = async |scope: &str, products: Value| {
        let body = json!({ "name": "k", "scope": scope, "product_prns": products });
        world.admin.post("/api_keys", body).await.refusal()
    };
    insta::assert_snapshot!(ask("admin", json!([product])).await, @r#"422 invalid_fields {"product_prns":["a key with scope admin cannot be limited to products"]}"#);
    insta::assert_snapshot!(ask("read", json!([product])).await, @r#"422 invalid_fields {"product_prns":["a key with scope read cannot be limited to products"]}"#);
    insta::assert_snapshot!(ask("upload", json!("x")).await, @r#"422 invalid_fields {"product_prns":["must be a list of at most 256 PRNs"]}"#);
    let unknown =
        product.replace(product.rsplit(':').next().unwrap(), "0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a");
    insta::assert_snapshot!(ask("upload", json!([unknown])).await, @r#"422 invalid_fields {"product_prns":["names no product of this organization"]}"#);
    let path = format!("/api_keys/{}", prn(&own));
    insta::assert_snapshot!(world.admin.patch(&path, json!({ "product_prns": [] })).await.refusal(), @r#"422 invalid_fields {"product_prns":["cannot be changed"]}"#);
}
