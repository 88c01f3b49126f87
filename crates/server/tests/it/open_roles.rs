//! A role that strangers can have is never stored (design D5), however its trust policy came to be open.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::account::{BUCKET, REGION, ROLE_ARN};

/// The ways in which owners open a role without meaning to, each made of the right trust policy.
fn opened(trust: &Value, how: &str) -> Value {
    let mut open = trust.clone();
    let statement = &mut open["Statement"][0];
    match how {
        "the condition is dropped" => {
            statement["Condition"].as_object_mut().unwrap().remove("StringEquals");
        }
        "the condition is IfExists" => {
            let condition = statement["Condition"].as_object_mut().unwrap();
            let ids = condition.remove("StringEquals").unwrap();
            condition.insert("StringEqualsIfExists".to_owned(), ids);
        }
        "a second statement" => {
            let mut second = statement.clone();
            second["Sid"] = json!("ForDebugging");
            second.as_object_mut().unwrap().remove("Condition");
            open["Statement"].as_array_mut().unwrap().push(second);
        }
        other => panic!("{other}"),
    }
    open
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_opening_a_role_is_refused_with_the_policy_that_shuts_it() {
    for how in ["the condition is dropped", "the condition is IfExists", "a second statement"] {
        let app = TestApp::without_backend().await;
        let admin = app.admin();
        app.account.make_bucket().await;
        let body = json!({ "name": "prod", "bucket": BUCKET, "region": REGION });
        let backend = admin.post("/backends", body).await.ok(201)["backend"].clone();
        let path = format!("/backends/{}", backend["prn"].as_str().unwrap());
        let right = &backend["trust_policy"];
        app.account.make_role(&opened(right, how), &backend["permission_policy"]).await;

        let refused = admin.patch(&path, json!({ "role_arn": ROLE_ARN })).await;
        assert_eq!((refused.status, &refused.body["problem"]["code"]), (422, &json!("role_open")), "{how}");
        // With the right id absent only the first call gets in; which one it was is in the answer.
        let text = refused.body["errors"]["role_arn"][0].as_str().unwrap();
        assert!(text.contains("can be assumed without an external id"), "{how}: {text}");
        assert_eq!(&refused.body["trust_policy"], right, "{how}");
        let stored = admin.get(&path).await.ok(200)["backend"].clone();
        assert_eq!(stored["role_arn"], Value::Null, "{how}");

        app.account.set_trust(&refused.body["trust_policy"]).await;
        admin.patch(&path, json!({ "role_arn": ROLE_ARN })).await.ok(200);
        let run = admin.post(&format!("{path}/verify"), Value::Null).await.ok(200);
        assert_eq!(run["verification"]["status"], "pass", "{how}: {run:#}");
    }
}
