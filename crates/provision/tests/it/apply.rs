//! Runs: the first, the second, and those that must not go on.

use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};
use firmhold_core::Code;
use serde_json::json;

use crate::owner::{Account, BUCKET, REGION, ROLE, access, lines};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_makes_all_and_the_second_plan_is_empty() {
    let account = Account::start().await;
    insta::assert_debug_snapshot!(account.run(&[]).await.unwrap(), @r#"
    [
        "create bucket: make acme-firmware in us-west-2",
        "create tags: set firmhold=acme-firmware/fw/",
        "change public access: block all of it",
        "change versioning: turn it on (is off)",
        "create bucket policy: add FirmholdDenyPlainHttp, add FirmholdDenyOldTls",
        "create lifecycle: add firmhold-old-versions, add firmhold-abandoned-uploads",
        "create role: make it, with its final trust policy",
        "create role policy: add firmhold-bucket",
    ]
    "#);
    let plan = account.plan().await.unwrap();
    assert_eq!(lines(&plan), Vec::<String>::new());
    let kept: Vec<String> = plan.kept.iter().map(|note| format!("{}: {}", note.kind, note.says)).collect();
    insta::assert_debug_snapshot!(kept, @r#"
    [
        "bucket: is there, in us-west-2",
        "tags: ours are there",
        "public access: all of it is blocked",
        "ownership: ACLs are off",
        "encryption: by default AES256",
        "versioning: is on",
        "bucket policy: our statements are there",
        "lifecycle: our rules are there",
        "role: trusts as it should",
        "role policy: firmhold-bucket is as it should be",
    ]
    "#);
    account.sandbox.request_log().clear();
    account.run(&[]).await.unwrap();
    assert_eq!(account.writes(), Vec::<String>::new(), "a run over what is there writes");
    let versioning = account.s3().get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
    assert_eq!(versioning.status.unwrap().as_str(), "Enabled");
}

/// There is never a moment in which the role trusts anyone else (T17).
#[tokio::test(flavor = "multi_thread")]
async fn the_role_is_made_once_with_its_final_trust() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    let roles: Vec<String> = account
        .writes()
        .into_iter()
        .filter(|name| name.contains("Role") || name.contains("Assume"))
        .collect();
    assert_eq!(roles, ["CreateRole", "PutRolePolicy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_and_mended() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    let suspended = VersioningConfiguration::builder().status("Suspended".into()).build();
    let put = account.s3().put_bucket_versioning().bucket(BUCKET);
    put.versioning_configuration(suspended).send().await.unwrap();
    account.s3().delete_public_access_block().bucket(BUCKET).send().await.unwrap();
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]});
    let update = account.iam().update_assume_role_policy().role_name(ROLE);
    update.policy_document(open.to_string()).send().await.unwrap();
    account.iam().update_role().role_name(ROLE).max_session_duration(7200).send().await.unwrap();
    account.iam().delete_role_policy().role_name(ROLE).policy_name("firmhold-bucket").send().await.unwrap();
    insta::assert_debug_snapshot!(account.run(&[]).await.unwrap(), @r#"
    [
        "change public access: block all of it (off: BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets)",
        "change versioning: turn it on (is suspended)",
        "change role: replace the trust policy (was {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"}}]})",
        "change role: set the longest session to 3600 s (was 7200 s)",
        "create role policy: add firmhold-bucket",
    ]
    "#);
    assert!(account.plan().await.unwrap().is_empty());
}

/// What an older release attached is told by what it lacks.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_lacks_an_action_says_which() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    let get = account.iam().get_role_policy().role_name(ROLE).policy_name("firmhold-bucket");
    let there = get.send().await.unwrap();
    let text = there.policy_document().replace("%22s3%3AGetObjectVersion%22%2C", "");
    let text = percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned();
    let put = account.iam().put_role_policy().role_name(ROLE).policy_name("firmhold-bucket");
    put.policy_document(text).send().await.unwrap();
    let lines = account.run(&[]).await.unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("needs s3:GetObjectVersion besides"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_not_ours_is_left_alone() {
    let account = Account::start().await;
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]});
    let create = account.iam().create_role().role_name(ROLE);
    create.assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let problem = account.plan().await.unwrap_err();
    assert_eq!(problem.code(), Code::Duplicate);
    assert!(problem.hint().unwrap().contains("tag-role"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_lies_elsewhere_is_refused() {
    let account = Account::start().await;
    make_bucket(&account, "eu-west-1").await;
    let problem = account.plan().await.unwrap_err();
    assert!(problem.detail().contains("exists in eu-west-1"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_account_see_and_change_nothing() {
    let mut account = Account::start().await;
    account.access = access(&account.sandbox, account.sandbox.platform());
    let problem = account.plan().await.unwrap_err();
    assert_eq!(problem.code(), Code::Usage);
    assert!(problem.detail().contains("999999999999"), "{problem}");
    assert!(account.s3().head_bucket().bucket(BUCKET).send().await.is_err());
}

/// The owner had a reason for a key; a default that is weaker is put in its place only by name.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_a_key_keeps_it() {
    let account = Account::start().await;
    make_bucket(&account, REGION).await;
    let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let by_default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id(key)
        .build()
        .unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default);
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build().unwrap();
    let put = account.s3().put_bucket_encryption().bucket(BUCKET);
    put.server_side_encryption_configuration(rules).send().await.unwrap();
    let problem = account.run(&[]).await.unwrap_err();
    assert_eq!(problem.code(), Code::Usage);
    assert!(problem.detail().contains(key), "{problem}");
    assert!(problem.hint().unwrap().contains("--accept encryption"), "{problem}");
    assert_eq!(account.writes(), ["CreateBucket", "PutBucketEncryption"], "only the test's own");
}

pub async fn make_bucket(account: &Account, region: &str) {
    let here =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region));
    let config =
        account.s3().config().to_builder().region(aws_sdk_s3::config::Region::new(region.to_owned()));
    let s3 = aws_sdk_s3::Client::from_conf(config.build());
    s3.create_bucket().bucket(BUCKET).create_bucket_configuration(here.build()).send().await.unwrap();
}
