//! Signing keys and signatures (API contract 3.1 and 4.4).

use firmhold_core::{Digest, PrivateKey};
use serde_json::json;

use crate::support::TestApp;
use crate::support::push::{binary, firmware, prn, prove, sign, signing_key, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_is_signed_while_a_live_key_says_so() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(100);
    let version = version(&admin, "firmware", "1.0.0").await;
    let made = prn(&binary(&admin, &version, "imx8", &content).await);
    let (first, second) = (signing_key(&admin, 1).await, signing_key(&admin, 2).await);
    insta::assert_snapshot!(sign(&admin, &made, &content, &first).await.refusal(), @r#"409 state_forbids {"detail":"the binary is uploadable: only proved content is signed"}"#);
    prove(&app, &admin, &made, &content).await;

    // By a key that did not sign, over other content, and with fields missing.
    let wrong = (first.0.clone(), PrivateKey::from_seed(&[9; 32]));
    insta::assert_snapshot!(sign(&admin, &made, &content, &wrong).await.refusal(), @r#"422 signature_invalid {"signature":["does not verify: it is not by this key over the binary's hash"]}"#);
    sign(&admin, &made, b"other", &first).await.ok(422);
    insta::assert_snapshot!(admin.post("/binary_signatures", json!({})).await.refusal(), @r#"422 invalid_fields {"binary_prn":["is missing"],"signature":["is missing"],"signing_key_prn":["one of signing_key_prn and signing_key_keyid is needed"]}"#);
    let both = json!({
        "binary_prn": made, "signature": "zz", "signing_key_prn": first.0, "signing_key_keyid": first.1.public().keyid(),
    });
    insta::assert_snapshot!(admin.post("/binary_signatures", both).await.refusal(), @r#"422 invalid_fields {"signature":["expected an Ed25519 signature as 128 hex digits"],"signing_key_prn":["only one of signing_key_prn and signing_key_keyid may be given"]}"#);

    let raw = sign(&admin, &made, &content, &first).await.ok(201);
    assert_eq!(raw["binary_signature"]["message_form"], "raw");
    app.tick();
    let again = sign(&admin, &made, &content, &first).await.ok(200);
    assert_eq!(again["binary_signature"]["prn"], raw["binary_signature"]["prn"]);
    let hex = json!({
        "binary_prn": made,
        "signing_key_keyid": second.1.public().keyid(),
        "signature": second.1.sign_message(Digest::of(&content).to_hex().as_bytes()).to_string().to_uppercase(),
    });
    let hex = admin.post("/binary_signatures", hex).await.ok(201);
    assert_eq!(hex["binary_signature"]["message_form"], "hex");
    let shown = admin.get(&format!("/binaries/{made}")).await.ok(200)["binary"].clone();
    assert_eq!((&shown["state"], shown["signatures"].as_array().unwrap().len()), (&json!("signed"), 2));
    assert_eq!(shown["signatures"][0]["public_value"], first.1.public().to_pem());

    // The first key is revoked: one signature is left, and the key never comes back.
    let path = format!("/signing_keys/{}", first.0);
    insta::assert_snapshot!(admin.delete(&path).await.refusal(), @r#"409 in_use {"detail":"a signature uses the key"}"#);
    let revoked = admin.post(&format!("{path}/revoke"), json!({})).await.ok(200)["signing_key"].clone();
    assert!(revoked["revoked_at"].is_string());
    let again = admin.post(&format!("{path}/revoke"), json!({})).await.ok(200);
    assert_eq!(again["signing_key"]["revision"], revoked["revision"]);
    let shown = admin.get(&format!("/binaries/{made}")).await.ok(200)["binary"].clone();
    assert_eq!((&shown["state"], shown["signatures"].as_array().unwrap().len()), (&json!("signed"), 1));
    insta::assert_snapshot!(sign(&admin, &made, &content, &first).await.refusal(), @r#"409 state_forbids {"detail":"the signing key is revoked"}"#);
    let listed = admin.get("/binary_signatures").await.ok(200);
    assert_eq!(listed["binary_signatures"].as_array().unwrap().len(), 2, "the old one stays listed");

    // The last live one goes.
    admin.delete(&format!("/binary_signatures/{}", prn(&hex["binary_signature"]))).await.ok(204);
    let shown = admin.get(&format!("/binaries/{made}")).await.ok(200)["binary"].clone();
    assert_eq!((&shown["state"], &shown["signatures"]), (&json!("signable"), &json!([])));
    admin.delete(&format!("/binary_signatures/{}", prn(&raw["binary_signature"]))).await.ok(204);
    admin.delete(&path).await.ok(204);
    let body = json!({ "name": "again", "value": first.1.public().to_base64() });
    insta::assert_snapshot!(admin.post("/signing_keys", body).await.refusal(), @r#"409 state_forbids {"detail":"the key was revoked in this organization, for good"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_public_and_registered_once() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let (first, key) = signing_key(&admin, 1).await;
    let path = format!("/signing_keys/{first}");
    let pem = json!({ "name": "again", "value": key.public().to_pem() });
    insta::assert_snapshot!(admin.post("/signing_keys", pem).await.refusal(), @r#"409 duplicate {"detail":"the key is registered already"}"#);
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, identity);
    insta::assert_snapshot!(admin.post("/signing_keys", json!({ "value": weak })).await.refusal(), @r#"422 invalid_fields {"name":["is missing"],"value":["is not a usable Ed25519 public key (not on the curve, or of small order)"]}"#);
    let other = PrivateKey::from_seed(&[3; 32]).public();
    let changed = admin.patch(&path, json!({ "value": other.to_pem(), "name": "new" })).await.ok(200);
    assert_eq!(changed["signing_key"]["keyid"], other.keyid());
    let found = admin.get(&format!("/signing_keys?search=keyid:%27{}%27", other.keyid())).await.ok(200);
    assert_eq!(found["signing_keys"].as_array().unwrap().len(), 1);
    admin.post(&format!("{path}/revoke"), json!({})).await.ok(200);
    let back = json!({ "value": key.public().to_base64() });
    insta::assert_snapshot!(admin.patch(&path, back).await.refusal(), @r#"409 state_forbids {"detail":"the key is revoked"}"#);
    admin.delete(&path).await.ok(204);
}
