//! A push by raw HTTP, step by step.

use firmhold_core::{Digest, PrivateKey};
use serde_json::{Value, json};

use super::TestApp;
use super::caller::{Answer, Caller};

/// The smallest part that need not be the last.
pub const PART: usize = 5 * 1024 * 1024;

/// Bytes that are not the same everywhere.
pub fn firmware(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at * 31 + at / 251) % 256) as u8).collect()
}

/// An artifact version to hang binaries on.
pub async fn version(caller: &Caller, artifact: &str, version: &str) -> String {
    let artifact = caller.post("/artifacts", json!({ "name": artifact })).await.ok(201);
    let body = json!({ "artifact_prn": artifact["artifact"]["prn"], "version": version });
    let made = caller.post("/artifact_versions", body).await.ok(201);
    made["artifact_version"]["prn"].as_str().unwrap().to_owned()
}

/// A binary in `uploadable`, or in `signable` where its content is there already.
pub async fn binary(caller: &Caller, version: &str, target: &str, content: &[u8]) -> Value {
    let body = json!({
        "artifact_version_prn": version,
        "target": target,
        "hash": Digest::of(content),
        "size": content.len(),
    });
    caller.post("/binaries", body).await.ok(201)["binary"].clone()
}

pub fn prn(object: &Value) -> String {
    object["prn"].as_str().unwrap().to_owned()
}

/// Declares a part; the answer holds the URL.
pub async fn declare(caller: &Caller, binary: &str, index: usize, bytes: &[u8]) -> Answer {
    let body = json!({ "hash": Digest::of(bytes), "size": bytes.len() });
    caller.put(&format!("/binaries/{binary}/parts/{index}"), body).await
}

/// Sends bytes where a declared part says.
pub async fn send(app: &TestApp, part: &Value, bytes: &[u8]) -> u16 {
    let part = &part["binary_part"];
    let mut request = app.http().put(part["presigned_upload_url"].as_str().unwrap()).body(bytes.to_vec());
    for (name, value) in part["upload_headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.send().await.unwrap().status().as_u16()
}

/// Declares and sends all parts.
pub async fn upload(app: &TestApp, caller: &Caller, binary: &str, content: &[u8]) {
    for (at, bytes) in content.chunks(PART).enumerate() {
        let part = declare(caller, binary, at + 1, bytes).await.ok(201);
        assert_eq!(send(app, &part, bytes).await, 200);
    }
}

pub async fn to_state(caller: &Caller, binary: &str, state: &str) -> Answer {
    caller.patch(&format!("/binaries/{binary}"), json!({ "state": state })).await
}

/// Uploads, has it hashed, and waits for the verdict.
pub async fn prove(app: &TestApp, caller: &Caller, binary: &str, content: &[u8]) -> Value {
    upload(app, caller, binary, content).await;
    to_state(caller, binary, "hashable").await.ok(200);
    to_state(caller, binary, "hashing").await.ok(200);
    caller.wait_for(binary, &["signable", "uploadable"]).await
}

/// A signing key of the organization.
pub async fn signing_key(caller: &Caller, seed: u8) -> (String, PrivateKey) {
    let key = PrivateKey::from_seed(&[seed; 32]);
    let body = json!({ "name": format!("key {seed}"), "value": key.public().to_base64() });
    let made = caller.post("/signing_keys", body).await.ok(201);
    (prn(&made["signing_key"]), key)
}

pub async fn sign(caller: &Caller, binary: &str, content: &[u8], key: &(String, PrivateKey)) -> Answer {
    let body = json!({
        "binary_prn": binary,
        "signing_key_prn": key.0,
        "signature": key.1.sign(Digest::of(content)),
    });
    caller.post("/binary_signatures", body).await
}

/// The whole way: a binary that is signed, and its link.
pub async fn signed(app: &TestApp, content: &[u8]) -> (String, String) {
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", content).await);
    assert_eq!(prove(app, &admin, &binary, content).await["state"], "signable");
    let key = signing_key(&admin, 1).await;
    sign(&admin, &binary, content, &key).await.ok(201);
    let url = link(&admin, &binary).await;
    (binary, url)
}

pub async fn link(caller: &Caller, binary: &str) -> String {
    let answer = caller.get(&format!("/binaries/{binary}/download_url")).await.ok(200);
    answer["download_url"].as_str().unwrap().to_owned()
}
