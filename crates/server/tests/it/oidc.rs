//! Tokens of CI systems for keys (API contract 13.5), against an issuer that the test runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firmhold_core::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::caller::{Answer, Caller};
use crate::support::issuer::{Issuer, Mood, Pair};
use crate::support::log::{self, logged};
use crate::support::push::prn;

const SUBJECT: &str = "repo:acme/gateway:ref:refs/heads/main";
/// What every refusal says.
const REFUSED: &str = r#"401 unauthenticated {"detail":"the token is not accepted"}"#;

/// A server and an issuer that knows one key, `first`.
struct World {
    app: TestApp,
    admin: Caller,
    issuer: Issuer,
    key: Pair,
    /// How long the log was before the last exchange.
    logged: AtomicUsize,
}

impl World {
    async fn start() -> Self {
        log::listen();
        let app = TestApp::with_private_endpoints().await;
        let issuer = Issuer::start().await;
        let key = Pair::ed25519(1);
        issuer.publish(&[("first", &key)]);
        Self { admin: app.admin(), app, issuer, key, logged: AtomicUsize::new(0) }
    }

    fn audience(&self) -> String {
        format!("firmhold:{}", self.app.organization.0)
    }

    fn body(&self) -> Value {
        json!({
            "name": "ci", "issuer": self.issuer.url, "audience": self.audience(), "subjects": ["repo:acme/gateway:*"],
            "scope": "upload",
        })
    }

    async fn register(&self) -> Value {
        self.admin.post("/oidc_issuers", self.body()).await.ok(201)["oidc_issuer"].clone()
    }

    /// Claims that are right now.
    fn claims(&self) -> Value {
        let now = self.app.clock.now().as_secs();
        json!({
            "iss": self.issuer.url, "aud": self.audience(), "sub": SUBJECT, "iat": now, "exp": now + 300,
            "jti": uuid::Uuid::new_v4(),
        })
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    fn token(&self) -> String {
        self.key.token("first", &self.claims())
    }

    async fn exchange(&self, token: &str) -> Answer {
        self.exchange_as(json!({ "token": token })).await
    }

    async fn exchange_as(&self, body: Value) -> Answer {
        self.logged.store(logged().len(), Ordering::SeqCst);
        self.app.nobody().post("/oidc/exchange", body).await
    }

    /// The last exchange must have been refused, whatever is wrong with the token, in the one way; its cause is in the log.
    #[track_caller]
    fn refused(&self, answer: &Answer, why: &str) {
        assert_eq!(answer.refusal(), REFUSED, "{why}");
        let log = logged().split_off(self.logged.load(Ordering::SeqCst));
        assert!(log.contains(why), "{why} is not in the log:\n{log}");
    }

    fn with_key(&self, secret: &Value) -> Caller {
        Caller { key: Some(Secret::new(secret.as_str().unwrap())), ..self.app.nobody() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_becomes_a_key_for_a_while() {
    let world = World::start().await;
    let product = world.admin.post("/products", json!({ "name": "gateway" })).await.ok(201);
    let product = prn(&product["product"]);
    let mut body = world.body();
    body["product_prns"] = json!([product]);
    body["max_ttl_seconds"] = json!(600);
    let issuer = world.admin.post("/oidc_issuers", body).await.ok(201)["oidc_issuer"].clone();
    let token = world.token();
    let before = world.app.clock.now();
    let answer = world.exchange(&token).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.ok(200);
    assert_eq!((made.as_object().unwrap().len(), &made["scope"]), (3, &json!("upload")));
    let end = firmhold_core::Timestamp::parse(made["expires_at"].as_str().unwrap()).unwrap();
    assert!((600..602).contains(&end.since(before).as_secs()));

    let job = world.with_key(&made["secret"]);
    let own = job.get("/api_keys/self").await.ok(200)["api_key"].clone();
    assert_eq!(own["oidc_issuer_prn"], issuer["prn"]);
    assert_eq!((&own["product_prns"], &own["expires_at"]), (&json!([product]), &made["expires_at"]));
    job.post("/artifacts", json!({ "name": "fw", "product_prn": product })).await.ok(201);
    assert_eq!(job.post("/artifacts", json!({ "name": "other" })).await.status, 403);
    let path = format!("/api_keys/{}", prn(&own));
    let events = world.admin.get(&format!("/events?resource_prn={}", prn(&own))).await.ok(200);
    let event = &events["events"][0];
    assert_eq!((&event["type"], &event["subtype"]), (&json!("api_key"), &json!("created")));
    assert_eq!(event["data"]["oidc_issuer_prn"], issuer["prn"]);
    assert_eq!(
        (&event["data"]["issuer"], &event["data"]["subject"]),
        (&json!(world.issuer.url), &json!(SUBJECT))
    );
    let shown = world.admin.get(&format!("/oidc_issuers/{}", prn(&issuer))).await.ok(200);
    assert!(!shown["oidc_issuer"]["last_used_at"].is_null());
    assert_eq!(shown["oidc_issuer"]["revision"], 0);

    // At its end it is no key any longer, and in no list.
    world.admin.get(&path).await.ok(200);
    world.app.clock.advance(Duration::from_secs(601));
    assert_eq!(job.get("/api_keys/self").await.status, 401);
    assert_eq!(world.admin.get(&path).await.status, 404);
    let listed = world.admin.get("/api_keys").await.ok(200);
    assert_eq!(listed["api_keys"].as_array().unwrap().len(), 1);

    let secret = made["secret"].as_str().unwrap();
    let signature = token.rsplit('.').next().unwrap();
    for hidden in [token.as_str(), signature, secret] {
        assert!(!logged().contains(hidden));
        let events = world.admin.get("/events?limit=100").await.ok(200).to_string();
        assert!(!events.contains(hidden));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_algorithm_is() {
    let world = World::start().await;
    world.register().await;
    for (kid, pair) in [("r", Pair::rsa()), ("e", Pair::p256()), ("d", Pair::ed25519(9))] {
        world.issuer.publish(&[(kid, &pair), ("first", &world.key)]);
        world.app.clock.advance(Duration::from_secs(601));
        world.exchange(&pair.token(kid, &world.claims())).await.ok(200);
        // Without a name for its key, all that fit are tried.
        let unnamed = pair.token_with(&json!({ "alg": pair.alg() }), &world.claims());
        world.exchange(&unnamed).await.ok(200);
        // One bit more or less is another token.
        let token = pair.token(kid, &world.claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[7] ^= 1;
        let broken = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
        world.refused(&world.exchange(&broken).await, "the token is not signed by a key of its issuer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_claims_are_refused() {
    let world = World::start().await;
    world.register().await;
    let now = world.app.clock.now().as_secs();
    let other = uuid::Uuid::new_v4();
    for (claims, why) in [
        (world.with("aud", json!(format!("firmhold:{other}"))), "no registered issuer fits"),
        (world.with("aud", json!([])), "no registered issuer fits"),
        (world.with("aud", json!(format!("{}x", world.audience()))), "no registered issuer fits"),
        (world.with("sub", json!("repo:acme/gateway2:ref:refs/heads/main")), "no registered issuer fits"),
        (world.with("sub", json!("xrepo:acme/gateway:ref")), "no registered issuer fits"),
        (world.with("iss", json!(format!("{}/", world.issuer.url))), "no registered issuer fits"),
        (world.with("exp", json!(now - 60)), "the token ended at"),
        (world.with("exp", Value::Null), "the token's claims"),
        (world.with("exp", json!(now + 25 * 3600)), "more than a day ahead"),
        (world.with("exp", json!(1e300)), "more than a day ahead"),
        (world.with("nbf", json!(now + 90)), "the token begins at"),
        (world.with("sub", Value::Null), "the token's claims"),
    ] {
        world.refused(&world.exchange(&world.key.token("first", &claims)).await, why);
    }
    // None of these has made the server ask the issuer for anything.
    assert_eq!(world.issuer.asked(), 0);
    // A minute of skew is forgiven, and one audience of several is enough.
    for claims in [
        world.with("exp", json!(now - 40)),
        world.with("nbf", json!(now + 40)),
        world.with("aud", json!(["sts.amazonaws.com", world.audience()])),
    ] {
        world.exchange(&world.key.token("first", &claims)).await.ok(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once() {
    let world = World::start().await;
    world.register().await;
    let token = world.token();
    // Many at once: one of them wins.
    let all = futures::future::join_all((0..8).map(|_| world.exchange(&token))).await;
    let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 7));
    for answer in &lost {
        world.refused(answer, "the token was exchanged before");
    }
    // Also in a new server, and at another issuer record of the same issuer.
    let mut second = world.body();
    second["name"] = json!("second");
    world.admin.post("/oidc_issuers", second).await.ok(201);
    world.refused(&world.exchange(&token).await, "the token was exchanged before");
    // The Idempotency-Key is ignored: its answer would hold a secret.
    let token = world.token();
    let nobody = world.app.nobody();
    let ask = async || {
        let body = Some(json!({ "token": token }));
        nobody.send(Method::POST, "/oidc/exchange", body, &[("idempotency-key", "same")]).await
    };
    assert_eq!((ask().await.status, ask().await.status), (200, 401));
    // What has no name of its own can be used as long as it lives.
    let mut claims = world.claims();
    claims.as_object_mut().unwrap().remove("jti");
    let unnamed = world.key.token("first", &claims);
    world.exchange(&unnamed).await.ok(200);
    world.exchange(&unnamed).await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_way_of_signing_passes() {
    let world = World::start().await;
    world.register().await;
    let rsa = Pair::rsa();
    world.issuer.publish(&[("first", &world.key), ("rsa", &rsa)]);
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = world.claims();
    let unsigned =
        |alg: &str| format!("{}.{}.", encode(&json!({ "alg": alg, "kid": "first" })), encode(&claims));
    world.refused(&world.exchange(&unsigned("none")).await, "the token's header");
    world.refused(&world.exchange(&unsigned("EdDSA")).await, "not signed by a key of its issuer");
    // The public key as an HMAC's secret.
    let signed = format!("{}.{}", encode(&json!({ "alg": "HS256", "kid": "rsa" })), encode(&claims));
    let mac = {
        use hmac::{KeyInit as _, Mac as _};
        let mut mac =
            hmac::Hmac::<sha2::Sha256>::new_from_slice(rsa.jwk("rsa").to_string().as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    };
    world.refused(&world.exchange(&format!("{signed}.{mac}")).await, "the token's header");
    for header in [
        json!({ "alg": "RS256", "kid": "first" }),
        json!({ "alg": "EdDSA", "kid": "rsa" }),
        json!({ "alg": "ES256", "kid": "first" }),
    ] {
        // The algorithm of one key under the name of another.
        let token = world.key.token_with(&header, &world.claims());
        world.refused(&world.exchange(&token).await, "not signed by a key of its issuer");
    }
    let critical = json!({ "alg": "EdDSA", "kid": "first", "crit": ["exp"], "exp": 1 });
    let token = world.key.token_with(&critical, &world.claims());
    world.refused(&world.exchange(&token).await, "critical extensions");
    // Another key under the right name, and a key that came with the token.
    let own = Pair::ed25519(66);
    world.refused(
        &world.exchange(&own.token("first", &world.claims())).await,
        "not signed by a key of its issuer",
    );
    let brought =
        json!({ "alg": "EdDSA", "kid": "first", "jwk": own.jwk("first"), "jku": "http://127.0.0.1:1/keys" });
    let token = own.token_with(&brought, &world.claims());
    world.refused(&world.exchange(&token).await, "not signed by a key of its issuer");
    for garbage in ["", "x", "a.b.c", "....", &"x".repeat(20_000)] {
        assert_eq!(world.exchange(garbage).await.refusal(), REFUSED);
    }
    assert_eq!(world.exchange(&"x".repeat(70_000)).await.status, 413);
    world.exchange(&world.token()).await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated() {
    let world = World::start().await;
    world.register().await;
    world.exchange(&world.token()).await.ok(200);
    assert_eq!(world.issuer.asked(), 2);
    let next = Pair::p256();
    world.issuer.publish(&[("next", &next)]);
    // An unknown name makes the server look again, but not within a minute of the last look.
    let token = next.token("next", &world.claims());
    world.refused(&world.exchange(&token).await, "not signed by a key of its issuer");
    assert_eq!(world.issuer.asked(), 2);
    world.app.clock.advance(Duration::from_secs(61));
    world.exchange(&token).await.ok(200);
    assert_eq!(world.issuer.asked(), 4);
    for number in 0..5 {
        let token = world.key.token(&format!("stranger{number}"), &world.claims());
        assert_eq!(world.exchange(&token).await.status, 401);
    }
    assert_eq!(world.issuer.asked(), 4);
    // The old key went with the old set.
    world.refused(&world.exchange(&world.token()).await, "not signed by a key of its issuer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_key_ends_with_what_is_kept() {
    let world = World::start().await;
    world.register().await;
    world.exchange(&world.token()).await.ok(200);
    world.issuer.publish(&[]);
    world.app.clock.advance(Duration::from_secs(599));
    world.exchange(&world.token()).await.ok(200);
    world.app.clock.advance(Duration::from_secs(2));
    world.refused(&world.exchange(&world.token()).await, "not signed by a key of its issuer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_down_is_good_for_ten_minutes() {
    let mut world = World::start().await;
    world.register().await;
    world.exchange(&world.token()).await.ok(200);
    world.issuer.go_down().await;
    world.exchange(&world.token()).await.ok(200);
    world.app.clock.advance(Duration::from_secs(599));
    world.exchange(&world.token()).await.ok(200);
    world.app.clock.advance(Duration::from_secs(2));
    world.refused(&world.exchange(&world.token()).await, "the issuer cannot be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_answers_badly_is_not_believed() {
    let world = World::start().await;
    world.register().await;
    let elsewhere = Issuer::start().await;
    elsewhere.publish(&[("first", &world.key)]);
    let document = |issuer: &str, keys: &str| json!({ "issuer": issuer, "jwks_uri": keys });
    let keys = format!("{}/keys", world.issuer.url);
    for (mood, why) in [
        (Mood::Broken, "the issuer answered 500"),
        (
            Mood::Redirect(format!("{}/.well-known/openid-configuration", elsewhere.url)),
            "the issuer answered 302",
        ),
        (Mood::Huge, "the issuer's answer has more than"),
        (Mood::Discovery(document(&elsewhere.url, &keys)), "another issuer's"),
        (
            Mood::Discovery(document(&world.issuer.url, "file:///etc/passwd")),
            "an address of the issuer must be https",
        ),
        (Mood::Discovery(json!([])), "no issuer or jwks_uri"),
        (Mood::Silent, "the issuer cannot be reached"),
    ] {
        world.issuer.be(mood);
        world.refused(&world.exchange(&world.token()).await, why);
        // It is not asked again at once, whoever comes.
        let asked = (world.issuer.asked(), elsewhere.asked());
        world.refused(&world.exchange(&world.token()).await, why);
        assert_eq!((world.issuer.asked(), elsewhere.asked()), asked, "{why}");
        world.app.clock.advance(Duration::from_secs(11));
    }
    assert_eq!(elsewhere.asked(), 0);
    world.issuer.be(Mood::Well);
    world.exchange(&world.token()).await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_its_own_tokens_only() {
    let world = World::start().await;
    world.register().await;
    let other = world.app.other_organization().await;
    let own = other.get("/api_keys/self").await.ok(200)["api_key"]["organization_prn"].clone();
    let own = own.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    // It cannot name our audience, and its own issuer takes no token of ours, also when it is asked for.
    let refused = other.post("/oidc_issuers", world.body()).await;
    assert_eq!((refused.status, refused.body["errors"]["audience"].is_null()), (422, false));
    let mut body = world.body();
    body["audience"] = json!(own);
    body["subjects"] = json!(["repo:*"]);
    let theirs = other.post("/oidc_issuers", body).await.ok(201);
    let theirs = prn(&theirs["oidc_issuer"]);
    let ask =
        async |token: String| world.exchange_as(json!({ "token": token, "oidc_issuer_prn": theirs })).await;
    world.refused(&ask(world.token()).await, "no registered issuer fits");
    ask(world.key.token("first", &world.with("aud", json!(own)))).await.ok(200);
    assert_eq!(world.admin.get(&format!("/oidc_issuers/{theirs}")).await.status, 404);
    // The first record that fits is taken unless another one is named.
    world.app.tick();
    let mut body = world.body();
    body["scope"] = json!("read");
    let second = prn(&world.admin.post("/oidc_issuers", body).await.ok(201)["oidc_issuer"]);
    assert_eq!(world.exchange(&world.token()).await.ok(200)["scope"], "upload");
    let body = json!({ "token": world.token(), "oidc_issuer_prn": second, "ttl_seconds": 60 });
    assert_eq!(world.app.nobody().post("/oidc/exchange", body).await.ok(200)["scope"], "read");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_ends_with_its_keys() {
    let world = World::start().await;
    let issuer = world.register().await;
    let made = world.exchange(&world.token()).await.ok(200);
    let job = world.with_key(&made["secret"]);
    assert_eq!(job.get("/artifacts").await.status, 200);
    let path = format!("/oidc_issuers/{}", prn(&issuer));
    world.admin.delete(&path).await.ok(204);
    assert_eq!(job.get("/artifacts").await.status, 401);
    world.refused(&world.exchange(&world.token()).await, "no registered issuer fits");
    assert_eq!(world.admin.get(&path).await.status, 404);
    let events = world.admin.get("/events?type=api_key&subtype=deleted").await.ok(200);
    assert_eq!(events["events"][0]["data"]["oidc_issuer_prn"], issuer["prn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn issuers_are_made_and_changed_by_admins() {
    let world = World::start().await;
    let admin = &world.admin;
    let issuer = world.register().await;
    insta::assert_json_snapshot!(issuer, {
        ".prn" => "[prn]", ".organization_prn" => "[org]", ".inserted_at" => "[time]", ".updated_at" => "[time]",
        ".issuer" => "[url]", ".audience" => "[audience]",
    }, @r#"
    {
      "prn": "[prn]",
      "organization_prn": "[org]",
      "inserted_at": "[time]",
      "updated_at": "[time]",
      "revision": 0,
      "name": "ci",
      "issuer": "[url]",
      "audience": "[audience]",
      "subjects": [
        "repo:acme/gateway:*"
      ],
      "scope": "upload",
      "product_prns": [],
      "max_ttl_seconds": 900,
      "last_used_at": null
    }
    "#);
    let wrong = json!({
        "name": "", "issuer": "https://example.com/?x", "audience": "firmhold", "subjects": ["**"], "scope": "admin",
        "max_ttl_seconds": 30, "product_prns": ["x"], "subject": "repo:acme/*",
    });
    let answer = admin.post("/oidc_issuers", wrong).await;
    let fields: Vec<&String> = answer.body["errors"].as_object().unwrap().keys().collect();
    assert_eq!(answer.status, 422);
    assert_eq!(
        fields,
        ["audience", "issuer", "max_ttl_seconds", "name", "product_prns", "scope", "subject", "subjects"]
    );
    let path = format!("/oidc_issuers/{}", prn(&issuer));
    let changed =
        admin.patch(&path, json!({ "subjects": ["repo:acme/*"], "max_ttl_seconds": 60 })).await.ok(200);
    assert_eq!(changed["oidc_issuer"]["revision"], 1);
    insta::assert_snapshot!(
        admin.patch(&path, json!({ "issuer": "https://example.com", "scope": null })).await.refusal(),
        @r#"422 invalid_fields {"issuer":["cannot be changed"],"scope":["must not be null"]}"#
    );
    let product = prn(&admin.post("/products", json!({ "name": "gateway" })).await.ok(201)["product"]);
    admin.patch(&path, json!({ "product_prns": [product] })).await.ok(200);
    insta::assert_snapshot!(admin.patch(&path, json!({ "scope": "read" })).await.refusal(), @r#"422 invalid_fields {"product_prns":["a key with scope read cannot be limited to products"]}"#);
    let long = json!({ "token": world.token(), "ttl_seconds": 61 });
    insta::assert_snapshot!(world.app.nobody().post("/oidc/exchange", long).await.refusal(), @r#"422 invalid_fields {"ttl_seconds":["must be at most 60"]}"#);
    insta::assert_snapshot!(world.app.nobody().post("/oidc/exchange", json!({ "ttl_seconds": 0 })).await.refusal(), @r#"422 invalid_fields {"token":["is missing"],"ttl_seconds":["must be a whole number from 1 to 3600"]}"#);
    for scope in [firmhold_core::Scope::Read, firmhold_core::Scope::Upload, firmhold_core::Scope::Release] {
        let caller = world.app.caller(scope).await;
        for answer in [
            caller.get("/oidc_issuers").await,
            caller.get(&path).await,
            caller.post("/oidc_issuers", world.body()).await,
            caller.patch(&path, json!({})).await,
            caller.delete(&path).await,
        ] {
            assert_eq!(answer.status, 403);
        }
    }
    assert_eq!(
        admin.get("/oidc_issuers?search=name-%27CI%27").await.ok(200)["oidc_issuers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn private_issuers_are_refused_unless_allowed() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    for issuer in [
        "http://token.example.com",
        "https://127.0.0.1",
        "https://localhost:8443",
        "https://10.0.0.7/ci",
        "https://gitlab",
        "https://169.254.169.254",
        "https://[::1]",
    ] {
        let body = json!({
            "name": "ci", "issuer": issuer, "audience": app.organization.0, "subjects": ["a"], "scope": "upload",
        });
        let answer = admin.post("/oidc_issuers", body).await;
        let fields: Vec<&str> =
            answer.body["errors"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((answer.status, fields), (422, vec!["issuer"]), "{issuer}");
    }
}

/// An issuer's documents may lead anywhere, and settings may have been others when it was registered: each address is
/// looked at when it is called.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_not_asked_for() {
    let world = World::start().await;
    world.register().await;
    let inside = Issuer::start().await;
    let document = json!({ "issuer": world.issuer.url, "jwks_uri": format!("{}/keys", inside.url) });
    world.issuer.be(Mood::Discovery(document));
    // Where private addresses may be called it is asked, and has no key that fits.
    world.refused(&world.exchange(&world.token()).await, "not signed by a key of its issuer");
    assert_eq!(inside.asked(), 1);
    let before = world.issuer.asked();
    let fetcher = firmhold_server::oidc::Fetcher::new(None, false).unwrap();
    let refused = fetcher.jwks(&world.issuer.url).await.err().unwrap().to_string();
    assert!(refused.contains("an address of the issuer"), "{refused}");
    assert_eq!((world.issuer.asked(), inside.asked()), (before, 1));
}

/// An issuer that does not answer has some wait, refuses the others at once, and is nothing to other issuers' tokens.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_silent_holds_up_nobody_else() {
    let world = World::start().await;
    world.register().await;
    let silent = Issuer::start().await;
    silent.be(Mood::Silent);
    let mut body = world.body();
    body["issuer"] = json!(silent.url);
    world.admin.post("/oidc_issuers", body).await.ok(201);
    let world = &world;
    let waiting = futures::future::join_all((0..20).map(|_| {
        let token = world.key.token("first", &world.with("iss", json!(silent.url)));
        async move { world.exchange(&token).await.status }
    }));
    let other = async {
        let token = world.token();
        world.exchange(&token).await.ok(200);
    };
    let (statuses, ()) = futures::join!(waiting, other);
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert!(count(429) >= 1 && count(401) >= 1, "{statuses:?}");
    assert_eq!(count(429) + count(401), 20, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn issuers_and_their_keys_are_limited() {
    let world = World::start().await;
    let issuer = prn(&world.register().await);
    let made = world.exchange(&world.token()).await.ok(200);
    let id = issuer.rsplit(':').next().unwrap();
    // As many as there may be, as copies of the one that there is.
    let numbers =
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4999)";
    let keys = format!(
        "INSERT INTO api_keys (id, organization_id, name, name_folded, scope, secret_sha256, hint, expires_at,
                               inserted_at, updated_at, product_ids, oidc_issuer_id)
         {numbers} SELECT 'copy ' || n, organization_id, name, name_folded, scope, 'copy ' || n, hint, expires_at,
                          inserted_at, updated_at, product_ids, oidc_issuer_id
         FROM api_keys, numbers WHERE oidc_issuer_id = '{id}'"
    );
    let mut tx = world.app.state().db.begin().await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(keys)).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let refused = world.exchange(&world.token()).await;
    insta::assert_snapshot!(refused.refusal(), @r#"429 rate_limited {"detail":"the issuer has 5000 keys that live: wait until some of them end"}"#);
    assert_eq!(world.with_key(&made["secret"]).get("/artifacts").await.status, 200);
    world.app.clock.advance(Duration::from_secs(901));
    world.exchange(&world.token()).await.ok(200);

    for number in 1..64 {
        let mut body = world.body();
        body["name"] = json!(format!("ci {number}"));
        world.admin.post("/oidc_issuers", body).await.ok(201);
    }
    insta::assert_snapshot!(world.admin.post("/oidc_issuers", world.body()).await.refusal(), @r#"409 state_forbids {"detail":"the organization has 64 issuers, the most"}"#);
}
