//! The KMS key: made, given, and of another account.

use firmhold_core::Code;
use firmhold_provision::{Progress, installer_policy};

use crate::owner::{Account, BUCKET, FILE, REGION, keys, lines};

fn with(encryption: &str) -> String {
    format!("{FILE}[encryption]\nmode = \"sse-kms\"\n{encryption}\n")
}

fn kms(account: &Account) -> aws_sdk_kms::Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(aws_sdk_kms::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_kms::config::Region::new(REGION))
        .endpoint_url(account.sandbox.http_url())
        .credentials_provider(keys(account.sandbox.customer()));
    aws_sdk_kms::Client::from_conf(config.build())
}

async fn count(account: &Account) -> usize {
    kms(account).list_keys().send().await.unwrap().keys().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_with_the_bucket_and_kept_when_it_goes() {
    let account = Account::with(&with("key = \"make\"\nrotation_days = 180")).await;
    let done = account.run(&[]).await.unwrap();
    insta::assert_debug_snapshot!(done[..3], @r#"
    [
        "create key: make a key for this bucket",
        "create key alias: name it alias/firmhold-acme-firmware",
        "change key rotation: let KMS rotate it every 180 days (is off)",
    ]
    "#);
    assert_eq!(lines(&account.plan().await.unwrap()), Vec::<String>::new());
    let put = account.s3().put_object().bucket(BUCKET).key("fw/a").body(b"x".to_vec().into());
    let key = put.send().await.unwrap().ssekms_key_id.unwrap();
    let role = account.iam().get_role_policy().role_name("FirmholdBackend").policy_name("firmhold-bucket");
    assert!(role.send().await.unwrap().policy_document().contains(key.rsplit('/').next().unwrap()));
    let plan = account.teardown_plan().await.unwrap();
    assert!(plan.left.iter().any(|left| left.says.contains("never removed")), "{:?}", plan.left);
    account.carry_out(&plan, &[], |_| false).await.unwrap();
    assert_eq!(count(&account).await, 1);
}

/// Ended between any two steps, there is one key in the end, found again by its tag when it has no name yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_makes_no_second_key() {
    let account = Account::with(&with("key = \"make\"")).await;
    for _ in 0..20 {
        let plan = account.plan().await.unwrap();
        if plan.is_empty() {
            break;
        }
        account.carry_out(&plan, &[], |progress| matches!(progress, Progress::Written(_))).await.unwrap_err();
    }
    assert!(account.plan().await.unwrap().is_empty());
    assert_eq!(count(&account).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_disabled_stops_the_plan() {
    let account = Account::with(&with("key = \"make\"")).await;
    account.run(&[]).await.unwrap();
    let key = kms(&account).describe_key().key_id("alias/firmhold-acme-firmware").send().await.unwrap();
    let arn = key.key_metadata.unwrap().arn.unwrap();
    kms(&account).disable_key().key_id(&arn).send().await.unwrap();
    let problem = account.plan().await.unwrap_err();
    assert_eq!(problem.code(), Code::StateForbids);
    assert!(problem.hint().unwrap().contains("aws kms enable-key"), "{problem}");
}

/// Only its owner can change its policy: the plan says what to send them.
#[tokio::test(flavor = "multi_thread")]
async fn for_a_key_of_another_account_there_is_a_letter() {
    let arn = "arn:aws:kms:us-west-2:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let account = Account::with(&with(&format!("key = \"{arn}\""))).await;
    let plan = account.plan().await.unwrap();
    assert_eq!(plan.letters.len(), 1);
    assert_eq!(plan.letters[0].to, "the owner of account 444455556666");
    assert!(plan.letters[0].document.to_string().contains("role/FirmholdBackend"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_there_is_said_before_anything_is_made() {
    let arn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let account = Account::with(&with(&format!("key = \"{arn}\""))).await;
    let problem = account.plan().await.unwrap_err();
    assert!(problem.detail().contains("there is no key"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installer_policy_is_enough_for_a_key() {
    let mut account = Account::with(&with("key = \"make\"")).await;
    let policy = installer_policy(&account.spec, true).unwrap();
    crate::installer::become_installer(&mut account, &policy).await;
    account.run(&[]).await.unwrap();
    assert!(account.plan().await.unwrap().is_empty());
}
