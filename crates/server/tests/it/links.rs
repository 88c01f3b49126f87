//! Download links: `GET | HEAD /d/{token}` (API contract 11).

use std::time::Duration;

use firmhold_core::backend::Delivery;
use firmhold_core::{BackendState, DeliveryMode, Digest, Scope};
use firmhold_sandbox::{Fault, FaultAction};
use reqwest::{Method, Response};
use serde_json::json;

use crate::support::TestApp;
use crate::support::push::{binary, firmware, link, prn, prove, signed, to_state, version};

async fn deliver(app: &TestApp, mode: DeliveryMode) {
    app.set_backend(|backend| backend.delivery = Delivery { mode, link_ttl_seconds: 600 }).await;
}

async fn ask(app: &TestApp, method: Method, url: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = app.http().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn get(app: &TestApp, url: &str, headers: &[(&str, &str)]) -> Response {
    ask(app, Method::GET, url, headers).await
}

async fn head(app: &TestApp, url: &str, headers: &[(&str, &str)]) -> Response {
    ask(app, Method::HEAD, url, headers).await
}

/// Status and what matters of the headers, in one text.
fn summary(response: &Response) -> String {
    const HEADERS: [&str; 9] = [
        "content-length",
        "content-range",
        "content-type",
        "accept-ranges",
        "etag",
        "repr-digest",
        "cache-control",
        "firmhold-delivery",
        "firmhold-problem",
    ];
    let mut text = response.status().as_u16().to_string();
    for name in HEADERS {
        if let Some(value) = response.headers().get(name) {
            text.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_signed_at_that_moment() {
    let app = TestApp::start().await;
    let content = firmware(1000);
    let (binary, url) = signed(&app, &content).await;
    assert!(url.len() <= 255 && url.starts_with(&format!("{}/d/", app.url())), "{url}");
    insta::assert_snapshot!(summary(&head(&app, &url, &[("range", "bytes=0-1")]).await), @r#"
    200
    content-length: 1000
    content-type: application/octet-stream
    accept-ranges: bytes
    etag: "25c0255c95492da1d54199518bcb49c2f6654df91d5cfbaea2edc3e867ce057e"
    repr-digest: sha-256=:JcAlXJVJLaHVQZlRi8tJwvZlTfkdXPuuou3D6GfOBX4=:
    firmhold-delivery: redirect
    "#);
    let answer = get(&app, &url, &[]).await;
    insta::assert_snapshot!(summary(&answer), @r"
    302
    content-length: 0
    cache-control: no-store
    firmhold-delivery: redirect
    ");
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.contains("X-Amz-SignedHeaders=host&") && location.contains("versionId="), "{location}");
    let whole = get(&app, &location, &[]).await;
    assert_eq!((whole.status().as_u16(), &*whole.bytes().await.unwrap()), (200, &content[..]));
    let rest = get(&app, &location, &[("range", "bytes=900-")]).await;
    assert_eq!((rest.status().as_u16(), &*rest.bytes().await.unwrap()), (206, &content[900..]));
    // Each GET signs anew: an hour later the old URL is dead, a link of a day is not.
    let etag = format!("\"{}\"", Digest::of(&content));
    app.set_backend(|backend| backend.delivery.link_ttl_seconds = 86_400).await;
    let long = link(&app.admin(), &binary).await;
    app.clock.advance(Duration::from_secs(7200));
    assert!(get(&app, &location, &[]).await.status().is_client_error(), "the old URL is dead");
    let fresh = get(&app, &long, &[]).await.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(get(&app, &fresh, &[]).await.status(), 200);

    // The store would not know the SHA-256, so a GET that names it is proxied.
    let proxied = get(&app, &long, &[("if-match", &etag), ("range", "bytes=990-")]).await;
    insta::assert_snapshot!(summary(&proxied), @r#"
    206
    content-length: 10
    content-range: bytes 990-999/1000
    content-type: application/octet-stream
    accept-ranges: bytes
    etag: "25c0255c95492da1d54199518bcb49c2f6654df91d5cfbaea2edc3e867ce057e"
    repr-digest: sha-256=:JcAlXJVJLaHVQZlRi8tJwvZlTfkdXPuuou3D6GfOBX4=:
    firmhold-delivery: proxy
    "#);
    assert_eq!(&*proxied.bytes().await.unwrap(), &content[990..]);
    assert_eq!(get(&app, &long, &[("if-range", &etag)]).await.status(), 200);
    assert_eq!(get(&app, &long, &[("if-range", "\"other\"")]).await.status(), 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_sends_whole_and_single_ranges() {
    let app = TestApp::start().await;
    deliver(&app, DeliveryMode::Proxy).await;
    let content = firmware(300_000);
    let (_, url) = signed(&app, &content).await;
    let etag = format!("\"{}\"", Digest::of(&content));
    insta::assert_snapshot!(summary(&head(&app, &url, &[]).await), @r#"
    200
    content-length: 300000
    content-type: application/octet-stream
    accept-ranges: bytes
    etag: "84651a6efc7acd687cd804fa2f7ef24f84e8290d6dfc12c181a526af7d144083"
    repr-digest: sha-256=:hGUabvx6zWh82AT6L37yT4ToKQ1t/BLBgaUmr30UQIM=:
    firmhold-delivery: proxy
    "#);
    let whole = get(&app, &url, &[]).await;
    insta::assert_snapshot!(summary(&whole), @r#"
    200
    content-length: 300000
    content-type: application/octet-stream
    accept-ranges: bytes
    etag: "84651a6efc7acd687cd804fa2f7ef24f84e8290d6dfc12c181a526af7d144083"
    repr-digest: sha-256=:hGUabvx6zWh82AT6L37yT4ToKQ1t/BLBgaUmr30UQIM=:
    firmhold-delivery: proxy
    "#);
    assert_eq!(&*whole.bytes().await.unwrap(), &content[..]);
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=1000-", 1000..300_000),
        ("bytes=100-199", 100..200),
        ("bytes=-5", 299_995..300_000),
        ("bytes=299999-", 299_999..300_000),
        ("bytes=0-", 0..300_000),
        ("bytes=5-9999999", 5..300_000),
    ] {
        let part = get(&app, &url, &[("range", range), ("if-range", &etag)]).await;
        assert_eq!(part.status(), 206, "{range}");
        let content_range = format!("bytes {}-{}/300000", expected.start, expected.end - 1);
        assert_eq!(part.headers()["content-range"], content_range.as_str());
        assert_eq!(part.headers()["content-length"], expected.len().to_string().as_str());
        assert_eq!(&*part.bytes().await.unwrap(), &content[expected], "{range}");
    }
    insta::assert_snapshot!(summary(&get(&app, &url, &[("range", "bytes=300000-")]).await), @r"
    416
    content-length: 140
    content-range: bytes */300000
    content-type: application/json
    firmhold-problem: range_unsatisfiable
    ");
    // What is no single range, or of other content, gives the whole.
    for headers in [
        &[("range", "bytes=0-1,10-20")][..],
        &[("range", "items=0-1")],
        &[("range", "bytes=5-2")],
        &[("range", "bytes=0-1"), ("if-range", "\"other\"")],
        &[("range", "bytes=0-1"), ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("content-type", "x/y"), ("authorization", "Bearer nonsense"), ("accept-encoding", "gzip")],
    ] {
        let answer = get(&app, &url, headers).await;
        assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(300_000)), "{headers:?}");
        assert!(!answer.headers().contains_key("content-encoding"));
        drop(answer);
    }
    let stores = app.account.s3.head_object().bucket("acme-firmware").key(app.account.content_key().await);
    let stores = stores.send().await.unwrap().e_tag().unwrap().to_owned();
    for (name, value, expected) in [
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", stores.as_str(), 304),
        ("if-none-match", "\"other\"", 200),
        ("if-match", etag.as_str(), 200),
        ("if-match", stores.as_str(), 200),
        ("if-match", "\"other\"", 412),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = ask(&app, method.clone(), &url, &[(name, value)]).await;
            assert_eq!(answer.status(), expected, "{method} {name}: {value}");
        }
    }
    insta::assert_snapshot!(summary(&get(&app, &url, &[("if-none-match", "*")]).await), @r#"
    304
    content-type: application/octet-stream
    accept-ranges: bytes
    etag: "84651a6efc7acd687cd804fa2f7ef24f84e8290d6dfc12c181a526af7d144083"
    repr-digest: sha-256=:hGUabvx6zWh82AT6L37yT4ToKQ1t/BLBgaUmr30UQIM=:
    "#);
    insta::assert_snapshot!(summary(&head(&app, &url, &[("if-match", "\"other\"")]).await), @r"
    412
    content-length: 157
    content-type: application/json
    firmhold-problem: precondition_failed
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_end_and_say_why() {
    let app = TestApp::start().await;
    deliver(&app, DeliveryMode::Redirect).await;
    let (binary, url) = signed(&app, b"content").await;
    let (base, token) = url.rsplit_once('/').unwrap();
    let altered = if token.ends_with('A') { "B" } else { "A" };
    for unknown in ["x", "%ff", &format!("{}{altered}", &token[..token.len() - 1]), &format!("{token}A")] {
        for method in [Method::GET, Method::HEAD] {
            let answer = ask(&app, method, &format!("{base}/{unknown}"), &[]).await;
            assert_eq!(answer.status(), 404, "{unknown}");
            assert!(answer.headers().contains_key("firmhold-problem"));
        }
    }
    insta::assert_snapshot!(summary(&head(&app, &format!("{base}/x"), &[]).await), @r"
    404
    content-length: 147
    content-type: application/json
    firmhold-problem: link_unknown
    ");
    assert_eq!(ask(&app, Method::POST, &url, &[]).await.status(), 405);

    app.clock.advance(Duration::from_secs(590));
    assert_eq!(get(&app, &url, &[]).await.status(), 302);
    app.clock.advance(Duration::from_secs(10));
    insta::assert_snapshot!(summary(&get(&app, &url, &[]).await), @r"
    410
    content-length: 142
    content-type: application/json
    firmhold-problem: link_expired
    ");

    let url = link(&app.admin(), &binary).await;
    for (state, expected) in [
        (BackendState::Degraded, 302),
        (BackendState::Restricted, 302),
        (BackendState::Suspended, 503),
        (BackendState::PendingTrust, 503),
        (BackendState::Active, 302),
    ] {
        app.set_backend(|backend| backend.state = state).await;
        let answer = get(&app, &url, &[]).await;
        assert_eq!(answer.status(), expected, "{state}");
        assert_eq!(answer.headers().contains_key("retry-after"), expected == 503);
    }
    to_state(&app.admin(), &binary, "destroyed").await.ok(200);
    insta::assert_snapshot!(summary(&get(&app, &url, &[]).await), @r"
    410
    content-length: 153
    content-type: application/json
    firmhold-problem: binary_gone
    ");
    app.admin().get(&format!("/binaries/{binary}/download_url")).await.ok(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_what_is_not_signed_stop_when_the_role_is_open() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", b"content").await);
    admin.get(&format!("/binaries/{one}/download_url")).await.ok(409);
    prove(&app, &admin, &one, b"content").await;
    let url = link(&admin, &one).await;
    assert_eq!(get(&app, &url, &[]).await.status(), 302);
    app.set_backend(|backend| backend.state = BackendState::Restricted).await;
    insta::assert_snapshot!(summary(&head(&app, &url, &[]).await), @r"
    503
    content-length: 218
    content-type: application/json
    firmhold-problem: backend_not_readable
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_revoked_one_by_one_and_all_at_once() {
    let app = TestApp::start().await;
    let (binary, one) = signed(&app, b"content").await;
    let admin = app.admin();
    app.clock.advance(Duration::from_secs(1));
    let other = link(&admin, &binary).await;
    app.caller(Scope::Upload).await.post("/links/revoke", json!({ "url": one })).await.ok(403);
    let releaser = app.caller(Scope::Release).await;
    assert_eq!(releaser.post("/links/revoke", json!({ "url": one })).await.ok(200)["revoked"], 1);
    assert_eq!(releaser.post("/links/revoke", json!({ "url": one })).await.ok(200)["revoked"], 0);
    insta::assert_snapshot!(summary(&get(&app, &one, &[]).await), @r"
    410
    content-length: 142
    content-type: application/json
    firmhold-problem: link_revoked
    ");
    assert_eq!(get(&app, &other, &[]).await.status(), 302);
    assert_eq!(releaser.post("/links/revoke", json!({ "binary_prn": binary })).await.ok(200)["revoked"], 1);
    assert_eq!(get(&app, &other, &[]).await.status(), 410);
    let fresh = link(&admin, &binary).await;
    assert_eq!(get(&app, &fresh, &[]).await.status(), 302, "a new link is not revoked");
    for body in [json!({}), json!({ "url": "https://x/d/y" }), json!({ "url": one, "binary_prn": binary })] {
        releaser.post("/links/revoke", body).await.ok(422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_transfer_is_cut() {
    let app = TestApp::start().await;
    deliver(&app, DeliveryMode::Proxy).await;
    let content = firmware(64 * 1024 * 1024);
    let (binary, url) = signed(&app, &content).await;
    let mut transfer = get(&app, &url, &[]).await;
    transfer.chunk().await.unwrap();
    app.admin().post("/links/revoke", json!({ "binary_prn": binary })).await.ok(200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let cut = loop {
        match transfer.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(cut, "the transfer ended as if it were whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_an_error_and_never_a_clean_end() {
    let app = TestApp::start().await;
    deliver(&app, DeliveryMode::Proxy).await;
    let content = firmware(300_000);
    let (_, url) = signed(&app, &content).await;
    let fault = |action| Fault::new().service("s3").operation("GetObject").then(action);

    app.sandbox.faults().add(fault(FaultAction::Status(503, "SlowDown")));
    let failed = get(&app, &url, &[]).await;
    assert_eq!(failed.headers()["retry-after"], "5");
    insta::assert_snapshot!(summary(&failed), @r"
    502
    content-length: 145
    content-type: application/json
    firmhold-problem: store_failed
    ");
    app.sandbox.faults().clear();

    app.sandbox.faults().add(fault(FaultAction::TruncateBody(1000)));
    let truncated = get(&app, &url, &[]).await;
    assert_eq!(truncated.status(), 502, "the store offers another length");
    app.sandbox.faults().clear();

    app.sandbox.faults().add(fault(FaultAction::Reset(100_000)));
    let cut = get(&app, &url, &[]).await;
    assert_eq!((cut.status().as_u16(), cut.content_length()), (200, Some(300_000)));
    assert!(cut.bytes().await.is_err());
    app.sandbox.faults().clear();
    assert_eq!(&*get(&app, &url, &[]).await.bytes().await.unwrap(), &content[..]);
}
