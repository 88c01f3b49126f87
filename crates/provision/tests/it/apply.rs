//! Runs: the first, the second, and those that must not go on.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, VersioningConfiguration};
use firmhold_core::Code;
use firmhold_provision::Spec;
use serde_json::{Value, json};

use crate::owner::{BUCKET, Owner, access};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_makes_all_and_the_second_nothing() {
    let owner = Owner::start().await;
    insta::assert_debug_snapshot!(owner.run().await.unwrap(), @r#"
    [
        "bucket created: made acme-firmware in us-west-2; turned versioning on (was off)",
        "bucket policy created: added FirmholdDenyPlainHttp; added FirmholdDenyOldTls",
        "role created: made arn:aws:iam::111122223333:role/FirmholdBackend with its final trust policy",
        "inline policy created: added firmhold-bucket",
    ]
    "#);
    owner.sandbox.request_log().clear();
    insta::assert_debug_snapshot!(owner.run().await.unwrap(), @r#"
    [
        "bucket unchanged: versioned, ACLs off, all public access blocked, encrypted",
        "bucket policy unchanged: our statements are there",
        "role unchanged: arn:aws:iam::111122223333:role/FirmholdBackend trusts as it should",
        "inline policy unchanged: firmhold-bucket is as it should be",
    ]
    "#);
    assert_eq!(owner.writes(), Vec::<String>::new(), "a run over what is there writes");
    let versioning = owner.s3().get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
    assert_eq!(versioning.status.unwrap().as_str(), "Enabled");
}

/// There is never a moment in which the role trusts anyone else (T17).
#[tokio::test(flavor = "multi_thread")]
async fn the_role_is_made_once_with_its_final_trust() {
    let owner = Owner::start().await;
    owner.run().await.unwrap();
    let roles: Vec<String> =
        owner.writes().into_iter().filter(|name| name.contains("Role") || name.contains("Assume")).collect();
    assert_eq!(roles, ["CreateRole", "PutRolePolicy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_put_into_the_bucket_policy_stays_byte_for_byte() {
    let owner = Owner::start().await;
    make_bucket(&owner, "us-west-2").await;
    let theirs = format!(
        "{{\"Sid\" :\"Audit\",  \"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"arn:aws:iam::111122223333:root\"}},\n\"Action\":[\"s3:GetBucketLocation\"],\"Resource\":\"arn:aws:s3:::{BUCKET}\"}}"
    );
    let before = format!("{{\"Statement\":[ {theirs} ] , \"Version\":\"2012-10-17\"}}");
    owner.s3().put_bucket_policy().bucket(BUCKET).policy(&before).send().await.unwrap();
    let lines = owner.run().await.unwrap();
    assert!(lines[1].starts_with("bucket policy changed: added FirmholdDenyPlainHttp"), "{lines:?}");
    let after = owner.s3().get_bucket_policy().bucket(BUCKET).send().await.unwrap().policy.unwrap();
    assert!(after.contains(&theirs), "{after}");
    let lines = owner.run().await.unwrap();
    assert!(lines.iter().all(|line| line.contains("unchanged")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_mended_and_told() {
    let owner = Owner::start().await;
    owner.run().await.unwrap();
    let suspended = VersioningConfiguration::builder().status("Suspended".into()).build();
    owner
        .s3()
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(suspended)
        .send()
        .await
        .unwrap();
    owner.s3().delete_public_access_block().bucket(BUCKET).send().await.unwrap();
    let role = &owner.spec.role_name;
    let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]});
    owner
        .iam()
        .update_assume_role_policy()
        .role_name(role)
        .policy_document(open.to_string())
        .send()
        .await
        .unwrap();
    owner.iam().delete_role_policy().role_name(role).policy_name("firmhold-bucket").send().await.unwrap();
    insta::assert_debug_snapshot!(owner.run().await.unwrap(), @r#"
    [
        "bucket changed: blocked public access (off were: BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets); turned versioning on (was suspended)",
        "bucket policy unchanged: our statements are there",
        "role changed: replaced the trust policy (was {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"}}]})",
        "inline policy created: added firmhold-bucket",
    ]
    "#);
    let lines = owner.run().await.unwrap();
    assert!(lines.iter().all(|line| line.contains("unchanged")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_not_ours_is_left_alone() {
    let owner = Owner::start().await;
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]});
    let role = &owner.spec.role_name;
    owner
        .iam()
        .create_role()
        .role_name(role)
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .unwrap();
    let problem = owner.run().await.unwrap_err();
    assert_eq!(problem.code(), Code::Duplicate);
    assert!(problem.hint().unwrap().contains("tag-role"), "{problem}");
    let kept = owner.iam().get_role().role_name(role).send().await.unwrap().role.unwrap();
    assert!(kept.assume_role_policy_document.unwrap().contains("ec2.amazonaws.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_lies_elsewhere_is_refused() {
    let owner = Owner::start().await;
    make_bucket(&owner, "eu-west-1").await;
    let problem = owner.run().await.unwrap_err();
    assert!(problem.detail().contains("exists in eu-west-1"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_account_change_nothing() {
    let mut owner = Owner::start().await;
    owner.access = access(&owner.sandbox, owner.sandbox.platform());
    let problem = owner.run().await.unwrap_err();
    assert_eq!(problem.code(), Code::Usage);
    assert!(problem.detail().contains("999999999999"), "{problem}");
    assert!(owner.s3().head_bucket().bucket(BUCKET).send().await.is_err());
}

/// Policies come over the wire; whoever sends them must not get the owner to open the account.
#[tokio::test(flavor = "multi_thread")]
async fn a_spec_that_would_let_strangers_in_is_refused() {
    let owner = Owner::start().await;
    let right = &owner.spec;
    let bad: Vec<(&str, Spec)> = vec![
        ("no condition", trust(right, |statement| drop(statement.remove("Condition")))),
        ("any id", trust(right, |s| s["Condition"] = json!({"StringLike": {"sts:ExternalId": "*"}}))),
        ("everybody", trust(right, |s| s["Principal"] = json!("*"))),
        (
            "a public bucket",
            Spec {
                bucket_policy: json!({"Version": "2012-10-17", "Statement": [{"Sid": "FirmholdX", "Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}),
                ..right.clone()
            },
        ),
        (
            "a statement of somebody else's",
            Spec {
                bucket_policy: json!({"Version": "2012-10-17", "Statement": [{"Sid": "KeepOut", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}]}),
                ..right.clone()
            },
        ),
        ("all services", allowing(right, json!("*"), json!("arn:aws:s3:::b/*"))),
        (
            "another service",
            allowing(right, json!(["s3:GetObject", "iam:PassRole"]), json!("arn:aws:s3:::b/*")),
        ),
        ("everything", allowing(right, json!("s3:*"), json!("*"))),
        (
            "all buckets",
            allowing(right, json!("s3:GetObject"), json!(["arn:aws:s3:::b/*", "arn:aws:s3:::*"])),
        ),
        (
            "all keys",
            allowing(right, json!("kms:Decrypt"), json!("arn:aws:kms:us-west-2:111122223333:key/*")),
        ),
        ("no account", Spec { account: "ACCOUNT".to_owned(), ..right.clone() }),
        ("no policy", Spec { permission_policy: json!({"Statement": 3}), ..right.clone() }),
    ];
    for (name, spec) in bad {
        assert_eq!(spec.check().unwrap_err().code(), Code::Usage, "{name}");
    }
    assert!(right.check().is_ok());
}

fn allowing(spec: &Spec, action: Value, resource: Value) -> Spec {
    let mut spec = spec.clone();
    let statement = json!({"Sid": "FirmholdX", "Effect": "Allow", "Action": action, "Resource": resource});
    spec.permission_policy["Statement"].as_array_mut().unwrap().push(statement);
    spec
}

fn trust(spec: &Spec, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Spec {
    let mut spec = spec.clone();
    change(spec.trust["Statement"][0].as_object_mut().unwrap());
    spec
}

async fn make_bucket(owner: &Owner, region: &str) {
    let here =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region));
    let config = owner.s3().config().to_builder().region(aws_sdk_s3::config::Region::new(region.to_owned()));
    let s3 = aws_sdk_s3::Client::from_conf(config.build());
    s3.create_bucket().bucket(BUCKET).create_bucket_configuration(here.build()).send().await.unwrap();
}

/// The owner had a reason for a key; a default that is weaker is not put in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_a_key_keeps_it() {
    use aws_sdk_s3::types::{
        ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
        ServerSideEncryptionRule,
    };
    let owner = Owner::start().await;
    make_bucket(&owner, "us-west-2").await;
    let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let by_default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id(key)
        .build()
        .unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default);
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build().unwrap();
    let put = owner.s3().put_bucket_encryption().bucket(BUCKET);
    put.server_side_encryption_configuration(rules).send().await.unwrap();
    let problem = owner.run().await.unwrap_err();
    assert_eq!(problem.code(), Code::StateForbids);
    assert!(problem.detail().contains(key), "{problem}");
}
