//! Backends (API contract 12).

use std::time::Duration;

use firmhold_core::canonical::to_canonical_json;
use firmhold_core::{PublicKey, Scope, Signature, Verification};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::account::{BUCKET, REGION, ROLE_ARN};
use crate::support::caller::Caller;

fn body() -> Value {
    json!({ "name": "prod", "bucket": BUCKET, "region": REGION, "prefix": "fw" })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn path_of(backend: &Value) -> String {
    format!("/backends/{}", backend["prn"].as_str().unwrap())
}

/// Registered before the role exists, as the set-up does it, so that its trust policy can be applied.
async fn registered(app: &TestApp) -> Value {
    app.account.make_bucket().await;
    let body = with(body(), "role_arn", json!(ROLE_ARN));
    app.admin().post("/backends", body).await.ok(201)["backend"].clone()
}

async fn verified(app: &TestApp) -> Value {
    let backend = registered(app).await;
    app.account.make_role(&backend["trust_policy"], &backend["permission_policy"]).await;
    let run = app.admin().post(&format!("{}/verify", path_of(&backend)), Value::Null).await.ok(200);
    assert_eq!(run["verification"]["status"], "pass", "{run:#}");
    app.admin().get(&path_of(&backend)).await.ok(200)["backend"].clone()
}

async fn state(admin: &Caller, backend: &Value) -> String {
    let backend = &admin.get(&path_of(backend)).await.ok(200)["backend"];
    backend["state"].as_str().unwrap().to_owned()
}

async fn verify(admin: &Caller, backend: &Value) -> Value {
    admin.post(&format!("{}/verify", path_of(backend)), Value::Null).await.ok(200)["verification"].clone()
}

fn failed(verification: &Value) -> Vec<String> {
    let checks = verification["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["status"] == "fail")
        .map(|check| check["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The same policy without its condition: whoever knows the role's ARN gets in through the platform.
fn opened(trust: &Value) -> Value {
    let mut open = trust.clone();
    let condition = open["Statement"][0]["Condition"].as_object_mut().unwrap();
    condition.remove("StringEquals");
    open
}

#[tokio::test(flavor = "multi_thread")]
async fn from_registration_to_active() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let backend = registered(&app).await;
    insta::assert_json_snapshot!(backend, {
        ".prn" => "[prn]", ".organization_prn" => "[org]", ".inserted_at" => "[time]", ".updated_at" => "[time]",
        ".external_id" => "[id]", ".trust_policy.Statement[0].Condition.StringEquals" => "[id]",
        ".permission_policy" => "[policy]", ".bucket_policy" => "[policy]",
    }, @r#"
    {
      "prn": "[prn]",
      "organization_prn": "[org]",
      "inserted_at": "[time]",
      "updated_at": "[time]",
      "revision": 0,
      "name": "prod",
      "kind": "s3",
      "bucket": "acme-firmware",
      "region": "us-west-2",
      "partition": "aws",
      "endpoint_url": null,
      "path_style": false,
      "use_fips": false,
      "use_dualstack": false,
      "prefix": "fw/",
      "import_prefix": null,
      "role_arn": "arn:aws:iam::111122223333:role/FirmholdBackend",
      "credentials_ref": null,
      "external_id_mode": "random",
      "external_id": "[id]",
      "external_id_next": null,
      "principal_mode": "shared",
      "principal": "arn:aws:iam::999999999999:role/firmhold-platform",
      "trust_policy": {
        "Version": "2012-10-17",
        "Id": "FirmholdTrustV1",
        "Statement": [
          {
            "Sid": "FirmholdAssume",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {
              "AWS": "arn:aws:iam::999999999999:root"
            },
            "Condition": {
              "StringEquals": "[id]",
              "ArnEquals": {
                "aws:PrincipalArn": "arn:aws:iam::999999999999:role/firmhold-platform"
              }
            }
          }
        ]
      },
      "permission_policy": "[policy]",
      "bucket_policy": "[policy]",
      "encryption": {
        "mode": "sse-s3"
      },
      "replicas": [],
      "cdn": null,
      "delivery": {
        "mode": "redirect",
        "link_ttl_seconds": 86400
      },
      "requested": null,
      "allow_delete": false,
      "default": false,
      "state": "pending_trust",
      "state_reason": null,
      "bucket_owner": "111122223333",
      "upload_mode": "direct",
      "capabilities": {
        "checksum_headers": null,
        "checksums_enforced": null,
        "checksums_listed": null,
        "trailing_checksums": null,
        "conditional_writes": null,
        "virtual_hosts": null,
        "tags": null,
        "versions": null,
        "list_versions": null,
        "list_uploads": null,
        "restore": null
      },
      "presign_ceiling_seconds": null,
      "binary_count": 0,
      "stored_bytes": 0,
      "last_verification": null
    }
    "#);
    app.account.make_role(&backend["trust_policy"], &backend["permission_policy"]).await;
    let run = verify(&admin, &backend).await;
    assert_eq!(failed(&run), Vec::<String>::new(), "{run:#}");
    let after = admin.get(&path_of(&backend)).await;
    assert_eq!(after.headers["etag"], format!("\"{}\"", after.body["backend"]["revision"]).as_str());
    let after = &after.body["backend"];
    assert_eq!(
        (&after["state"], &after["default"], &after["state_reason"]),
        (&json!("active"), &json!(true), &Value::Null)
    );
    assert_eq!(after["last_verification"]["prn"], run["prn"]);
    assert!(after["presign_ceiling_seconds"].as_u64().unwrap() >= 900);

    let list = admin.get(&format!("{}/verifications", path_of(&backend))).await.ok(200);
    assert_eq!(list["verifications"], json!([run]));
    let found = admin.get("/backends?search=state%3A%27active%27%20and%20default%3Atrue").await.ok(200);
    assert_eq!(found["backends"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_signed_by_the_report_key() {
    let app = TestApp::without_backend().await;
    let backend = registered(&app).await;
    let run = verify(&app.admin(), &backend).await;
    let mut verification: Verification = serde_json::from_value(run).unwrap();
    let signature = verification.signature.take().unwrap();
    let answer = app.nobody().get("/report_key").await.ok(200);
    let key = PublicKey::parse(answer["report_key"]["public_value"].as_str().unwrap()).unwrap();
    assert_eq!(signature.keyid, key.keyid());
    let message = to_canonical_json(&verification).unwrap();
    assert!(key.verify_message(&message, &signature.value));
    let other: Signature = "00".repeat(64).parse().unwrap();
    assert!(!key.verify_message(&message, &other));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_role_is_never_stored() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    app.account.make_bucket().await;
    let first =
        admin.post("/backends", with(body(), "name", json!("first"))).await.ok(201)["backend"].clone();
    let second = json!({ "name": "second", "bucket": BUCKET, "region": REGION, "prefix": "second", "role_arn": ROLE_ARN });
    app.account.make_role(&opened(&first["trust_policy"]), &first["permission_policy"]).await;

    let refused = admin.post("/backends", second.clone()).await;
    insta::assert_snapshot!(refused.refusal(), @r#"422 role_open {"role_arn":["arn:aws:iam::111122223333:role/FirmholdBackend can be assumed without an external id, so anybody could use it through this platform"]}"#);
    let trust = refused.body["trust_policy"].clone();
    assert_eq!(refused.body["check"]["id"], "V3");
    let patched = admin.patch(&path_of(&first), json!({ "role_arn": ROLE_ARN })).await;
    assert_eq!((patched.status, &patched.body["problem"]["code"]), (422, &json!("role_open")));
    assert_eq!(patched.body["trust_policy"], first["trust_policy"]);
    let now = admin.get(&path_of(&first)).await.ok(200);
    assert_eq!((&now["backend"]["role_arn"], &now["backend"]["revision"]), (&Value::Null, &json!(0)));

    // Whoever applies the policy of the answer and tries again is let in with that very id.
    app.account.set_trust(&trust).await;
    let created = admin.post("/backends", second).await.ok(201)["backend"].clone();
    assert_eq!(created["trust_policy"], trust);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_must_not_become_an_outage() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let backend = verified(&app).await;
    app.account.set_trust(&opened(&backend["trust_policy"])).await;
    assert_eq!(failed(&verify(&admin, &backend).await), ["V3", "V4"]);
    assert_eq!(state(&admin, &backend).await, "restricted");
    app.account.set_trust(&backend["trust_policy"]).await;
    verify(&admin, &backend).await;
    assert_eq!(state(&admin, &backend).await, "active");

    let events = admin.get("/events?type=backend&subtype=state_changed&order=asc").await.ok(200);
    let moves: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|event| event["data"]["state"].clone()).collect();
    assert_eq!(
        moves,
        [
            json!({"old": "pending_trust", "new": "verifying"}),
            json!({"old": "verifying", "new": "active"}),
            json!({"old": "active", "new": "restricted"}),
            json!({"old": "restricted", "new": "active"}),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_permission_less_means() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let backend = verified(&app).await;
    let nothing = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*" },
    ] });
    app.account.set_permissions(&nothing).await;
    verify(&admin, &backend).await;
    let now = admin.get(&path_of(&backend)).await.ok(200)["backend"].clone();
    assert_eq!(now["state"], "degraded");
    assert!(now["state_reason"].as_str().unwrap().starts_with('V'), "{now}");

    let suspended = admin.patch(&path_of(&backend), json!({ "state": "suspended" })).await.ok(200);
    assert_eq!(suspended["backend"]["state"], "suspended");
    verify(&admin, &backend).await;
    assert_eq!(state(&admin, &backend).await, "suspended");
    app.account.set_permissions(&backend["permission_policy"]).await;
    verify(&admin, &backend).await;
    assert_eq!(state(&admin, &backend).await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn external_ids_rotate_by_overlap() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let backend = verified(&app).await;
    let path = path_of(&backend);
    let old = backend["external_id"].clone();
    let open =
        admin.post(&format!("{path}/external_id/rotate"), Value::Null).await.ok(200)["backend"].clone();
    let new = open["external_id_next"].clone();
    assert_eq!(
        open["trust_policy"]["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"],
        json!([old, new])
    );
    insta::assert_snapshot!(admin.post(&format!("{path}/external_id/rotate"), Value::Null).await.refusal(), @r#"409 state_forbids {"detail":"a rotation is open: retire one of the two ids first"}"#);
    let retire = format!("{path}/external_id/retire");
    insta::assert_snapshot!(admin.post(&retire, json!({ "external_id": old })).await.refusal(), @r#"409 state_forbids {"detail":"the role did not accept the id that would remain in the latest verification"}"#);
    insta::assert_snapshot!(admin.post(&retire, json!({ "external_id": "fh-other" })).await.refusal(), @r#"422 invalid_fields {"external_id":["is not an external id of this backend"]}"#);
    insta::assert_snapshot!(admin.post(&retire, json!({ "id": 1 })).await.refusal(), @r#"422 invalid_fields {"external_id":["is missing"],"id":["is not a field"]}"#);

    app.account.set_trust(&open["trust_policy"]).await;
    assert_eq!(verify(&admin, &backend).await["status"], "pass");
    let ended = admin.post(&retire, json!({ "external_id": old })).await.ok(200)["backend"].clone();
    assert_eq!((&ended["external_id"], &ended["external_id_next"]), (&new, &Value::Null));
    let again = admin.post(&retire, json!({ "external_id": old })).await.ok(200);
    assert_eq!(again["backend"]["revision"], ended["revision"]);
    insta::assert_snapshot!(admin.post(&retire, json!({ "external_id": new })).await.refusal(), @r#"409 state_forbids {"detail":"this is the backend's only external id"}"#);
    app.account.set_trust(&ended["trust_policy"]).await;
    assert_eq!(verify(&admin, &backend).await["status"], "pass");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_live_backend_is_tested_first() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let backend = verified(&app).await;
    let path = path_of(&backend);
    let refused = admin.patch(&path, json!({ "bucket": "no-such-bucket-here" })).await;
    assert_eq!(
        (refused.status, &refused.body["problem"]["code"]),
        (422, &json!("invalid_fields")),
        "{}",
        refused.body
    );
    assert!(refused.body["errors"]["bucket"][0].as_str().unwrap().starts_with('V'), "{}", refused.body);
    let now = admin.get(&path).await.ok(200)["backend"].clone();
    assert_eq!(
        (&now["bucket"], &now["state"], &now["revision"]),
        (&json!(BUCKET), &json!("active"), &backend["revision"])
    );

    let proxied =
        admin.patch(&path, json!({ "delivery": { "mode": "proxy" }, "allow_delete": false })).await.ok(200);
    assert_eq!(proxied["backend"]["delivery"], json!({ "mode": "proxy", "link_ttl_seconds": 86400 }));
    let same = admin.patch(&path, json!({ "delivery": { "mode": "proxy" } })).await.ok(200);
    assert_eq!(same["backend"]["revision"], proxied["backend"]["revision"]);
    insta::assert_snapshot!(
        admin.patch(&path, json!({ "name": "other", "default": false, "state": "verifying", "region": null })).await.refusal(),
        @r#"422 invalid_fields {"default":["cannot be taken away: make another backend the default"],"name":["cannot be changed"],"region":["must not be null"],"state":["can be set to suspended only"]}"#
    );
    insta::assert_snapshot!(
        admin.patch(&path, json!({ "external_id": "mine", "credentials_ref": "x", "allow_delte": true })).await.refusal(),
        @r#"422 invalid_fields {"allow_delte":["is not a field"],"credentials_ref":["names no key pair of this organization (`firmhold secret put` on the server's host)"],"external_id":["is made by the server and cannot be sent"]}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_bucket_do_not_overlap() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    admin.post("/backends", body()).await.ok(201);
    insta::assert_snapshot!(admin.post("/backends", with(body(), "prefix", json!("other"))).await.refusal(), @r#"409 duplicate {"detail":"there is a backend named prod already"}"#);
    let inside = json!({ "name": "two", "bucket": BUCKET, "region": REGION, "prefix": "fw/eu" });
    insta::assert_snapshot!(admin.post("/backends", inside.clone()).await.refusal(), @r#"409 duplicate {"detail":"prefix fw/eu/ overlaps fw/ of backend prod in the same bucket"}"#);
    insta::assert_snapshot!(admin.post("/backends/validate", inside).await.refusal(), @r#"409 duplicate {"detail":"prefix fw/eu/ overlaps fw/ of backend prod in the same bucket"}"#);
    let reaching =
        json!({ "name": "two", "bucket": BUCKET, "region": REGION, "prefix": "eu", "import_prefix": "fw/x" });
    insta::assert_snapshot!(admin.post("/backends", reaching).await.refusal(), @r#"422 invalid_fields {"import_prefix":["reaches into the prefix of backend prod"]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_proved_a_bucket_first_keeps_it() {
    let app = TestApp::without_backend().await;
    let first = verified(&app).await;
    let stranger = app.other_organization().await;
    let squat = with(body(), "role_arn", json!(ROLE_ARN));
    let second = stranger.post("/backends", squat).await.ok(201)["backend"].clone();
    // The owner would have to trust both, and even then the part of the bucket is the first one's.
    let ids = json!([first["external_id"], second["external_id"]]);
    let mut both = first["trust_policy"].clone();
    both["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] = ids;
    app.account.set_trust(&both).await;
    assert_eq!(verify(&stranger, &second).await["status"], "pass");
    let now = stranger.get(&path_of(&second)).await.ok(200)["backend"].clone();
    insta::assert_snapshot!(format!("{} {}", now["state"], now["state_reason"]), @r#""pending_trust" "another backend has proved this part of the bucket to be its own""#);
    assert_eq!(state(&app.admin(), &first).await, "active");
    assert_eq!(stranger.get(&path_of(&first)).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_stores_nothing() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let answer = admin.post("/backends/validate", with(body(), "role_arn", json!(ROLE_ARN))).await.ok(200);
    assert_eq!((&answer["valid"], &answer["trust_policy"]), (&json!(false), &Value::Null));
    let statuses: Vec<String> = answer["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| format!("{} {}", check["id"], check["status"]).replace('"', ""))
        .collect();
    insta::assert_snapshot!(statuses.join(", "), @"V1 pass, V2 skipped, V3 skipped, V4 skipped, V5 skipped, V6 skipped, V7 skipped, V8 skipped, V9 skipped, V10 skipped, V11 skipped, V12 skipped, V13 skipped");
    assert_eq!(admin.get("/backends").await.ok(200)["backends"], json!([]));

    let backend = verified(&app).await;
    let mut again = with(body(), "backend_prn", backend["prn"].clone());
    again["role_arn"] = json!(ROLE_ARN);
    let answer = admin.post("/backends/validate", again).await.ok(200);
    assert_eq!(
        (&answer["valid"], &answer["trust_policy"]),
        (&json!(true), &backend["trust_policy"]),
        "{answer:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_moves_in_one_step_and_goes_last() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let one = admin.post("/backends", with(body(), "default", json!(true))).await.ok(201)["backend"].clone();
    let two = json!({ "name": "two", "bucket": "other-bucket", "region": "eu-central-1", "default": true });
    let two = admin.post("/backends", two).await.ok(201)["backend"].clone();
    assert_eq!(admin.get(&path_of(&one)).await.ok(200)["backend"]["default"], false);
    insta::assert_snapshot!(admin.delete(&path_of(&two)).await.refusal(), @r#"409 in_use {"detail":"this is the default backend"}"#);
    admin.delete(&path_of(&one)).await.ok(204);
    assert_eq!(admin.delete(&path_of(&one)).await.status, 404);
    admin.delete(&path_of(&two)).await.ok(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_at_a_time_and_none_left_behind() {
    let mut app = TestApp::without_backend().await;
    let backend = registered(&app).await;
    {
        let mut tx = app.state().db.begin().await.unwrap();
        let id = backend["prn"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        let mut row =
            firmhold_server::backends::BackendRow::find(&mut tx, app.organization.0, id).await.unwrap();
        row.state = firmhold_core::BackendState::Verifying;
        row.run = Some(firmhold_server::backends::RunLease {
            id,
            from: firmhold_core::BackendState::PendingTrust,
            until: app.clock.now().plus(Duration::from_secs(100)),
        });
        row.write(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    let admin = app.admin();
    insta::assert_snapshot!(admin.post(&format!("{}/verify", path_of(&backend)), Value::Null).await.refusal(), @r#"409 verification_running {"detail":"a verification of this backend is running"}"#);
    insta::assert_snapshot!(admin.patch(&path_of(&backend), json!({ "allow_delete": true })).await.refusal(), @r#"409 verification_running {"detail":"a verification of this backend is running"}"#);
    app.restart().await;
    assert_eq!(state(&app.admin(), &backend).await, "pending_trust");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_caller() {
    let app = TestApp::without_backend().await;
    let backend = app.admin().post("/backends", body()).await.ok(201)["backend"].clone();
    let path = path_of(&backend);
    let stranger = app.other_organization().await;
    let routes = [
        ("GET", "/backends".to_owned()),
        ("POST", "/backends".to_owned()),
        ("POST", "/backends/validate".to_owned()),
        ("GET", path.clone()),
        ("PATCH", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/verify")),
        ("GET", format!("{path}/verifications")),
        ("POST", format!("{path}/external_id/rotate")),
        ("POST", format!("{path}/external_id/retire")),
        ("GET", "/api_keys".to_owned()),
        ("POST", "/api_keys".to_owned()),
        ("GET", "/events".to_owned()),
    ];
    for (method, route) in &routes {
        let method: reqwest::Method = method.parse().unwrap();
        let ask = async |caller: &Caller| caller.send(method.clone(), route, Some(json!({})), &[]).await;
        let unknown = Caller { key: Some(firmhold_core::Secret::new("fhk_unknown")), ..app.admin() };
        for caller in [app.nobody(), unknown] {
            let answer = ask(&caller).await;
            assert_eq!(answer.status, 401, "{method} {route}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        for scope in [Scope::Read, Scope::Upload, Scope::Release] {
            let answer = ask(&app.caller(scope).await).await;
            assert_eq!(answer.status, 403, "{method} {route} {scope}");
        }
        if route.starts_with(&path) {
            assert_eq!(ask(&stranger).await.status, 404, "{method} {route}");
        }
    }
}

/// Every way to the bucket, so that sessions are narrowed by the platform alone.
fn everything() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_backend_keeps_its_role() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let backend = verified(&app).await;
    let refused = admin.patch(&path_of(&backend), json!({ "role_arn": null })).await;
    assert_eq!((refused.status, &refused.body["problem"]["code"]), (422, &json!("invalid_fields")));
    assert!(
        refused.body["errors"]["role_arn"][0].as_str().unwrap().contains("needs role_arn"),
        "{refused:?}"
    );
    let now = admin.get(&path_of(&backend)).await.ok(200)["backend"].clone();
    assert_eq!((&now["role_arn"], &now["state"]), (&json!(ROLE_ARN), &json!("active")));
    admin.patch(&path_of(&backend), json!({ "state": "suspended" })).await.ok(200);
    admin.patch(&path_of(&backend), json!({ "role_arn": null })).await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_verification_lifts_a_restriction() {
    let app = TestApp::without_backend().await;
    let admin = app.admin();
    let backend = verified(&app).await;
    app.account.set_trust(&opened(&backend["trust_policy"])).await;
    verify(&admin, &backend).await;
    assert_eq!(state(&admin, &backend).await, "restricted");
    app.account.set_trust(&backend["trust_policy"]).await;
    app.account.set_permissions(&everything()).await;
    let changed =
        admin.patch(&path_of(&backend), json!({ "prefix": "moved" })).await.ok(200)["backend"].clone();
    insta::assert_snapshot!(
        format!("{} {} {}", changed["prefix"], changed["state"], changed["state_reason"]),
        @r#""moved/" "restricted" "the change passed its checks; a verification has to lift the restriction""#
    );
    verify(&admin, &backend).await;
    assert_eq!(state(&admin, &backend).await, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_backend_does_not_move_into_anothers_part() {
    let app = TestApp::without_backend().await;
    let first = verified(&app).await;
    let stranger = app.other_organization().await;
    let beside = with(with(body(), "role_arn", json!(ROLE_ARN)), "prefix", json!("beside"));
    let second = stranger.post("/backends", beside).await.ok(201)["backend"].clone();
    let mut both = first["trust_policy"].clone();
    both["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] =
        json!([first["external_id"], second["external_id"]]);
    app.account.set_trust(&both).await;
    app.account.set_permissions(&everything()).await;
    verify(&stranger, &second).await;
    assert_eq!(state(&stranger, &second).await, "active");
    insta::assert_snapshot!(
        stranger.patch(&path_of(&second), json!({ "prefix": "fw/inside" })).await.refusal(),
        @r#"409 duplicate {"detail":"another backend has proved this part of the bucket to be its own"}"#
    );
    // The test of the change has left no run behind.
    assert_eq!(verify(&stranger, &second).await["status"], "pass");
}
