//! S3-compatible stores: registered with a key pair, verified, and, where they check nothing, sent to through the server.

use std::time::Duration;

use firmhold_core::backend::UploadMode;
use firmhold_core::{BackendState, Digest};
use firmhold_store::StaticKeys;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::account::{BUCKET, REGION};
use crate::support::caller::Caller;
use crate::support::push::{
    PART, binary, declare, firmware, link, prn, prove, send, sign, signing_key, to_state, upload, version,
};

/// The key pair of the account's administrator, under this name.
fn keep_keys(app: &TestApp, name: &str) {
    let user = app.sandbox.customer();
    let keys = StaticKeys::new(&user.access_key_id, &user.secret_access_key);
    app.state().secrets.put_key_pair(app.organization.0, name, &keys).unwrap();
}

fn body(app: &TestApp) -> Value {
    json!({
        "name": "own", "bucket": BUCKET, "region": REGION, "prefix": "fw", "endpoint_url": app.sandbox.http_url(),
        "credentials_ref": "minio", "allow_delete": true,
    })
}

/// An organization whose default backend is the sandbox by a key pair, found good by its checks.
async fn with_store() -> (TestApp, String) {
    let app = TestApp::with_private_endpoints().await;
    app.account.make_bucket().await;
    keep_keys(&app, "minio");
    let admin = app.admin();
    let made = admin.post("/backends", body(&app)).await.ok(201);
    let path = format!("/backends/{}", made["backend"]["prn"].as_str().unwrap());
    let run = admin.post(&format!("{path}/verify"), Value::Null).await.ok(200);
    let now = admin.get(&path).await.ok(200);
    assert_eq!(now["backend"]["state"], "active", "{run:#}");
    (app, path)
}

/// The same, of which it is said that it checks nothing.
async fn with_careless_store() -> TestApp {
    let (app, _) = with_store().await;
    app.set_backend(|backend| {
        backend.upload_mode = UploadMode::Proxy;
        backend.capabilities.checksums_enforced = Some(false);
        backend.capabilities.checksums_listed = Some(false);
    })
    .await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_registered_verified_and_used() {
    let (app, path) = with_store().await;
    let admin = app.admin();
    let shown = admin.get(&path).await.ok(200)["backend"].clone();
    let nulls = ["external_id", "external_id_next", "principal", "trust_policy", "bucket_owner", "role_arn"];
    for field in nulls {
        assert_eq!(shown[field], Value::Null, "{field}");
    }
    assert_eq!(shown["presign_ceiling_seconds"], 604_800);
    assert_eq!(shown["capabilities"]["checksums_enforced"], true);
    assert_eq!(shown["upload_mode"], "direct");
    assert_eq!(shown["default"], true);
    for action in ["rotate", "retire"] {
        let body = json!({ "external_id": "x" });
        assert_eq!(admin.post(&format!("{path}/external_id/{action}"), body).await.status, 409);
    }
    let content = firmware(PART + 5);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    assert_eq!(prove(&app, &admin, &binary, &content).await["state"], "signable");
    let key = signing_key(&admin, 1).await;
    sign(&admin, &binary, &content, &key).await.ok(201);
    let url = link(&admin, &binary).await;
    let redirect = app.http().get(&url).send().await.unwrap();
    let location = redirect.headers()["location"].to_str().unwrap();
    let got = app.http().get(location).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(Digest::of(&got), Digest::of(&content));
    let log = app.sandbox.request_log().entries();
    assert!(log.iter().all(|entry| entry.operation != "AssumeRole"), "no role is assumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wrong_before_any_call() {
    let app = TestApp::with_private_endpoints().await;
    let admin = app.admin();
    let unknown = admin.post("/backends", body(&app)).await;
    insta::assert_snapshot!(unknown.refusal(), @r#"422 invalid_fields {"credentials_ref":["names no key pair of this organization (`firmhold secret put` on the server's host)"]}"#);
    keep_keys(&app, "minio");
    // Another organization's name is as unknown, and the text is the same.
    let theirs = app.other_organization().await.post("/backends", body(&app)).await;
    assert_eq!(theirs.refusal(), unknown.refusal());
    let mut with_role = body(&app);
    with_role["role_arn"] = json!("arn:aws:iam::111122223333:role/x");
    insta::assert_snapshot!(admin.post("/backends", with_role).await.refusal(), @r#"422 invalid_fields {"role_arn":["cannot go with endpoint_url: S3-compatible stores do not check external ids, so their way in is credentials_ref"]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_needs_no_external_id() {
    let app = TestApp::with_private_endpoints().await;
    app.account.make_bucket().await;
    keep_keys(&app, "minio");
    let answer = app.admin().post("/backends/validate", body(&app)).await.ok(200);
    assert_eq!((&answer["valid"], &answer["trust_policy"]), (&json!(true), &Value::Null), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_pair_counts_without_a_restart_and_a_missing_one_is_told() {
    let (app, path) = with_store().await;
    let admin = app.admin();
    let failed = async || {
        let run = admin.post(&format!("{path}/verify"), Value::Null).await.ok(200);
        let checks = run["verification"]["checks"].as_array().unwrap().clone();
        checks.iter().find(|check| check["status"] == "fail").map(|check| check["id"].clone())
    };
    assert_eq!(failed().await, None);
    let secrets = &app.state().secrets;
    secrets.put_key_pair(app.organization.0, "minio", &StaticKeys::new("AKIAOTHER", "other")).unwrap();
    assert_eq!(failed().await, Some(json!("V6")));
    keep_keys(&app, "minio");
    assert_eq!(failed().await, None);
    secrets.remove(app.organization.0, "minio").unwrap();
    let version = version(&admin, "firmware", "1.0.0").await;
    let content = firmware(10);
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    let refused = declare(&admin, &binary, 1, &content).await;
    insta::assert_snapshot!(refused.refusal(), @r#"502 credentials_missing {"detail":"the key pair \"minio\" cannot be used"}"#);
    keep_keys(&app, "minio");
    assert_eq!(prove(&app, &admin, &binary, &content).await["state"], "signable");
}

/// One bucket name at two stores is two buckets.
#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_is_part_of_the_place() {
    let (app, path) = with_store().await;
    let admin = app.admin();
    let mut same = body(&app);
    same["name"] = json!("again");
    assert_eq!(admin.post("/backends", same.clone()).await.status, 409);
    same["endpoint_url"] = json!(app.sandbox.https_url());
    admin.post("/backends", same).await.ok(201);
    let content = firmware(10);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    prove(&app, &admin, &binary, &content).await;
    let moved = admin.patch(&path, json!({ "endpoint_url": app.sandbox.https_url() })).await;
    insta::assert_snapshot!(moved.refusal(), @r#"409 in_use {"detail":"bucket, region, endpoint_url and prefix cannot change while binaries live in the backend"}"#);
    let tested = admin.patch(&path, json!({ "path_style": true })).await.ok(200);
    assert_eq!(
        (&tested["backend"]["path_style"], &tested["backend"]["state"]),
        (&json!(true), &json!("active"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_go_through_the_server_where_the_store_checks_nothing() {
    let app = with_careless_store().await;
    let admin = app.admin();
    let content = firmware(PART + 5);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    let declared = declare(&admin, &binary, 1, &content[..PART]).await.ok(201);
    let url = declared["binary_part"]["presigned_upload_url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/u/", admin.url)), "{url}");
    assert_eq!(declared["binary_part"]["limited_by"], "requested");
    upload(&app, &admin, &binary, &content).await;
    // Sent again, it is found to be there.
    upload(&app, &admin, &binary, &content).await;
    assert_eq!(states(&admin, &binary).await, ["valid", "valid"]);
    to_state(&admin, &binary, "hashable").await.ok(200);
    assert_eq!(states(&admin, &binary).await, ["valid", "valid"]);
    to_state(&admin, &binary, "hashing").await.ok(200);
    admin.wait_for(&binary, &["signable"]).await;
    let key = app.account.content_key().await;
    assert_eq!(Digest::of(app.account.read(&key).await), Digest::of(&content));
}

async fn states(caller: &Caller, binary: &str) -> Vec<String> {
    let answer = caller.get(&format!("/binaries/{binary}/parts")).await.ok(200);
    let parts = answer["binary_parts"].as_array().unwrap();
    parts.iter().map(|part| part["state"].as_str().unwrap().to_owned()).collect()
}

/// What was put into the upload behind our back counts for nothing, whatever checksum the store lists for it.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_went_through_the_server_counts() {
    let app = with_careless_store().await;
    let admin = app.admin();
    let content = firmware(100);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    let part = declare(&admin, &binary, 1, &content).await.ok(201);
    let uploads = app.account.s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    let open = &uploads.uploads()[0];
    let put = async |body: &[u8]| {
        app.account
            .s3
            .upload_part()
            .bucket(BUCKET)
            .set_key(open.key().map(str::to_owned))
            .set_upload_id(open.upload_id().map(str::to_owned))
            .part_number(1)
            .checksum_sha256(Digest::of(body).to_base64())
            .body(body.to_vec().into())
            .send()
            .await
            .unwrap();
    };
    put(&content).await;
    assert_eq!(states(&admin, &binary).await, ["uploadable"]);
    let refused = to_state(&admin, &binary, "hashable").await;
    insta::assert_snapshot!(refused.refusal(), @r#"422 invalid_fields {"parts":["part 1 was not uploaded"]}"#);
    assert_eq!(send(&app, &part, &content).await, 200);
    assert_eq!(states(&admin, &binary).await, ["valid"]);
    // Other bytes in its place, of the same length.
    put(&[7; 100]).await;
    assert_eq!(states(&admin, &binary).await, ["uploadable"]);
    assert_eq!(send(&app, &part, &content).await, 200);
    // Declared anew as other bytes, the record counts no more.
    declare(&admin, &binary, 1, &[7; 100]).await.ok(201);
    assert_eq!(states(&admin, &binary).await, ["uploadable"]);
    assert_eq!(send(&app, &part, &content).await, 409, "the URL was for what was declared before");
    to_state(&admin, &binary, "uploadable").await;
    admin.delete(&format!("/binaries/{binary}")).await.ok(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_the_upload_url() {
    let app = with_careless_store().await;
    let admin = app.admin();
    let content = firmware(200_000);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    let part = declare(&admin, &binary, 1, &content).await.ok(201);
    let url = part["binary_part"]["presigned_upload_url"].as_str().unwrap().to_owned();
    let put = async |url: &str, body: reqwest::Body, headers: &[(&str, String)]| {
        let mut request = app.http().put(url).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        let problem =
            answer.headers().get("firmhold-problem").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), problem.unwrap_or_default())
    };
    let answer = |status: u16, code: &str| (status, code.to_owned());
    let mut other = content.clone();
    other[199_999] ^= 1;
    let checksum = |bytes: &[u8]| [("x-amz-checksum-sha256", Digest::of(bytes).to_base64())];
    assert_eq!(put(&url, other.clone().into(), &checksum(&content)).await, answer(400, "part_mismatch"));
    assert_eq!(put(&url, content.clone().into(), &checksum(&other)).await, answer(400, "part_mismatch"));
    assert_eq!(put(&url, content[1..].to_vec().into(), &[]).await, answer(400, "part_mismatch"));
    assert_eq!(put(&url, [&content[..], b"x"].concat().into(), &[]).await, answer(413, "body_too_large"));
    let stream = futures::stream::iter([Ok::<_, std::io::Error>(content.clone())]);
    let chunked = reqwest::Body::wrap_stream(stream);
    assert_eq!(put(&url, chunked, &[]).await, answer(411, "length_required"));
    let altered = format!("{}A", &url[..url.len() - 1]);
    let altered = if altered == url { format!("{}B", &url[..url.len() - 1]) } else { altered };
    assert_eq!(put(&altered, content.clone().into(), &[]).await, answer(404, "link_unknown"));
    assert_eq!(app.http().get(&url).send().await.unwrap().status(), 405);
    assert_eq!(states(&admin, &binary).await, ["uploadable"]);

    app.set_backend(|backend| backend.state = BackendState::Restricted).await;
    assert_eq!(put(&url, content.clone().into(), &[]).await, answer(409, "backend_not_writable"));
    app.set_backend(|backend| backend.state = BackendState::Active).await;
    assert_eq!(put(&url, content.clone().into(), &[]).await, answer(200, ""));
    to_state(&admin, &binary, "hashable").await.ok(200);
    assert_eq!(put(&url, content.clone().into(), &[]).await, answer(409, "state_forbids"));
    app.clock.advance(Duration::from_secs(901));
    assert_eq!(put(&url, content.clone().into(), &[]).await, answer(410, "link_expired"));
}

/// What an old URL brings does not take the place of what was declared, and sent, after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_url_overwrites_no_newer_part() {
    let app = with_careless_store().await;
    let admin = app.admin();
    let (old, new) = (firmware(100), vec![7; 100]);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &new).await);
    let first = declare(&admin, &binary, 1, &old).await.ok(201);
    let second = declare(&admin, &binary, 1, &new).await.ok(201);
    assert_eq!(send(&app, &second, &new).await, 200);
    assert_eq!(send(&app, &first, &old).await, 409);
    assert_eq!(states(&admin, &binary).await, ["valid"]);
    to_state(&admin, &binary, "hashable").await.ok(200);
    to_state(&admin, &binary, "hashing").await.ok(200);
    admin.wait_for(&binary, &["signable"]).await;
}

/// Without versions another object may lie at the key. Its size is no proof: what comes back is read before it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn another_object_at_the_key_is_never_sent() {
    let (app, path) = with_store().await;
    app.account.suspend_versions().await;
    let admin = app.admin();
    admin.patch(&path, json!({ "delivery": { "mode": "proxy" } })).await.ok(200);
    let content = firmware(1000);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    prove(&app, &admin, &binary, &content).await;
    let signing = signing_key(&admin, 1).await;
    sign(&admin, &binary, &content, &signing).await.ok(201);
    let url = link(&admin, &binary).await;
    let get = async || {
        let answer = app.http().get(&url).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    };
    assert_eq!(get().await, (200, content.clone().into()));
    let key = app.account.content_key().await;
    let mut other = content.clone();
    other[500] ^= 1;
    app.account.put(&key, &other).await;
    for _ in 0..3 {
        assert_eq!(get().await.0, 503);
    }
    // The right bytes again, put in one: the entity tag is another than before, and so it is read.
    app.account.put(&key, &content).await;
    for _ in 0..200 {
        app.clock.advance(Duration::from_secs(60));
        app.state().wake_jobs();
        let (status, body) = get().await;
        if status == 200 {
            assert_eq!(body, content);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the content is not found again");
}

/// A store that answers every listing with the same page, whatever it is asked, and has none of the objects.
async fn stuck_store() -> String {
    let object = |key: &str| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><Size>4</Size></Contents>"
        )
    };
    let page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{BUCKET}</Name><Prefix>legacy/</Prefix>\
         <KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated>\
         <NextContinuationToken>x</NextContinuationToken>{}{}{}</ListBucketResult>",
        object("legacy/1.0.0.bin"),
        object("legacy/2.0.0.bin"),
        object("secrets-of-others/3.0.0.bin")
    );
    let answer = move |uri: axum::http::Uri| {
        let is_listing = uri.query().is_some_and(|query| query.contains("list-type=2"));
        let answer = if is_listing {
            (axum::http::StatusCode::OK, page.clone())
        } else {
            (axum::http::StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>".to_owned())
        };
        async move { answer }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_from_a_store_that_lists_in_circles_ends_and_stays_below_its_prefix() {
    let (app, path) = with_store().await;
    let admin = app.admin();
    let endpoint = stuck_store().await;
    app.set_backend(|backend| {
        backend.endpoint_url = Some(endpoint);
        backend.import_prefix = Some("legacy/".to_owned());
    })
    .await;
    let artifact = prn(&admin.post("/artifacts", json!({ "name": "gateway" })).await.ok(201)["artifact"]);
    let backend = path.rsplit('/').next().unwrap();
    let body = json!({
        "backend_prn": backend, "source_prefix": "legacy/", "mapping": "{version}.bin", "artifact_prn": artifact,
        "target": "imx8",
    });
    let import = prn(&admin.post("/imports", body).await.ok(201)["import"]);
    for _ in 0..300 {
        let shown = admin.get(&format!("/imports/{import}")).await.ok(200);
        if shown["import"]["state"] == "done" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let listed = admin.get(&format!("/imports/{import}/entries?limit=100")).await.ok(200);
    let lines = listed["entries"].as_array().unwrap().iter().map(|entry| {
        format!(
            "{} {}: {}",
            entry["key"].as_str().unwrap(),
            entry["state"].as_str().unwrap(),
            entry["reason"].as_str().unwrap_or_default()
        )
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    legacy/1.0.0.bin failed: is not in the bucket, or this version of it is not
    legacy/2.0.0.bin failed: is not in the bucket, or this version of it is not
    legacy/ failed: the store lists the same keys again instead of going on after the last one
    ");
}
