//! Organizations do not meet: what one has is nothing for another to see, to touch or to take the place of.

use firmhold_server::backends::BackendRow;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestApp;
use crate::support::caller::Caller;
use crate::support::push::{declare, link, prove, send, sign, signing_key, to_state};

/// Another organization with a backend of its own, which the same role may write to.
pub async fn other(app: &TestApp) -> (Caller, Uuid) {
    let other = app.other_organization().await;
    let own = other.get("/api_keys/self").await.ok(200)["api_key"]["organization_prn"].clone();
    let id: Uuid = own.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let mut tx = app.state().db.begin().await.unwrap();
    let mut backend = BackendRow::find_default(&mut tx, app.organization.0).await.unwrap().unwrap();
    backend.id = Uuid::new_v4();
    backend.organization = id;
    backend.prefix = "fw/other".parse().unwrap();
    backend.insert(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    (other, id)
}

/// An artifact, a version and a binary under these ids; the binary's PRN.
async fn tree(caller: &Caller, name: &str, ids: [Uuid; 3], content: &[u8]) -> String {
    let [artifact, version, binary] = ids;
    let body = json!({ "name": name, "id": artifact });
    let made = caller.post("/artifacts", body).await.ok(201);
    let body = json!({ "artifact_prn": made["artifact"]["prn"], "version": "1.0.0", "id": version });
    let made = caller.post("/artifact_versions", body).await.ok(201);
    let body = json!({
        "artifact_version_prn": made["artifact_version"]["prn"], "target": "imx8", "id": binary,
        "hash": firmhold_core::Digest::of(content), "size": content.len(),
    });
    caller.post("/binaries", body).await.ok(201)["binary"]["prn"].as_str().unwrap().to_owned()
}

/// An id says nothing of who else has one like it, and keeps nobody from it.
#[tokio::test(flavor = "multi_thread")]
async fn two_organizations_may_choose_the_same_ids() {
    let app = TestApp::start().await;
    app.allow_delete().await;
    let (other, _) = other(&app).await;
    let admin = app.admin();
    let ids = [1, 2, 3].map(Uuid::from_u128);
    let (ours, theirs) = (b"ours".as_slice(), b"theirs".as_slice());
    let one = tree(&admin, "gateway", ids, ours).await;
    let another = tree(&other, "sensor", ids, theirs).await;
    assert_ne!(one, another);
    // In one organization an id is taken as ever.
    let again = admin.post("/artifacts", json!({ "name": "again", "id": ids[0] })).await;
    assert_eq!(again.status, 409);

    // Parts of one are not parts of the other.
    let part = declare(&admin, &one, 1, ours).await.ok(201);
    assert_eq!(other.get(&format!("/binaries/{another}/parts")).await.ok(200)["binary_parts"], json!([]));
    assert_eq!(prove(&app, &other, &another, theirs).await["state"], "signable");
    assert_eq!(admin.get(&format!("/binaries/{one}")).await.ok(200)["binary"]["state"], "uploadable");
    assert_eq!(send(&app, &part, ours).await, 200);
    to_state(&admin, &one, "hashable").await.ok(200);
    to_state(&admin, &one, "hashing").await.ok(200);
    admin.wait_for(&one, &["signable"]).await;
    let key = signing_key(&admin, 1).await;
    sign(&admin, &one, ours, &key).await.ok(201);
    let signatures = |binary: &Value| binary["binary"]["signatures"].as_array().unwrap().len();
    assert_eq!(signatures(&admin.get(&format!("/binaries/{one}")).await.ok(200)), 1);
    assert_eq!(signatures(&other.get(&format!("/binaries/{another}")).await.ok(200)), 0);

    // Neither are names, manifests and links.
    let path = format!(
        "/artifacts/{}",
        one.replace(":binary:", ":artifact:").replace(&ids[2].to_string(), &ids[0].to_string(),)
    );
    admin.patch(&path, json!({ "name": "renamed" })).await.ok(200);
    let listed = other.get("/artifacts").await.ok(200);
    assert_eq!(listed["artifacts"][0]["name"], "sensor");
    let ends = [(&admin, &one), (&other, &another)];
    for (caller, binary) in ends {
        for _ in 0..200 {
            let shown = caller.get(&format!("/binaries/{binary}")).await.ok(200);
            if !shown["binary"]["manifest_at"].is_null() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    assert_eq!(
        app.account
            .keys(&format!("/manifests/{}/", ids[2]))
            .await
            .iter()
            .filter(|key| key.contains("fw/other/"))
            .count(),
        1
    );
    let (ours_link, theirs_link) = (link(&admin, &one).await, link(&other, &another).await);
    admin.post("/links/revoke", json!({ "binary_prn": one })).await.ok(200);
    assert_eq!(app.http().head(&ours_link).send().await.unwrap().status(), 410);
    assert_eq!(app.http().head(&theirs_link).send().await.unwrap().status(), 200);

    // The end of one is not the other's.
    to_state(&admin, &one, "destroyed").await.ok(200);
    for _ in 0..200 {
        if admin.delete(&format!("/binaries/{one}")).await.status == 204 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(admin.get(&format!("/binaries/{one}")).await.status, 404);
    assert_eq!(other.get(&format!("/binaries/{another}")).await.ok(200)["binary"]["state"], "signable");
    assert_eq!(app.http().head(&theirs_link).send().await.unwrap().status(), 200);
    // Whoever takes a deleted id again goes on with the manifests of its own.
    let again = admin.get("/artifact_versions").await.ok(200);
    assert_eq!(again["artifact_versions"].as_array().unwrap().len(), 1);
}
