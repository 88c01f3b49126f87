//! Whom the role trusts, and when.

use firmhold_core::Code;
use firmhold_provision::{Trust, check_trust};
use serde_json::{Value, json};

use crate::owner::{Account, FILE, ROLE, lines, platform, spec};

async fn trust_of(account: &Account) -> String {
    let role = account.iam().get_role().role_name(ROLE).send().await.unwrap().role.unwrap();
    let text = role.assume_role_policy_document.unwrap();
    percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned()
}

/// Until the platform is known the role lets nobody in; then it is not made anew but trusts (T17).
#[tokio::test(flavor = "multi_thread")]
async fn without_a_platform_the_role_refuses_everybody() {
    let mut account = Account::start().await;
    account.spec = spec(FILE, None);
    account.run(&[]).await.unwrap();
    assert!(trust_of(&account).await.contains(r#""Effect":"Deny""#));
    assert!(account.plan().await.unwrap().is_empty());
    account.spec = spec(FILE, Some(platform(&account.sandbox)));
    let done = account.run(&[]).await.unwrap();
    assert_eq!(done.len(), 1, "{done:?}");
    assert!(done[0].starts_with("change role: replace the trust policy"), "{done:?}");
    assert!(trust_of(&account).await.contains("fh-1"));
}

/// A plan that knows no platform does not take the role away from the one that it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_a_platform_keeps_the_trust_that_is_there() {
    let mut account = Account::start().await;
    account.run(&[]).await.unwrap();
    account.spec = spec(FILE, None);
    let plan = account.plan().await.unwrap();
    assert_eq!(lines(&plan), Vec::<String>::new());
    assert!(plan.left[0].says.contains("knows of no platform"), "{plan:?}");
}

/// As the guide's step 4 has it: the operator's data in the file.
#[tokio::test(flavor = "multi_thread")]
async fn the_platform_can_stand_in_the_file() {
    let mut account = Account::start().await;
    let file = format!(
        "{FILE}\n[platform]\nprincipal = \"{}\"\nexternal_id = \"9d1f0c3e\"\n",
        account.sandbox.platform_role_arn()
    );
    account.spec = spec(&file, None);
    account.run(&[]).await.unwrap();
    assert!(trust_of(&account).await.contains("9d1f0c3e"));
}

/// Policies come from outside; whoever sends them must not get the owner to open the account.
#[test]
fn trust_policies_that_let_strangers_in_are_refused() {
    let right = Trust::Platform {
        principal: "arn:aws:iam::999999999999:role/firmhold-platform".to_owned(),
        external_ids: vec!["fh-1".to_owned()],
    };
    let right = right.document().unwrap();
    check_trust(&right).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut document = right.clone();
        change(&mut document["Statement"][0]);
        document
    };
    let bad = [
        ("no condition", changed(&|statement| drop(statement.as_object_mut().unwrap().remove("Condition")))),
        ("any id", changed(&|s| s["Condition"] = json!({"StringLike": {"sts:ExternalId": "*"}}))),
        ("an empty id", changed(&|s| s["Condition"] = json!({"StringEquals": {"sts:ExternalId": ""}}))),
        ("everybody", changed(&|s| s["Principal"] = json!("*"))),
        ("every account", changed(&|s| s["Principal"] = json!({"AWS": ["*"]}))),
        ("no policy", json!({"Statement": 3})),
    ];
    for (name, document) in bad {
        assert_eq!(check_trust(&document).unwrap_err().code(), Code::Usage, "{name}");
    }
}

#[test]
fn a_platform_without_an_external_id_is_refused() {
    let trust = Trust::Platform {
        principal: "arn:aws:iam::999999999999:role/p".to_owned(),
        external_ids: vec![String::new()],
    };
    assert_eq!(spec(FILE, Some(trust)).check().unwrap_err().code(), Code::Usage);
}
