//! What holds on every route (API contract 1 and 2), keys (13.1) and operations (13.3).

use std::time::Duration;

use firmhold_core::{Scope, Secret};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::caller::Caller;

async fn new_key(admin: &Caller, name: &str) -> Value {
    admin.post("/api_keys", json!({ "name": name, "scope": "read" })).await.ok(201)["api_key"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_show_their_secret_once() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let key = new_key(&admin, "CI Köln").await;
    let secret = key["secret"].as_str().unwrap();
    assert!(secret.starts_with("fhk_") && secret.len() == 47);
    let path = format!("/api_keys/{}", key["prn"].as_str().unwrap());
    let shown = admin.get(&path).await.ok(200);
    insta::assert_json_snapshot!(shown, {
        ".api_key.prn" => "[prn]", ".api_key.organization_prn" => "[org]", ".api_key.hint" => "[hint]",
        ".api_key.inserted_at" => "[time]", ".api_key.updated_at" => "[time]",
    }, @r#"
    {
      "api_key": {
        "prn": "[prn]",
        "organization_prn": "[org]",
        "inserted_at": "[time]",
        "updated_at": "[time]",
        "revision": 0,
        "name": "CI Köln",
        "scope": "read",
        "product_prns": [],
        "oidc_issuer_prn": null,
        "expires_at": null,
        "hint": "[hint]",
        "last_used_at": null
      }
    }
    "#);
    let reader = Caller { key: Some(Secret::new(secret)), ..app.admin() };
    assert_eq!(reader.get("/api_keys/self").await.ok(200)["api_key"]["prn"], key["prn"]);
    for scheme in ["Bearer", "bearer", "Token", "TOKEN"] {
        let header = format!("{scheme} {secret}");
        let answer =
            app.nobody().send(Method::GET, "/api_keys/self", None, &[("authorization", &header)]).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
    let found = admin.get("/api_keys?search=name-%27k%C3%96LN%27").await.ok(200);
    assert_eq!(found["api_keys"].as_array().unwrap().len(), 1);
    insta::assert_snapshot!(admin.patch(&path, json!({ "scope": "admin", "nane": 1 })).await.refusal(), @r#"422 invalid_fields {"nane":["is not a field"],"scope":["cannot be changed"]}"#);
    let renamed = admin.patch(&path, json!({ "name": "CI" })).await.ok(200);
    assert_eq!(renamed["api_key"]["revision"], 1);
    admin.delete(&path).await.ok(204);
    assert_eq!(reader.get("/api_keys/self").await.status, 401);
    let own = admin.get("/api_keys/self").await.ok(200)["api_key"]["prn"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(admin.delete(&format!("/api_keys/{own}")).await.refusal(), @r#"409 in_use {"detail":"this is the organization's last admin key"}"#);
    insta::assert_snapshot!(
        admin.post("/api_keys", json!({ "scope": "root", "product_prns": ["x"], "expires_at": "2020-01-01T00:00:00Z" })).await.refusal(),
        @r#"422 invalid_fields {"expires_at":["must be in the future"],"name":["is missing"],"product_prns":["names no product of this organization"],"scope":["expected one of read, upload, release, admin"]}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_when_its_time_is_over() {
    let app = TestApp::without_backend().await;
    let until = app.clock.now().plus(Duration::from_secs(60));
    let body = json!({ "name": "short", "scope": "read", "expires_at": until });
    let key = app.admin().post("/api_keys", body).await.ok(201)["api_key"].clone();
    let short = Caller { key: Some(Secret::new(key["secret"].as_str().unwrap())), ..app.admin() };
    assert_eq!(short.get("/api_keys/self").await.status, 200);
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(short.get("/api_keys/self").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_belong_to_their_search_and_order() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    for number in 0..4 {
        new_key(&admin, &format!("n{number}")).await;
        app.tick();
    }
    let first = admin.get("/api_keys?limit=2&search=name~%27n%27").await.ok(200);
    let page = first["next_page"].as_str().unwrap().to_owned();
    let second = admin.get(&format!("/api_keys?limit=3&search=name~%27n%27&page={page}")).await.ok(200);
    let names = |list: &Value| -> Vec<Value> {
        list["api_keys"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect()
    };
    assert_eq!([names(&first), names(&second)].concat(), ["n0", "n1", "n2", "n3"]);
    assert_eq!(second["next_page"], Value::Null);
    let stranger = app.other_organization().await;
    for (caller, query) in [
        (&admin, format!("page={page}")),
        (&admin, format!("search=name~%27n%27&order=desc&page={page}")),
        (&stranger, format!("search=name~%27n%27&page={page}")),
        (&admin, "page=nonsense".to_owned()),
    ] {
        let answer = caller.get(&format!("/api_keys?{query}")).await;
        assert_eq!((answer.status, &answer.body["problem"]["code"]), (400, &json!("bad_cursor")), "{query}");
    }
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "order=up",
        "search=nope%3A1",
        "search=name%3C%27a%27",
        "search=name%3A1",
    ] {
        assert_eq!(admin.get(&format!("/api_keys?{query}")).await.status, 400, "{query}");
    }
    assert_eq!(admin.get("/api_keys?colour=blue").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_methods() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let send = async |content_type: Option<&str>, body: Vec<u8>| {
        let mut request = app.http().post(format!("{}/api_keys", app.url()));
        request = request.bearer_auth(admin.key.as_ref().unwrap().expose()).body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.headers()["firmhold-problem"].to_str().unwrap().to_owned())
    };
    let problem = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(send(None, b"{}".to_vec()).await, problem(415, "wrong_media_type"));
    assert_eq!(send(Some("text/plain"), b"{}".to_vec()).await, problem(415, "wrong_media_type"));
    assert_eq!(send(Some("application/json; charset=utf-8"), b"{".to_vec()).await, problem(400, "not_json"));
    assert_eq!(send(Some("application/json"), b"[]".to_vec()).await, problem(400, "not_json"));
    assert_eq!(
        send(Some("application/json"), vec![b' '; 2 * 1024 * 1024 + 1]).await,
        problem(413, "body_too_large")
    );
    assert_eq!(send(Some("APPLICATION/JSON"), b"{}".to_vec()).await, problem(422, "invalid_fields"));

    let answer = admin.send(Method::PUT, "/api_keys", None, &[]).await;
    assert_eq!((answer.status, &answer.body["problem"]["code"]), (405, &json!("method_not_allowed")));
    assert!(answer.headers["allow"].to_str().unwrap().contains("POST"));
    for path in ["/", "/webhooks", "/cohorts", "/backends/x", "/api_keys/%ff", "/api_keys/x"] {
        let answer = admin.get(path).await;
        assert_eq!((answer.status, &answer.body["problem"]["code"]), (404, &json!("not_found")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prns_in_paths_and_conditions() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let prn = new_key(&admin, "k").await["prn"].as_str().unwrap().to_owned();
    for form in [
        prn.clone(),
        prn.replace(':', "%3A"),
        prn.to_uppercase().replace("PRN", "prn").replace("API_KEY", "api_key"),
    ] {
        assert_eq!(admin.get(&format!("/api_keys/{form}")).await.status, 200, "{form}");
    }
    let path = format!("/api_keys/{prn}");
    let patch = async |condition: &str, name: &str| {
        admin.send(Method::PATCH, &path, Some(json!({ "name": name })), &[("if-match", condition)]).await
    };
    assert_eq!(patch("\"0\"", "a").await.status, 200);
    let stale = patch("\"0\"", "b").await;
    insta::assert_snapshot!(stale.refusal(), @r#"412 revision_mismatch {"detail":"the object is at revision 1"}"#);
    assert_eq!(patch("*", "c").await.headers["etag"], "\"2\"");
    assert_eq!(patch("W/x, \"2\"", "c").await.status, 200);
    assert_eq!(admin.send(Method::DELETE, &path, None, &[("if-match", "\"1\"")]).await.status, 412);
    assert_eq!(admin.send(Method::DELETE, &path, None, &[("if-match", "\"2\"")]).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_are_kept_or_made() {
    let app = TestApp::without_backend().await;
    let ask = async |id: &str| {
        let answer = app.nobody().send(Method::GET, "/nowhere", None, &[("x-request-id", id)]).await;
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask("build-1234.a_b").await, "build-1234.a_b");
    for wrong in ["short", "has space here", &"x".repeat(65)] {
        assert_ne!(ask(wrong).await, wrong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_post_gets_the_stored_answer() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let post = async |key: &str, body: Value| {
        admin.send(Method::POST, "/artifacts", Some(body), &[("idempotency-key", key)]).await
    };
    let first = post("one", json!({ "name": "a" })).await;
    assert_eq!((first.status, first.headers.get("idempotent-replayed")), (201, None));
    let again = post("one", json!({ "name": "a" })).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["etag"], first.headers["etag"]);
    insta::assert_snapshot!(post("one", json!({ "name": "b" })).await.refusal(), @r#"422 invalid_fields {"detail":"this Idempotency-Key was used for another request"}"#);
    assert_eq!(post("two", json!({ "name": "" })).await.status, 422);
    assert_eq!(post("two", json!({ "name": "" })).await.headers["idempotent-replayed"], "true");
    assert_eq!(post(&"x".repeat(256), json!({ "name": "a" })).await.status, 400);
    assert_eq!(admin.get("/artifacts").await.ok(200)["artifacts"].as_array().unwrap().len(), 1);
    app.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    assert_eq!(post("one", json!({ "name": "b" })).await.status, 201);
    // An answer with a secret is not stored.
    let key = json!({ "name": "k", "scope": "read" });
    let ask =
        async || admin.send(Method::POST, "/api_keys", Some(key.clone()), &[("idempotency-key", "k")]).await;
    assert_ne!(ask().await.body["api_key"]["secret"], ask().await.body["api_key"]["secret"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_say_who_did_what() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let own = admin.get("/api_keys/self").await.ok(200)["api_key"]["prn"].clone();
    let body = json!({ "name": "k", "scope": "read" });
    let made =
        admin.send(Method::POST, "/api_keys", Some(body), &[("x-request-id", "request-1")]).await.ok(201);
    let prn = made["api_key"]["prn"].as_str().unwrap();
    let events = admin.get(&format!("/events?resource_prn={prn}")).await.ok(200);
    let event = &events["events"][0];
    assert_eq!(event["actor_prn"], own);
    insta::assert_json_snapshot!(event, {
        ".prn" => "[prn]", ".organization_prn" => "[org]", ".inserted_at" => "[time]", ".updated_at" => "[time]",
        ".actor_prn" => "[prn]", ".resource_prn" => "[prn]",
    }, @r#"
    {
      "prn": "[prn]",
      "organization_prn": "[org]",
      "inserted_at": "[time]",
      "updated_at": "[time]",
      "revision": 0,
      "type": "api_key",
      "subtype": "created",
      "actor_prn": "[prn]",
      "resource_prn": "[prn]",
      "request_id": "request-1",
      "data": {
        "name": "k",
        "scope": "read",
        "product_prns": [],
        "expires_at": null
      }
    }
    "#);
    assert_eq!(admin.get("/events?resource_prn=x").await.status, 400);
    assert_eq!(app.caller(Scope::Read).await.get("/events").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_readiness() {
    let app = TestApp::without_backend().await;
    let get = async |path: &str| app.http().get(format!("{}{path}", app.ops_url())).send().await.unwrap();
    insta::assert_snapshot!(get("/healthz").await.text().await.unwrap(), @r#"{"status":"ok"}"#);
    insta::assert_snapshot!(get("/readyz").await.text().await.unwrap(), @r#"{"status":"ready","checks":{"database":"ok","migrations":"ok","secrets":"ok","shutdown":"ok"}}"#);
    assert_eq!(get("/backends").await.status(), 404);
    app.state().db.close().await;
    let answer = get("/readyz").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "5"));
    assert_eq!(get("/healthz").await.status(), 200);
    assert_eq!(app.admin().get("/api_keys/self").await.status, 503);
}
