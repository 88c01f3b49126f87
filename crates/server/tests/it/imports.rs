//! Imports (API contract 4.7).

use std::time::Duration;

use firmhold_core::{BackendState, Digest, Scope};
use firmhold_sandbox::{Fault, FaultAction};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::caller::Caller;
use crate::support::push::{PART, binary, firmware, link, prn, prove, version};

const MAPPING: &str = "{artifact}/{version}/{target}.bin";

/// With `legacy/` to import from.
async fn world() -> TestApp {
    let app = TestApp::start().await;
    app.allow_import("legacy/").await;
    app
}

async fn backend(app: &TestApp) -> String {
    let listed = app.admin().get("/backends").await.ok(200);
    listed["backends"][0]["prn"].as_str().unwrap().to_owned()
}

async fn artifact(caller: &Caller, name: &str) -> String {
    let made = caller.post("/artifacts", json!({ "name": name })).await.ok(201);
    made["artifact"]["prn"].as_str().unwrap().to_owned()
}

async fn start(app: &TestApp, more: Value) -> String {
    let mut body = json!({ "backend_prn": backend(app).await, "source_prefix": "legacy/" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = app.admin().post("/imports", body).await.ok(201);
    assert_eq!(made["import"]["state"], "running");
    made["import"]["prn"].as_str().unwrap().to_owned()
}

async fn wait(app: &TestApp, import: &str) -> Value {
    for _ in 0..600 {
        let found = app.admin().get(&format!("/imports/{import}")).await.ok(200)["import"].clone();
        if found["state"] != "running" {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the import does not end: {}", entries(app, import).await.join("\n"));
}

/// Key, state and reason of each entry, in order; ids in reasons left out.
async fn entries(app: &TestApp, import: &str) -> Vec<String> {
    let listed = app.admin().get(&format!("/imports/{import}/entries?limit=100")).await.ok(200);
    let lines = listed["entries"].as_array().unwrap().iter().map(|entry| {
        let reason = entry["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        let reason = reason.split(" prn:").next().unwrap().to_owned();
        format!("{} {}{reason}", entry["key"].as_str().unwrap(), entry["state"].as_str().unwrap())
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_adopts_what_it_fits_and_names_the_rest() {
    let app = world().await;
    let admin = app.admin();
    artifact(&admin, "gateway").await;
    let large = firmware(2 * PART + 77);
    app.account.put("legacy/gateway/1.0.0/imx8.bin", b"one").await;
    app.account.put("legacy/gateway/1.0.0/imx9.bin", b"one").await;
    app.account.put("legacy/gateway/1.1.0/imx8.bin", &large).await;
    app.account.put("legacy/gateway/1.2.0/empty.bin", b"").await;
    app.account.put("legacy/sensor/1.0.0/esp32.bin", b"two").await;
    app.account.put("legacy/README.txt", b"read me").await;
    app.account.put("legacy/gateway/", b"").await;
    app.account.put("legacy-not/gateway/1.0.0/imx8.bin", b"not ours").await;

    let import = start(&app, json!({ "mapping": MAPPING })).await;
    let done = wait(&app, &import).await;
    insta::assert_json_snapshot!(done["counts"], @r#"
    {
      "pending": 0,
      "copying": 0,
      "hashing": 0,
      "done": 3,
      "skipped": 0,
      "unmapped": 2,
      "failed": 1,
      "cancelled": 0,
      "bytes": 10485843
    }
    "#);
    insta::assert_snapshot!(entries(&app, &import).await.join("\n"), @r#"
    legacy/README.txt unmapped: does not fit the mapping
    legacy/gateway/1.0.0/imx8.bin done
    legacy/gateway/1.0.0/imx9.bin done
    legacy/gateway/1.1.0/imx8.bin done
    legacy/gateway/1.2.0/empty.bin failed: is empty: a binary has at least one byte
    legacy/sensor/1.0.0/esp32.bin unmapped: no artifact is called "sensor"
    "#);
    assert!(done["finished_at"].is_string());

    // Two keys had the same bytes: copied once. The large one came in parts.
    let copied = app.account.content_versions("fw/").await;
    assert_eq!(copied.len(), 2, "{copied:?}");
    let log = app.sandbox.request_log().entries();
    let count = |operation: &str| log.iter().filter(|entry| entry.operation == operation).count();
    assert_eq!((count("CopyObject"), count("UploadPartCopy")), (1, 3));

    let page = admin.get(&format!("/imports/{import}/entries?state=done&limit=2")).await.ok(200);
    assert_eq!(page["entries"].as_array().unwrap().len(), 2);
    let next = page["next_page"].as_str().unwrap();
    let page = admin.get(&format!("/imports/{import}/entries?state=done&limit=2&page={next}")).await.ok(200);
    let last = &page["entries"][0];
    assert_eq!((&last["hash"], &last["version"]), (&json!(Digest::of(&large)), &json!("1.1.0")));
    let binary = last["binary_prn"].as_str().unwrap();
    assert_eq!(admin.get(&format!("/binaries/{binary}")).await.ok(200)["binary"]["state"], "signable");
    app.admin()
        .patch(&format!("/backends/{}", backend(&app).await), json!({"delivery": {"mode": "proxy"}}))
        .await
        .ok(200);
    let bytes = app.http().get(link(&admin, binary).await).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, large);
    let created = admin.get(&format!("/events?resource_prn={import}")).await.ok(200);
    let subtypes: Vec<_> =
        created["events"].as_array().unwrap().iter().map(|event| &event["subtype"]).collect();
    assert_eq!(subtypes, ["state_changed", "created"]);

    // Once more: all is there, and nothing is copied.
    let again = start(&app, json!({ "mapping": MAPPING })).await;
    assert_eq!(wait(&app, &again).await["counts"]["skipped"], 3);
    assert_eq!(app.account.content_versions("fw/").await, copied);
    let listed = admin.get("/imports?search=state:'done'&limit=1").await.ok(200);
    assert!(listed["next_page"].is_string() && listed["imports"][0]["prn"] == import.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_name_versions_hashes_and_pairs() {
    let app = world().await;
    let admin = app.admin();
    let one = version(&admin, "gateway", "1.0.0").await;
    let taken = prn(&binary(&admin, &one, "taken", b"pushed").await);
    prove(&app, &admin, &taken, b"pushed").await;
    let old = app.account.put("legacy/a.bin", b"old").await;
    app.account.put("legacy/a.bin", b"new").await;
    app.account.put("legacy/pushed.bin", b"pushed").await;
    let entry =
        |key: &str, target: &str| json!({ "key": key, "artifact_version_prn": one, "target": target });
    let with = |mut entry: Value, name: &str, value: Value| {
        entry[name] = value;
        entry
    };
    let wrong = json!(Digest::of("something else"));
    let import = start(
        &app,
        json!({ "entries": [
            with(entry("legacy/a.bin", "old"), "version_id", json!(old)),
            entry("legacy/a.bin", "new"),
            with(entry("legacy/a.bin", "given"), "hash", json!(Digest::of("new"))),
            with(entry("legacy/a.bin", "wrong"), "hash", wrong),
            entry("legacy/none.bin", "none"),
            with(entry("legacy/a.bin", "gone"), "version_id", json!("0123456789abcdef0123456789abcdef")),
            entry("legacy/pushed.bin", "pushed"),
            entry("legacy/pushed.bin", "taken"),
            entry("legacy/a.bin", "taken"),
        ]}),
    )
    .await;
    wait(&app, &import).await;
    insta::assert_snapshot!(entries(&app, &import).await.join("\n"), @r"
    legacy/a.bin done
    legacy/a.bin done
    legacy/a.bin done
    legacy/a.bin failed: sha256 mismatch: got 11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437
    legacy/none.bin failed: is not in the bucket, or this version of it is not
    legacy/a.bin failed: is not in the bucket, or this version of it is not
    legacy/pushed.bin done
    legacy/pushed.bin skipped
    legacy/a.bin failed: its version and target have another binary (signable):
    ");
    let listed = admin.get(&format!("/imports/{import}/entries?limit=1")).await.ok(200);
    assert_eq!(
        (&listed["entries"][0]["hash"], &listed["entries"][0]["version_id"]),
        (&json!(Digest::of("old")), &json!(old))
    );
    // "pushed" was proved content already.
    let pushed: Vec<_> = app
        .account
        .content_versions("fw/")
        .await
        .into_iter()
        .filter(|(key, _)| key.contains(&Digest::of("pushed").to_hex()))
        .collect();
    assert_eq!(pushed.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_looks_and_makes_nothing() {
    let app = world().await;
    let admin = app.admin();
    let version = version(&admin, "gateway", "1.0.0").await;
    binary(&admin, &version, "imx8", b"another").await;
    app.account.put("legacy/gateway/1.0.0/imx8.bin", b"one").await;
    app.account.put("legacy/gateway/2.0.0/imx8.bin", b"two").await;
    let before = app.account.keys("").await;
    let import = start(&app, json!({ "mapping": MAPPING, "dry_run": true })).await;
    let done = wait(&app, &import).await;
    assert_eq!(
        (&done["state"], &done["dry_run"], &done["counts"]["bytes"]),
        (&json!("done"), &json!(true), &json!(6))
    );
    insta::assert_snapshot!(entries(&app, &import).await.join("\n"), @r"
    legacy/gateway/1.0.0/imx8.bin failed: its version and target have another binary (uploadable):
    legacy/gateway/2.0.0/imx8.bin pending
    ");
    assert_eq!(app.account.keys("").await, before);
    let versions = admin.get("/artifact_versions").await.ok(200);
    assert_eq!(versions["artifact_versions"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_said() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let backend = backend(&app).await;
    let gateway = artifact(&admin, "gateway").await;
    let refusal = |more: Value| {
        let (admin, backend) = (admin.clone(), backend.clone());
        async move {
            let mut body = json!({ "backend_prn": backend, "source_prefix": "legacy/" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            admin.post("/imports", body).await.refusal()
        }
    };
    insta::assert_snapshot!(refusal(json!({ "mapping": MAPPING })).await, @r#"409 state_forbids {"detail":"the backend prod has no import_prefix"}"#);
    app.set_backend(|backend| backend.import_prefix = Some("legacy/".to_owned())).await;
    insta::assert_snapshot!(refusal(json!({ "mapping": MAPPING })).await, @r#"502 store_denied {"detail":"the store did not list the objects [AccessDenied]"}"#);
    app.allow_import("legacy/").await;
    insta::assert_snapshot!(refusal(json!({ "mapping": MAPPING, "source_prefix": "fw/" })).await, @r#"422 invalid_fields {"source_prefix":["must begin with the backend's import_prefix, \"legacy/\""]}"#);
    insta::assert_snapshot!(refusal(json!({})).await, @r#"422 invalid_fields {"entries":["or mapping is needed"]}"#);
    insta::assert_snapshot!(refusal(json!({ "mapping": "{product}" })).await, @r#"422 invalid_fields {"mapping":["\"{product}\" is none of {artifact}, {version} and {target}"]}"#);
    insta::assert_snapshot!(refusal(json!({ "mapping": "{artifact}", "artifact_prn": gateway })).await, @r#"422 invalid_fields {"artifact_prn":["and {artifact} in the mapping exclude each other"],"mapping":["must have {version}","must have {target}, or target is needed"]}"#);
    insta::assert_snapshot!(refusal(json!({ "entries": [{ "key": "fw/x", "target": "", "hash": "x" }, 7], "target": "imx8" })).await, @r#"422 invalid_fields {"entries.0.artifact_version_prn":["is missing"],"entries.0.hash":["must be a SHA-256 as 64 lower-case hex digits"],"entries.0.key":["must begin with source_prefix"],"entries.0.target":["must have 1 to 128 characters, has 0"],"entries.1":["must be an object"],"target":["goes with a mapping; entries name it themselves"]}"#);
    insta::assert_snapshot!(refusal(json!({ "entries": [] })).await, @r#"422 invalid_fields {"entries":["must have 1 to 1000 entries, has 0"]}"#);
    app.set_backend(|backend| backend.state = BackendState::Restricted).await;
    insta::assert_snapshot!(refusal(json!({ "mapping": MAPPING })).await, @r#"409 backend_not_writable {"detail":"the backend prod is restricted: it takes no writes"}"#);
    let read = app.caller(Scope::Read).await;
    assert_eq!(read.post("/imports", json!({})).await.status, 403);
    read.get("/imports").await.ok(200);
    assert_eq!(read.get("/imports/prn:1:x/entries").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_answer_was_lost_is_found_and_not_made_again() {
    let mut app = world().await;
    artifact(&app.admin(), "gateway").await;
    app.account.put("legacy/gateway/1.0.0/small.bin", b"small").await;
    app.account.put("legacy/gateway/1.0.0/large.bin", &firmware(3 * PART)).await;
    // The store carries both out, and nobody hears of it.
    for operation in ["CopyObject", "CompleteMultipartUpload"] {
        let fault = Fault::new().service("s3").operation(operation).times(1);
        app.sandbox.faults().add(fault.then(FaultAction::Reset(0)));
    }
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    for _ in 0..200 {
        if app.account.content_versions("fw/").await.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.kill_and_restart().await;
    assert_eq!(wait(&app, &import).await["counts"]["done"], 2);
    assert_eq!(app.account.content_versions("fw/").await.len(), 2, "a key is written once");
    let log = app.sandbox.request_log().entries();
    let copies = log.iter().filter(|entry| entry.operation == "CopyObject").count();
    assert_eq!(copies, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_parts_goes_on_where_it_was() {
    let mut app = world().await;
    artifact(&app.admin(), "gateway").await;
    app.account.put("legacy/gateway/1.0.0/large.bin", &firmware(6 * PART)).await;
    let fault = Fault::new().service("s3").operation("UploadPartCopy").skip(3);
    app.sandbox.faults().add(fault.then(FaultAction::Status(503, "SlowDown")));
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    let parts = |app: &TestApp| {
        let log = app.sandbox.request_log().entries();
        log.iter().filter(|entry| entry.operation == "UploadPartCopy" && entry.status == 200).count()
    };
    for _ in 0..200 {
        if parts(&app) == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.kill_and_restart().await;
    app.sandbox.faults().clear();
    assert_eq!(wait(&app, &import).await["counts"]["done"], 1);
    assert_eq!(parts(&app), 6, "no part is copied twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_meanwhile_is_not_adopted() {
    let app = world().await;
    artifact(&app.admin(), "gateway").await;
    app.account.suspend_versions().await;
    app.account.put("legacy/gateway/1.0.0/imx8.bin", b"one").await;
    // After the look, before the copy.
    let slow = Fault::new().service("s3").operation("CopyObject").times(1);
    app.sandbox.faults().add(slow.then(FaultAction::Status(503, "SlowDown")));
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    for _ in 0..200 {
        if app.sandbox.request_log().entries().iter().any(|entry| entry.operation == "CopyObject") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.account.put("legacy/gateway/1.0.0/imx8.bin", b"two").await;
    wait(&app, &import).await;
    insta::assert_snapshot!(entries(&app, &import).await.join("\n"), @"legacy/gateway/1.0.0/imx8.bin failed: has changed since the import first looked at it; import it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_is_cancelled_and_holds_its_prefix() {
    let mut app = world().await;
    let admin = app.admin();
    artifact(&admin, "gateway").await;
    app.account.put("legacy/gateway/1.0.0/imx8.bin", b"one").await;
    let fault = Fault::new().service("s3").operation("CopyObject");
    app.sandbox.faults().add(fault.then(FaultAction::Status(503, "SlowDown")));
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    for _ in 0..200 {
        if app.sandbox.request_log().entries().iter().any(|entry| entry.operation == "CopyObject") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.set_backend(|backend| backend.state = BackendState::Restricted).await;
    app.kill_and_restart().await;
    let admin = Caller { url: app.url(), ..admin };
    let path = format!("/backends/{}", backend(&app).await);
    insta::assert_snapshot!(admin.patch(&path, json!({ "import_prefix": null })).await.refusal(), @r#"409 in_use {"detail":"an import reads below the present import_prefix"}"#);
    assert_eq!(app.other_organization().await.get(&format!("/imports/{import}")).await.status, 404);
    let cancelled = admin.post(&format!("/imports/{import}/cancel"), json!({})).await.ok(200);
    assert_eq!(cancelled["import"]["state"], "cancelled");
    let again = admin.post(&format!("/imports/{import}/cancel"), json!({})).await.ok(200);
    assert_eq!(again["import"]["revision"], cancelled["import"]["revision"]);
    for _ in 0..300 {
        if entries(&app, &import).await.iter().all(|entry| entry.contains(" cancelled")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    insta::assert_snapshot!(entries(&app, &import).await.join("\n"), @"legacy/gateway/1.0.0/imx8.bin cancelled");
    admin.patch(&path, json!({ "import_prefix": null })).await.ok(200);
    app.sandbox.faults().clear();
    let binaries = admin.get("/binaries").await.ok(200);
    assert_eq!(binaries["binaries"], json!([]));
}
