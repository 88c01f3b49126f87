//! S3 requests are decided by the caller's policies and the bucket's.

use aws_sdk_s3::types::PublicAccessBlockConfiguration;

use crate::harness::{Harness, PLATFORM, allow, refusal, refusal_code, s3_of, start};

const EXTERNAL_ID: &str = "fh-7d1c0f6a";

async fn role_with(harness: &Harness, actions: &[&str], resources: &[&str]) -> aws_sdk_s3::Client {
    let role = harness.customer_role("fw", EXTERNAL_ID, &allow(actions, resources)).await;
    harness.s3(harness.backend(&role, EXTERNAL_ID, None).await)
}

async fn put_policy(harness: &Harness, bucket: &str, statements: &str) {
    let policy = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    harness.s3(harness.admin()).put_bucket_policy().bucket(bucket).policy(policy).send().await.unwrap();
}

#[tokio::test]
async fn a_bucket_policy_denies_also_its_owner() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    put_policy(
        &harness,
        "acme-fw",
        r#"{"Sid": "KeepFirmware", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
            "Resource": "arn:aws:s3:::acme-fw/fw/*"}"#,
    )
    .await;
    let s3 = harness.s3(harness.admin());
    assert_eq!(
        refusal(s3.delete_object().bucket("acme-fw").key("fw/a").send().await),
        "403 AccessDenied: User: arn:aws:iam::111122223333:user/admin is not authorized to perform: s3:DeleteObject \
         on resource: \"arn:aws:s3:::acme-fw/fw/a\" with an explicit deny in a resource-based policy"
    );
    let entry = harness.sandbox.request_log().entries().pop().unwrap();
    assert_eq!(
        (entry.service.as_str(), entry.operation.as_str(), entry.status, entry.caller.as_str()),
        ("s3", "DeleteObject", 403, "arn:aws:iam::111122223333:user/admin")
    );
    assert!(entry.decision.contains("(KeepFirmware)"), "{}", entry.decision);
    s3.get_object().bucket("acme-fw").key("fw/a").send().await.unwrap();
}

#[tokio::test]
async fn another_account_needs_both_sides() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let platform = harness.s3(harness.platform().await);
    let get = || platform.get_object().bucket("acme-fw").key("fw/a").send();
    assert_eq!(refusal(get().await), "403 AccessDenied: Access Denied");
    put_policy(
        &harness,
        "acme-fw",
        &format!(
            r#"{{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::{PLATFORM}:root"}}, "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::acme-fw/*"}}"#
        ),
    )
    .await;
    // The bucket lets the account in, but the platform's role may only assume roles.
    assert_eq!(refusal(get().await), "403 AccessDenied: Access Denied");
}

#[tokio::test]
async fn each_operation_needs_its_action() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = role_with(&harness, &["s3:GetObject", "s3:PutObject"], &["arn:aws:s3:::acme-fw/fw/*"]).await;
    let action = |text: String| {
        text.split("to perform: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or(&text).to_owned()
    };
    s3.get_object().bucket("acme-fw").key("fw/a").send().await.unwrap();
    let object = || s3.get_object().bucket("acme-fw").key("fw/a");
    assert_eq!(action(refusal(object().version_id("null").send().await)), "s3:GetObjectVersion");
    let list = s3.list_objects_v2().bucket("acme-fw").send().await;
    assert_eq!(action(refusal(list)), "s3:ListBucket");
    let versions = s3.list_object_versions().bucket("acme-fw").send().await;
    assert_eq!(action(refusal(versions)), "s3:ListBucketVersions");
    let delete = s3.delete_object().bucket("acme-fw").key("fw/a").version_id("null").send().await;
    assert_eq!(action(refusal(delete)), "s3:DeleteObjectVersion");
    let encryption = s3.get_bucket_encryption().bucket("acme-fw").send().await;
    assert_eq!(action(refusal(encryption)), "s3:GetEncryptionConfiguration");
    let upload = s3.create_multipart_upload().bucket("acme-fw").key("fw/b").send().await.unwrap();
    let abort =
        s3.abort_multipart_upload().bucket("acme-fw").key("fw/b").upload_id(upload.upload_id.unwrap());
    assert_eq!(action(refusal(abort.send().await)), "s3:AbortMultipartUpload");
    let tagged = s3.put_object().bucket("acme-fw").key("fw/c").tagging("a=b").body(b"c".to_vec().into());
    assert_eq!(action(refusal(tagged.send().await)), "s3:PutObjectTagging");
    let elsewhere = s3.put_object().bucket("acme-fw").key("else/c").body(b"c".to_vec().into());
    assert_eq!(action(refusal(elsewhere.send().await)), "s3:PutObject");
}

#[tokio::test]
async fn a_missing_key_is_told_to_those_who_may_list() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = role_with(&harness, &["s3:GetObject"], &["arn:aws:s3:::acme-fw/*"]).await;
    let admin = harness.s3(harness.admin());
    assert_eq!(refusal_code(admin.get_object().bucket("acme-fw").key("no").send().await), "404 NoSuchKey");
    assert_eq!(refusal_code(s3.get_object().bucket("acme-fw").key("no").send().await), "403 AccessDenied");
    assert_eq!(
        refusal_code(s3.get_object().bucket("acme-nobody").key("no").send().await),
        "404 NoSuchBucket"
    );
}

#[tokio::test]
async fn a_list_is_bound_to_its_prefix() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::acme-fw", "Condition": {"StringLike": {"s3:prefix": "fw/*"}}}]}"#;
    let role = harness.customer_role("fw", EXTERNAL_ID, policy).await;
    let s3 = harness.s3(harness.backend(&role, EXTERNAL_ID, None).await);
    let list = || s3.list_objects_v2().bucket("acme-fw");
    assert_eq!(list().prefix("fw/").send().await.unwrap().contents().len(), 1);
    assert_eq!(refusal_code(list().send().await), "403 AccessDenied");
    assert_eq!(refusal_code(list().prefix("x").send().await), "403 AccessDenied");
}

#[tokio::test]
async fn a_list_of_a_prefix_tells_of_missing_keys_below_it_only() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-fw/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::acme-fw",
         "Condition": {"StringLike": {"s3:prefix": "fw/*"}}}]}"#;
    let role = harness.customer_role("fw", EXTERNAL_ID, policy).await;
    let s3 = harness.s3(harness.backend(&role, EXTERNAL_ID, None).await);
    let get = |key| s3.get_object().bucket("acme-fw").key(key).send();
    assert_eq!(refusal_code(get("fw/no").await), "404 NoSuchKey");
    assert_eq!(refusal_code(get("else/no").await), "403 AccessDenied");
}

#[tokio::test]
async fn the_expected_owner_is_the_owner() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    let head =
        |owner: &str| s3.get_object().bucket("acme-fw").key("fw/a").expected_bucket_owner(owner).send();
    head("111122223333").await.unwrap();
    assert_eq!(refusal(head("444455556666").await), "403 AccessDenied: Access Denied");
}

#[tokio::test]
async fn another_region_is_told_where_to_go() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let clock = harness.sandbox.clock().clone();
    let get = async |region| {
        let s3 = s3_of(&harness.sdk_in(harness.admin(), region, clock.clone()));
        let error = s3.get_object().bucket("acme-fw").key("fw/a").send().await.unwrap_err();
        let region = error.raw_response().unwrap().headers().get("x-amz-bucket-region").unwrap().to_owned();
        (refusal_code::<(), _>(Err(error)), region)
    };
    assert_eq!(
        get("us-east-1").await,
        ("400 AuthorizationHeaderMalformed".to_owned(), "us-west-2".to_owned())
    );
    assert_eq!(get("eu-west-1").await, ("301 PermanentRedirect".to_owned(), "us-west-2".to_owned()));
    let s3 = s3_of(&harness.sdk_in(harness.admin(), "us-east-1", clock.clone()));
    let location = s3.get_bucket_location().bucket("acme-fw").send().await.unwrap();
    assert_eq!(location.location_constraint.unwrap().as_str(), "us-west-2");
}

#[tokio::test]
async fn strangers_come_in_only_by_a_public_policy() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let url = format!("{}/acme-fw/fw/a", harness.sandbox.http_url());
    let status = async || reqwest::get(&url).await.unwrap().status().as_u16();
    assert_eq!(status().await, 403);
    let open = PublicAccessBlockConfiguration::builder()
        .block_public_policy(false)
        .restrict_public_buckets(false)
        .build();
    let s3 = harness.s3(harness.admin());
    let put = s3.put_public_access_block().bucket("acme-fw");
    put.public_access_block_configuration(open).send().await.unwrap();
    put_policy(
        &harness,
        "acme-fw",
        r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-fw/*"}"#,
    )
    .await;
    assert_eq!(status().await, 200);
    let restrict = PublicAccessBlockConfiguration::builder().restrict_public_buckets(true).build();
    let put = s3.put_public_access_block().bucket("acme-fw");
    put.public_access_block_configuration(restrict).send().await.unwrap();
    assert_eq!(status().await, 403);
}

#[tokio::test]
async fn a_copy_reads_its_source_by_the_sources_tags() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let admin = harness.s3(harness.admin());
    let put = |key: &str, tag: &str| {
        admin.put_object().bucket("acme-fw").key(key).tagging(tag).body(b"b".to_vec().into()).send()
    };
    put("fw/live", "state=live").await.unwrap();
    put("fw/retired", "state=retired").await.unwrap();
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::acme-fw/*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*",
         "Condition": {"StringEquals": {"s3:ExistingObjectTag/state": "retired"}}}]}"#;
    let role = harness.customer_role("fw", EXTERNAL_ID, policy).await;
    let s3 = harness.s3(harness.backend(&role, EXTERNAL_ID, None).await);
    let copy = |from: &str| {
        s3.copy_object().bucket("acme-fw").key("fw/copy").copy_source(format!("acme-fw/{from}")).send()
    };
    copy("fw/live").await.unwrap();
    assert_eq!(refusal_code(copy("fw/retired").await), "403 AccessDenied");
}

#[tokio::test]
async fn a_new_buckets_ownership_is_decided_on() {
    let harness = start().await;
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:CreateBucket", "s3:PutBucketOwnershipControls"], "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:CreateBucket", "Resource": "*",
         "Condition": {"StringEquals": {"s3:x-amz-object-ownership": "ObjectWriter"}}}]}"#;
    let role = harness.customer_role("fw", EXTERNAL_ID, policy).await;
    let config = harness.sdk_in(
        harness.backend(&role, EXTERNAL_ID, None).await,
        "us-east-1",
        harness.sandbox.clock().clone(),
    );
    let s3 = s3_of(&config);
    let make =
        |ownership: &str| s3.create_bucket().bucket("acme-new").object_ownership(ownership.into()).send();
    assert_eq!(refusal_code(make("ObjectWriter").await), "403 AccessDenied");
    make("BucketOwnerEnforced").await.unwrap();
}

#[tokio::test]
async fn a_roles_tags_are_its_sessions() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalTag/team": "sales"}}}]}"#;
    let role = harness.customer_role("fw", EXTERNAL_ID, policy).await;
    let s3 = harness.s3(harness.backend(&role, EXTERNAL_ID, None).await);
    let get = || s3.get_object().bucket("acme-fw").key("fw/a").send();
    get().await.unwrap();
    let tag = aws_sdk_iam::types::Tag::builder().key("team").value("sales").build().unwrap();
    harness.iam().tag_role().role_name("fw").tags(tag).send().await.unwrap();
    assert_eq!(refusal_code(get().await), "403 AccessDenied");
}
