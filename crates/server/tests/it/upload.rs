//! From the first part to proved content (API contract 4.1 to 4.3).

use std::time::Duration;

use firmhold_core::Digest;
use firmhold_sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::support::TestApp;
use crate::support::push::{
    PART, binary, declare, firmware, prn, prove, send, signed, to_state, upload, version,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_by_raw_http() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(PART + 4321);
    let version = version(&admin, "firmware", "1.0.0").await;
    let made = binary(&admin, &version, "imx8", &content).await;
    assert_eq!((&made["state"], &made["content_state"]), (&json!("uploadable"), &json!("absent")));
    let binary = prn(&made);

    let first = declare(&admin, &binary, 1, &content[..PART]).await.ok(201);
    let url = first["binary_part"]["presigned_upload_url"].as_str().unwrap();
    assert!(url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256"), "{url}");
    assert_eq!(first["binary_part"]["state"], "uploadable");
    assert_eq!(first["binary_part"]["limited_by"], "requested");
    let wrong = vec![0; PART];
    assert_eq!(send(&app, &first, &wrong).await, 400, "the store checks the part's SHA-256");
    assert_eq!(send(&app, &first, &content[..PART]).await, 200);
    let second = declare(&admin, &binary, 2, &content[PART..]).await.ok(201);
    assert_eq!(send(&app, &second, &content[PART..]).await, 200);

    let parts = admin.get(&format!("/binaries/{binary}/parts")).await.ok(200);
    let states: Vec<_> =
        parts["binary_parts"].as_array().unwrap().iter().map(|part| &part["state"]).collect();
    assert_eq!(states, ["valid", "valid"]);
    assert!(parts["binary_parts"][0].get("presigned_upload_url").is_none());

    let hashable = to_state(&admin, &binary, "hashable").await.ok(200);
    assert_eq!(hashable["binary"]["content_state"], "present");
    to_state(&admin, &binary, "hashing").await.ok(200);
    let proved = admin.wait_for(&binary, &["signable"]).await;
    assert_eq!(proved["state_reason"], json!(null));
    let key = app.account.content_key().await;
    assert!(
        key.starts_with(&format!("fw/binaries/sha256/{}/", &made["hash"].as_str().unwrap()[..2])),
        "{key}"
    );
    assert_eq!(app.account.read(&key).await, content);
    let org = app.organization.0.to_string();
    assert_eq!(app.account.tags(&key).await, [("firmhold-org".to_owned(), org)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_the_parts_is_reported() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(2 * PART);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    insta::assert_snapshot!(to_state(&admin, &binary, "hashable").await.refusal(), @r#"422 invalid_fields {"parts":["no part was uploaded"]}"#);

    let small = declare(&admin, &binary, 1, b"small").await.ok(201);
    assert_eq!(send(&app, &small, b"small").await, 200);
    declare(&admin, &binary, 2, b"never sent").await.ok(201);
    let part = declare(&admin, &binary, 4, b"one thing").await.ok(201);
    assert_eq!(send(&app, &part, b"one thing").await, 200);
    declare(&admin, &binary, 4, b"another").await.ok(201);
    let part = declare(&admin, &binary, 5, b"right size").await.ok(201);
    assert_eq!(send(&app, &part, b"right size").await, 200);
    declare(&admin, &binary, 5, b"size right").await.ok(201);
    insta::assert_json_snapshot!(to_state(&admin, &binary, "hashable").await.body["errors"], @r#"
    {
      "parts": [
        "part 2 was not uploaded",
        "part 3 is missing",
        "part 4 has 9 bytes in the store, declared were 7",
        "part 5 has SHA-256 7d9993e265479eed96a41e241f64666243aa3ef53e96b841e86caaf4fb8d4923 in the store, declared was ebf5cb8bab5a0d728c7d80c05c9d79c85913173b66cf77b40f054c8114351842",
        "part 1 has 5 bytes; all but the last need at least 5242880",
        "part 2 has 10 bytes; all but the last need at least 5242880",
        "part 4 has 7 bytes; all but the last need at least 5242880",
        "the parts add up to 32 bytes, the binary has 10485760"
      ]
    }
    "#);
    let parts = admin.get(&format!("/binaries/{binary}/parts")).await.ok(200);
    let states: Vec<_> =
        parts["binary_parts"].as_array().unwrap().iter().map(|part| &part["state"]).collect();
    assert_eq!(states, ["valid", "uploadable", "invalid_size", "invalid_hash"]);
    assert_eq!(admin.get(&format!("/binaries/{binary}")).await.ok(200)["binary"]["state"], "uploadable");

    admin.delete(&format!("/binaries/{binary}")).await.ok(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_refused_for_what_they_say() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", b"firmware").await);
    let hash = "0".repeat(64);
    let path = |index: &str| format!("/binaries/{binary}/parts/{index}");
    for index in ["0", "10001", "x", "01", "-1"] {
        admin.put(&path(index), json!({ "hash": hash, "size": 1 })).await.ok(404);
    }
    let refusal = |body| {
        let (admin, path) = (admin.clone(), path("1"));
        async move { admin.put(&path, body).await.refusal() }
    };
    insta::assert_snapshot!(refusal(json!({ "hash": "AB", "size": 9, "expected_binary_size": 9 })).await, @r#"422 invalid_fields {"expected_binary_size":["the binary has 8 bytes, not 9"],"hash":["must be a SHA-256 as 64 lower-case hex digits"],"size":["must be a whole number from 1 to 8"]}"#);
    insta::assert_snapshot!(refusal(json!({})).await, @r#"422 invalid_fields {"hash":["is missing"],"size":["is missing"]}"#);
    app.set_backend(|backend| backend.state = firmhold_core::BackendState::Restricted).await;
    insta::assert_snapshot!(refusal(json!({ "hash": hash, "size": 8 })).await, @r#"409 backend_not_writable {"detail":"the backend prod is restricted: it takes no writes"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_parts_at_once_open_one_upload() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(3 * PART);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    let declared =
        content.chunks(PART).enumerate().map(|(at, bytes)| declare(&admin, &binary, at + 1, bytes));
    let parts = futures::future::join_all(declared).await;
    assert_eq!(app.account.uploads().await.len(), 1);
    for (part, bytes) in parts.into_iter().zip(content.chunks(PART)) {
        assert_eq!(send(&app, &part.ok(201), bytes).await, 200);
    }
    // Two at once complete it once, and neither fails.
    let (one, other) =
        tokio::join!(to_state(&admin, &binary, "hashable"), to_state(&admin, &binary, "hashable"));
    assert_eq!((one.status, other.status), (200, 200), "{one:?} {other:?}");
    let events = admin.get(&format!("/binaries/{binary}")).await.ok(200);
    assert_eq!(events["binary"]["revision"], 1);
    let (one, other) =
        tokio::join!(to_state(&admin, &binary, "hashing"), to_state(&admin, &binary, "hashing"));
    // The second is judged against what the first has led to, and the job may be through by then.
    let statuses = [one.status, other.status];
    assert!(
        statuses.contains(&200) && statuses.iter().all(|status| [200, 409].contains(status)),
        "{statuses:?}"
    );
    admin.wait_for(&binary, &["signable"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_proved_is_not_uploaded_twice() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(1000);
    let (first, url) = signed(&app, &content).await;
    let version = version(&admin, "other", "2").await;
    let second = binary(&admin, &version, "imx8", &content).await;
    assert_eq!((&second["state"], &second["content_state"]), (&json!("signable"), &json!("present")));
    let second = prn(&second);
    app.account.content_key().await;

    // It stays while one binary uses it.
    app.allow_delete().await;
    to_state(&admin, &first, "destroyed").await.ok(200);
    let destroyed = admin.get(&format!("/binaries/{first}")).await.ok(200);
    assert_eq!(destroyed["binary"]["content_state"], "deleted");
    assert_eq!(app.http().head(&url).send().await.unwrap().status(), 410);
    let other = crate::support::push::link(&admin, &second).await;
    assert_eq!(app.http().head(&other).send().await.unwrap().status(), 200);
    let key = app.account.content_key().await;
    admin.delete(&format!("/binaries/{second}")).await.ok(204);
    for _ in 0..100 {
        if app.account.keys(&key).await.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the content outlived its last binary");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_promised_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let (promised, sent) = (firmware(1000), vec![7; 1000]);
    let version = version(&admin, "firmware", "1.0.0").await;
    let made = binary(&admin, &version, "imx8", &promised).await;
    let refused = prove(&app, &admin, &prn(&made), &sent).await;
    let binary = prn(&made);
    insta::assert_snapshot!(refused["state"].as_str().unwrap(), @"uploadable");
    insta::assert_snapshot!(refused["state_reason"].as_str().unwrap(), @"sha256 mismatch: got df1329c8b6c7cf3740bbe2f8bab34d253a8d9534a79dceea18177081fdf9f0e9");
    let parts = admin.get(&format!("/binaries/{binary}/parts")).await.ok(200);
    assert_eq!(parts["binary_parts"][0]["state"], "invalid_hash");
    insta::assert_snapshot!(to_state(&admin, &binary, "hashable").await.refusal(), @r#"422 invalid_fields {"parts":["no part was uploaded"]}"#);

    // The role may not delete, so the object stays, marked for the owner's rule.
    let key = app.account.content_key().await;
    for _ in 0..100 {
        if app.account.tags(&key).await.len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(app.account.tags(&key).await.contains(&("firmhold".to_owned(), "retired".to_owned())));
    let shown = admin.get(&format!("/binaries/{binary}")).await.ok(200);
    assert_eq!(shown["binary"]["content_state"], "delete_pending");

    // The right bytes go to a key of their own.
    upload(&app, &admin, &binary, &promised).await;
    to_state(&admin, &binary, "hashable").await.ok(200);
    to_state(&admin, &binary, "hashing").await.ok(200);
    let proved = admin.wait_for(&binary, &["signable"]).await;
    assert_eq!(proved["state_reason"], json!(null));
    let contents = app.account.keys("/sha256/").await;
    assert_eq!(contents.iter().filter(|key| !key.contains("/manifests/")).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_store_lost_begins_anew() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let version = version(&admin, "firmware", "1.0.0").await;
    let content = firmware(1000);
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    upload(&app, &admin, &binary, &content).await;
    let uploads = app.account.s3.list_multipart_uploads().bucket("acme-firmware").send().await.unwrap();
    let open = &uploads.uploads()[0];
    app.account
        .s3
        .abort_multipart_upload()
        .bucket("acme-firmware")
        .key(open.key().unwrap())
        .upload_id(open.upload_id().unwrap())
        .send()
        .await
        .unwrap();
    insta::assert_snapshot!(to_state(&admin, &binary, "hashable").await.refusal(), @r#"422 invalid_fields {"parts":["the upload is no longer in the bucket; put all parts again"]}"#);
    assert_eq!(prove(&app, &admin, &binary, &content).await["state"], "signable");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_with_other_part_sizes_do_not_mix_their_parts() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(2 * PART + 9);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    let parts = format!("/binaries/{binary}/parts");
    let cut = async |index: usize, part_size: usize| {
        let bytes = content.chunks(part_size).nth(index - 1).unwrap();
        let body = json!({ "hash": Digest::of(bytes), "size": bytes.len(), "part_size": part_size });
        admin.put(&format!("{parts}/{index}"), body).await
    };

    assert_eq!(admin.get(&parts).await.ok(200)["part_size"], json!(null));
    let first = cut(1, PART).await.ok(201);
    send(&app, &first, &content[..PART]).await;
    insta::assert_snapshot!(cut(2, 2 * PART).await.refusal(), @r#"409 part_size_differs {"detail":"the open upload has parts of 5242880 bytes, not 10485760"}"#);
    assert_eq!(admin.get(&parts).await.ok(200)["part_size"], PART);
    let wrong = json!({ "hash": Digest::of("x"), "size": 1, "part_size": PART });
    insta::assert_snapshot!(admin.put(&format!("{parts}/2"), wrong).await.refusal(), @r#"422 invalid_fields {"size":["part 2 of parts of 5242880 bytes has 5242880 bytes"]}"#);

    // Begun anew with the other size.
    assert_eq!(admin.delete(&parts).await.status, 204);
    assert_eq!(admin.delete(&parts).await.status, 204, "nothing is left to drop");
    let none = admin.get(&parts).await.ok(200);
    assert_eq!((&none["binary_parts"], &none["part_size"]), (&json!([]), &json!(null)));
    for (index, bytes) in [(1, &content[..2 * PART]), (2, &content[2 * PART..])] {
        let part = cut(index, 2 * PART).await.ok(201);
        assert_eq!(send(&app, &part, bytes).await, 200);
    }
    // The URL of the dropped upload leads nowhere.
    assert_eq!(send(&app, &first, &content[..PART]).await, 404);
    to_state(&admin, &binary, "hashable").await.ok(200);
    insta::assert_snapshot!(admin.delete(&parts).await.refusal(), @r#"409 state_forbids {"detail":"the binary is hashable: it takes no parts"}"#);
    insta::assert_snapshot!(cut(1, PART).await.refusal(), @r#"409 state_forbids {"detail":"the binary is hashable: it takes no parts"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_dropped_at_the_revision_that_was_seen() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(PART + 1);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    let part = declare(&admin, &binary, 1, &content[..PART]).await.ok(201);
    assert_eq!(send(&app, &part, &content[..PART]).await, 200);
    admin.patch(&format!("/binaries/{binary}"), json!({ "pinned": true })).await.ok(200);
    let path = format!("/binaries/{binary}/parts");
    let drop = async |condition: &str| {
        admin.send(reqwest::Method::DELETE, &path, None, &[("if-match", condition)]).await
    };
    insta::assert_snapshot!(drop("\"0\"").await.refusal(), @r#"412 revision_mismatch {"detail":"the object is at revision 1"}"#);
    assert_eq!(admin.get(&path).await.ok(200)["binary_parts"][0]["state"], "valid");
    drop("\"1\"").await.ok(204);
    assert_eq!(admin.get(&path).await.ok(200)["binary_parts"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_loses_its_patience_ends_no_completion() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = firmware(PART + 1);
    let version = version(&admin, "firmware", "1.0.0").await;
    let binary = prn(&binary(&admin, &version, "imx8", &content).await);
    upload(&app, &admin, &binary, &content).await;
    let slow = Fault::new().service("s3").operation("CompleteMultipartUpload").times(1);
    app.sandbox.faults().add(slow.then(FaultAction::Delay(3_000)));
    app.sandbox.request_log().clear();
    let log = app.sandbox.request_log();
    let joined = || log.entries().iter().filter(|entry| entry.operation == "CompleteMultipartUpload").count();
    {
        let asked = to_state(&admin, &binary, "hashable");
        let listed = async {
            // The list of the parts comes just before.
            while !log.entries().iter().any(|entry| entry.operation == "ListParts") || log.under_way() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = asked => panic!("it was to take longer"),
            () = listed => {}
        }
    }
    assert_eq!(joined(), 0, "nothing was joined while the client waited");
    let again = to_state(&admin, &binary, "hashable").await.ok(200);
    assert_eq!((&again["binary"]["state"], joined()), (&json!("hashable"), 1));
    assert!(
        log.entries().iter().all(|entry| entry.operation != "CompleteMultipartUpload" || entry.status == 200)
    );
}
