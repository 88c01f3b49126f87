//! A principal that holds `installer-policy` and nothing else (row 5 of the account's half).

use std::collections::BTreeSet;

use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use firmhold_core::{Code, Problem, Secret};
use firmhold_provision::{OwnerCredentials, Plan, installer_policy};
use serde_json::{Value, json};

use crate::owner::{Account, BUCKET, keys, lines};

/// The role that stands for whoever sets the account up.
const INSTALLER: &str = "Installer";

/// Makes the principal of `account`'s commands one that may do what `policy` says.
pub async fn become_installer(account: &mut Account, policy: &Value) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]});
    let create = account.iam().create_role().role_name(INSTALLER);
    create.assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let put = account.iam().put_role_policy().role_name(INSTALLER).policy_name("p");
    put.policy_document(policy.to_string()).send().await.unwrap();
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_sts::config::Region::new("us-west-2"))
        .endpoint_url(account.sandbox.http_url())
        .credentials_provider(keys(account.sandbox.customer()));
    let sts = aws_sdk_sts::Client::from_conf(config.build());
    let assume =
        sts.assume_role().role_arn("arn:aws:iam::111122223333:role/Installer").role_session_name("installer");
    let session = assume.send().await.unwrap().credentials.unwrap();
    account.access.credentials = OwnerCredentials::Static {
        access_key_id: session.access_key_id,
        secret_access_key: Secret::new(session.secret_access_key),
        session_token: Some(Secret::new(session.session_token)),
    };
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements
        .flat_map(|it| it["Action"].as_array().unwrap())
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        statement["Action"].as_array_mut().unwrap().retain(|it| it != action);
    }
    policy["Statement"].as_array_mut().unwrap().retain(|it| !it["Action"].as_array().unwrap().is_empty());
    policy
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installer_policy_is_enough_from_nothing_to_nothing() {
    let mut account = Account::start().await;
    let policy = installer_policy(&account.spec, true).unwrap();
    become_installer(&mut account, &policy).await;
    account.run(&[]).await.unwrap();
    assert!(account.plan().await.unwrap().is_empty());
    let plan = account.teardown_plan().await.unwrap();
    account.carry_out(&plan, &[], |_| false).await.unwrap();
    assert!(account.teardown_plan().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_of_its_actions_the_missing_one_is_named() {
    let account = Account::start().await;
    let policy = installer_policy(&account.spec, false).unwrap();
    let mut wrong = Vec::new();
    for action in actions(&policy) {
        let mut account = Account::start().await;
        become_installer(&mut account, &without(&policy, &action)).await;
        match drift_and_mend(&account).await {
            Ok(()) => wrong.push(format!("{action} is not needed")),
            Err(problem) if problem.code() != Code::StoreDenied || !problem.detail().contains(&action) => {
                wrong.push(format!("{action}: {problem}"));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Everything that an installer ever does: from nothing, and again when role and bucket have drifted.
async fn drift_and_mend(account: &Account) -> Result<(), Problem> {
    let plan = account.plan().await?;
    account.carry_out(&plan, &[], |_| false).await?;
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]});
    let update = account.iam().update_assume_role_policy().role_name("FirmholdBackend");
    update.policy_document(open.to_string()).send().await.unwrap();
    account.iam().update_role().role_name("FirmholdBackend").description("x").send().await.unwrap();
    let kms =
        ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::AwsKms).build().unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(kms).build();
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build().unwrap();
    let put = account.s3().put_bucket_encryption().bucket(BUCKET);
    put.server_side_encryption_configuration(rules).send().await.unwrap();
    account.s3().delete_public_access_block().bucket(BUCKET).send().await.unwrap();
    let plan: Plan = account.plan().await?;
    plan.must_be_seen()?;
    assert_eq!(lines(&plan).len(), 4, "{:?}", lines(&plan));
    account.carry_out(&plan, &[], |_| false).await
}
