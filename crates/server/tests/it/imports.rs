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
    for odd in ["legacy/../fw/", "legacy/./x/", "legacy/.."] {
        let refused = refusal(json!({ "mapping": MAPPING, "source_prefix": odd })).await;
        let expected = r#"422 invalid_fields {"source_prefix":["must have no segment that is . or .."]}"#;
        assert_eq!(refused, expected, "{odd}");
    }
    insta::assert_snapshot!(refusal(json!({ "entries": [{ "key": "legacy/../x", "artifact_version_prn": "x", "target": "y" }, { "key": "legacy/a\u{7}", "artifact_version_prn": "x", "target": "y" }] })).await, @r#"422 invalid_fields {"entries.0.artifact_version_prn":["names no artifact_version of this organization"],"entries.0.key":["must have no segment that is . or .."],"entries.1.artifact_version_prn":["names no artifact_version of this organization"],"entries.1.key":["must have 1 to 1024 bytes and no control characters"]}"#);
    insta::assert_snapshot!(admin.patch(&format!("/backends/{backend}"), json!({ "import_prefix": "a/../b" })).await.refusal(), @r#"422 invalid_fields {"import_prefix":["must have no segment that is . or .."]}"#);
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

/// How often the store was asked for something.
fn asked(app: &TestApp, operation: &str) -> usize {
    app.sandbox.request_log().entries().iter().filter(|entry| entry.operation == operation).count()
}

/// Turns the clock and wakes the job again and again, until something is so.
async fn turn_until(app: &TestApp, seconds: u64, is_so: impl Fn() -> bool) {
    for _ in 0..300 {
        if is_so() {
            return;
        }
        app.clock.advance(Duration::from_secs(seconds));
        app.state().wake_jobs();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come to that");
}

/// As [`wait`], with a clock that runs ahead.
async fn wait_turning(app: &TestApp, import: &str) -> Value {
    for _ in 0..300 {
        let found = app.admin().get(&format!("/imports/{import}")).await.ok(200)["import"].clone();
        if found["state"] != "running" {
            return found;
        }
        app.clock.advance(Duration::from_secs(20));
        app.state().wake_jobs();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the import does not end: {}", entries(app, import).await.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_long_ends_no_entry() {
    let app = world().await;
    artifact(&app.admin(), "gateway").await;
    app.account.put("legacy/gateway/1.0.0/imx8.bin", b"one").await;
    app.account.put("legacy/gateway/1.0.0/imx9.bin", b"two").await;
    let down = Fault::new().service("s3").operation("CopyObject");
    app.sandbox.faults().add(down.then(FaultAction::Status(503, "SlowDown")));
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    turn_until(&app, 20, || asked(&app, "CopyObject") >= 17).await;
    let shown = entries(&app, &import).await;
    assert!(shown.iter().any(|entry| entry.contains(" copying: ")), "{shown:?}");
    app.sandbox.faults().clear();
    let done = wait_turning(&app, &import).await;
    assert_eq!((&done["counts"]["done"], &done["counts"]["failed"]), (&json!(2), &json!(0)), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_copied_keeps_no_import() {
    let app = world().await;
    artifact(&app.admin(), "gateway").await;
    app.account.put("legacy/gateway/1.0.0/bad.bin", b"bad").await;
    for number in 0..20 {
        let content = format!("good {number}");
        app.account.put(&format!("legacy/gateway/1.0.{number}/good.bin"), content.as_bytes()).await;
    }
    let bad = Digest::of("bad").to_hex();
    let stuck = Fault::new().service("s3").operation("CopyObject").key_contains(&bad);
    app.sandbox.faults().add(stuck.then(FaultAction::Status(500, "InternalError")));
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    let done = wait_turning(&app, &import).await;
    assert_eq!((&done["counts"]["done"], &done["counts"]["failed"]), (&json!(20), &json!(1)), "{done}");
    app.sandbox.faults().clear();
}

/// Neither the reaper takes it, whatever time has passed, nor is anything of it left open or copied twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_waits_for_its_store_is_not_abandoned() {
    let app = world().await;
    artifact(&app.admin(), "gateway").await;
    app.account.put("legacy/gateway/1.0.0/large.bin", &firmware(3 * PART)).await;
    let down = Fault::new().service("s3").operation("UploadPartCopy").skip(1);
    app.sandbox.faults().add(down.then(FaultAction::Status(503, "SlowDown")));
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    turn_until(&app, 1, || asked(&app, "UploadPartCopy") >= 3).await;
    app.clock.advance(Duration::from_secs(8 * 24 * 3600));
    app.state().wake_jobs();
    // The reaper has looked by then: its next run is due in an hour.
    let mut next = 0_i64;
    for _ in 0..200 {
        next = sqlx::query_scalar("SELECT run_at FROM jobs WHERE kind = 'reap' AND lease_owner IS NULL")
            .fetch_optional(app.state().db.reader())
            .await
            .unwrap()
            .unwrap_or_default();
        if next > app.clock.now().as_millis() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(next > app.clock.now().as_millis());
    assert_eq!(app.account.uploads().await.len(), 1);
    app.sandbox.faults().clear();
    let done = wait_turning(&app, &import).await;
    assert_eq!(done["counts"]["done"], 1, "{}", entries(&app, &import).await.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_and_their_entries_are_limited() {
    let app = world().await;
    artifact(&app.admin(), "gateway").await;
    for number in 0..4 {
        let key = format!("legacy/gateway/1.0.{number}/imx8.bin");
        app.account.put(&key, format!("content {number}").as_bytes()).await;
    }
    // The first listing is the request's own.
    let down = Fault::new().service("s3").operation("ListObjectsV2").skip(1);
    app.sandbox.faults().add(down.then(FaultAction::Status(503, "SlowDown")));
    let import = start(&app, json!({ "mapping": MAPPING })).await;
    let id = import.rsplit(':').next().unwrap();
    let mut tx = app.state().db.begin().await.unwrap();
    for sql in [
        // As if 199,998 keys had been listed before.
        format!(
            "INSERT INTO import_entries (id, organization_id, import_id, position, source_key, state, updated_at)
             SELECT 'filler', organization_id, id, 199997, 'legacy/', 'unmapped', 0 FROM imports WHERE id = '{id}'"
        ),
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 15)
             INSERT INTO imports (id, organization_id, backend_id, api_key_id, product_ids, source_prefix, dry_run,
                                  state, listed, inserted_at, updated_at)
             SELECT 'copy ' || n, organization_id, backend_id, api_key_id, product_ids, source_prefix, dry_run, state, 1,
                    inserted_at, updated_at FROM imports, numbers WHERE id = '{id}'"
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.sandbox.faults().clear();
    let body = json!({ "backend_prn": backend(&app).await, "source_prefix": "legacy/", "mapping": MAPPING });
    insta::assert_snapshot!(app.admin().post("/imports", body).await.refusal(), @r#"409 state_forbids {"detail":"16 imports run already: wait for one of them, or cancel it"}"#);
    let mut tx = app.state().db.begin().await.unwrap();
    sqlx::query("DELETE FROM imports WHERE id LIKE 'copy %'").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..300 {
        let listed: i64 = sqlx::query_scalar("SELECT listed FROM imports")
            .fetch_one(app.state().db.reader())
            .await
            .unwrap();
        if listed == 1 {
            break;
        }
        app.clock.advance(Duration::from_secs(11));
        app.state().wake_jobs();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut tx = app.state().db.begin().await.unwrap();
    sqlx::query("DELETE FROM import_entries WHERE id = 'filler'").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let done = wait_turning(&app, &import).await;
    insta::assert_snapshot!(entries(&app, &import).await.join("\n"), @r"
    legacy/gateway/1.0.0/imx8.bin done
    legacy/gateway/1.0.1/imx8.bin done
    legacy/ failed: an import has at most 200000 entries: import the rest below narrower prefixes
    ");
    // What it came to is kept, and not counted again.
    let mut tx = app.state().db.begin().await.unwrap();
    sqlx::query("DELETE FROM import_entries").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let shown = app.admin().get(&format!("/imports/{import}")).await.ok(200);
    assert_eq!((&shown["import"]["counts"], &done["counts"]["done"]), (&done["counts"], &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_key_imports_for_its_products_until_the_very_end() {
    let app = world().await;
    let admin = app.admin();
    let product = async |name: &str| {
        let made = admin.post("/products", json!({ "name": name })).await.ok(201);
        prn(&made["product"])
    };
    let (ours, theirs) = (product("ours").await, product("theirs").await);
    let of = async |name: &str, product: &str| {
        let body = json!({ "name": name, "product_prn": product });
        prn(&admin.post("/artifacts", body).await.ok(201)["artifact"])
    };
    let (moved, foreign) = (of("moved", &ours).await, of("foreign", &theirs).await);
    let body = json!({ "name": "k", "scope": "upload", "product_prns": [ours] });
    let made = admin.post("/api_keys", body).await.ok(201);
    let secret = made["api_key"]["secret"].as_str().unwrap();
    let key = Caller { key: Some(firmhold_core::Secret::new(secret)), ..admin.clone() };
    let backend = backend(&app).await;
    let body = |more: Value| {
        let mut body = json!({ "backend_prn": backend, "source_prefix": "legacy/" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };

    // What is not its own it cannot even ask for, and another's import it cannot end.
    let named = body(json!({ "mapping": "{version}", "artifact_prn": foreign, "target": "imx8" }));
    assert_eq!(key.post("/imports", named).await.status, 403);
    let made =
        admin.post("/artifact_versions", json!({ "artifact_prn": foreign, "version": "1" })).await.ok(201);
    let version = prn(&made["artifact_version"]);
    let entry = json!({ "key": "legacy/x", "artifact_version_prn": version, "target": "imx8" });
    assert_eq!(key.post("/imports", body(json!({ "entries": [entry] }))).await.status, 403);
    let of_admin = start(&app, json!({ "mapping": MAPPING, "dry_run": true })).await;
    assert_eq!(key.post(&format!("/imports/{of_admin}/cancel"), json!({})).await.status, 403);
    wait(&app, &of_admin).await;

    app.account.put("legacy/foreign/1.0.0/imx8.bin", b"foreign").await;
    app.account.put("legacy/moved/1.0.0/imx8.bin", b"moved").await;
    let slow = Fault::new().service("s3").operation("CopyObject").times(1);
    app.sandbox.faults().add(slow.then(FaultAction::Delay(1500)));
    let made = key.post("/imports", body(json!({ "mapping": MAPPING }))).await.ok(201);
    let import = prn(&made["import"]);
    for _ in 0..300 {
        if entries(&app, &import).await.iter().any(|entry| entry.contains(" copying")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // While the store copies, the artifact goes to another product.
    admin.patch(&format!("/artifacts/{moved}"), json!({ "product_prn": theirs })).await.ok(200);
    wait(&app, &import).await;
    insta::assert_snapshot!(entries(&app, &import).await.join("\n"), @r"
    legacy/foreign/1.0.0/imx8.bin failed: the key that asked for the import is limited to other products
    legacy/moved/1.0.0/imx8.bin failed: the key that asked for the import is limited to other products
    ");
    assert_eq!(admin.get("/binaries").await.ok(200)["binaries"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_names_nothing_of_another_organization_and_reads_none_of_its_prefix() {
    let app = world().await;
    let admin = app.admin();
    let (other, id) = crate::organizations::other(&app).await;
    let version = version(&admin, "gateway", "1.0.0").await;
    let artifacts = admin.get("/artifacts").await.ok(200);
    let artifact = prn(&artifacts["artifacts"][0]);
    let theirs = other.get("/backends").await.ok(200)["backends"][0]["prn"].clone();
    let entry = json!({ "key": "legacy/x", "artifact_version_prn": version, "target": "imx8" });
    let ask = async |body: Value| other.post("/imports", body).await.refusal();
    insta::assert_snapshot!(
        ask(json!({ "backend_prn": backend(&app).await, "source_prefix": "legacy/", "mapping": "{version}", "target": "x",
                    "artifact_prn": artifact })).await,
        @r#"422 invalid_fields {"artifact_prn":["names no artifact of this organization"],"backend_prn":["names no backend of this organization"]}"#
    );
    insta::assert_snapshot!(
        ask(json!({ "backend_prn": theirs, "source_prefix": "legacy/", "entries": [entry] })).await,
        @r#"422 invalid_fields {"entries.0.artifact_version_prn":["names no artifact_version of this organization"]}"#
    );

    // Once the other organization has proved its part of the bucket, nobody else's import reads there.
    let mut tx = app.state().db.begin().await.unwrap();
    sqlx::query("UPDATE backends SET proved_at = 1 WHERE organization_id = $1")
        .bind(id.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("UPDATE backends SET prefix = 'own/' WHERE organization_id <> $1")
        .bind(id.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app.allow_import("fw/").await;
    let body =
        json!({ "backend_prn": backend(&app).await, "source_prefix": "fw/other/", "mapping": MAPPING });
    insta::assert_snapshot!(admin.post("/imports", body).await.refusal(), @r#"409 duplicate {"detail":"another backend has proved this part of the bucket to be its own"}"#);
    app.allow_import("legacy/").await;
    let path = format!("/backends/{}", backend(&app).await);
    let refused = admin.patch(&path, json!({ "import_prefix": "fw/other/" })).await;
    insta::assert_snapshot!(refused.refusal(), @r#"409 duplicate {"detail":"another backend has proved this part of the bucket to be its own"}"#);
}
