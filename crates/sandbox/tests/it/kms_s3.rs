//! SSE-KMS in S3: KMS is asked with the rights of whoever puts or gets.

use aws_credential_types::Credentials;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};

use crate::harness::{CUSTOMER, Harness, PLATFORM, refusal, start, start_with_two_admins};

const BUCKET: &str = "acme-fw";

/// A sandbox with a bucket whose default is a key, and the key's ARN.
async fn with_key() -> (Harness, String) {
    let harness = start().await;
    harness.bucket(BUCKET).await;
    let kms = harness.kms(harness.admin());
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    encrypt_with(&harness, Some(&key)).await;
    (harness, key)
}

async fn encrypt_with(harness: &Harness, key: Option<&str>) {
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .set_kms_master_key_id(key.map(str::to_owned));
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default.build().unwrap())
        .bucket_key_enabled(false);
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build()).build().unwrap();
    let put = harness.s3(harness.admin()).put_bucket_encryption().bucket(BUCKET);
    put.server_side_encryption_configuration(rules).send().await.unwrap();
}

async fn put(s3: &aws_sdk_s3::Client, key: &str) -> String {
    let put = s3.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"firmware")).send().await;
    match put {
        Ok(put) => put.ssekms_key_id.unwrap_or_default(),
        error => refusal(error),
    }
}

async fn get(s3: &aws_sdk_s3::Client, key: &str) -> String {
    match s3.get_object().bucket(BUCKET).key(key).send().await {
        Ok(got) => String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap(),
        error => refusal(error),
    }
}

/// A session that may do everything with the bucket, and this with the key.
async fn session(harness: &Harness, role: &str, key_actions: &[&str], key: &str) -> Credentials {
    let statement = |actions: &str, resource: &str| {
        format!(r#"{{"Effect": "Allow", "Action": {actions}, "Resource": "{resource}"}}"#)
    };
    let actions =
        format!("[{}]", key_actions.iter().map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(", "));
    let own = match key_actions {
        [] => String::new(),
        _ => format!(", {}", statement(&actions, key)),
    };
    let policy =
        format!(r#"{{"Version": "2012-10-17", "Statement": [{}{own}]}}"#, statement("\"s3:*\"", "*"));
    harness.customer_session(role, &policy).await
}

fn denied(role: &str, action: &str, key: &str) -> String {
    format!(
        "403 AccessDenied: User: arn:aws:sts::{CUSTOMER}:assumed-role/{role}/s1 is not authorized to perform: {action} \
         on resource: {key} because no identity-based policy allows the {action} action"
    )
}

#[tokio::test]
async fn a_put_needs_a_data_key_and_a_get_decryption() {
    let (harness, key) = with_key().await;
    let s3 = harness.s3(session(&harness, "writer", &["kms:GenerateDataKey"], &key).await);
    assert_eq!(put(&s3, "fw/a").await, key);
    assert_eq!(get(&s3, "fw/a").await, denied("writer", "kms:Decrypt", &key));
    // What is known about an object needs no key, its checksum does.
    let head = || s3.head_object().bucket(BUCKET).key("fw/a");
    assert_eq!(head().send().await.unwrap().ssekms_key_id.as_deref(), Some(key.as_str()));
    let with_checksum = head().checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await;
    assert!(with_checksum.is_err());

    let s3 = harness.s3(session(&harness, "reader", &["kms:Decrypt"], &key).await);
    assert_eq!(get(&s3, "fw/a").await, "firmware");
    assert_eq!(put(&s3, "fw/b").await, denied("reader", "kms:GenerateDataKey", &key));
    let copy = s3.copy_object().bucket(BUCKET).key("fw/c").copy_source("acme-fw/fw/a").send().await;
    assert_eq!(refusal(copy), denied("reader", "kms:GenerateDataKey", &key));
    // The object that was put before the default changed is not under the key.
    let s3 = harness.s3(session(&harness, "none", &[], &key).await);
    s3.put_object()
        .bucket(BUCKET)
        .key("fw/d")
        .server_side_encryption(ServerSideEncryption::Aes256)
        .send()
        .await
        .unwrap();
    s3.get_object().bucket(BUCKET).key("fw/d").send().await.unwrap();
}

/// T05: an upload in parts needs both, as S3 reads the parts again.
#[tokio::test]
async fn an_upload_in_parts_needs_both() {
    let (harness, key) = with_key().await;
    let upload = async |s3: &aws_sdk_s3::Client| -> Result<String, String> {
        let open = s3.create_multipart_upload().bucket(BUCKET).key("fw/m");
        let open = open.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
        let id = open.map_err(|error| refusal::<(), _>(Err(error)))?.upload_id.unwrap();
        let part = s3.upload_part().bucket(BUCKET).key("fw/m").upload_id(&id).part_number(1);
        let part = part.body(ByteStream::from_static(b"firmware")).send().await;
        let part = part.map_err(|error| refusal::<(), _>(Err(error)))?;
        let parts = CompletedPart::builder()
            .part_number(1)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(part.checksum_crc32)
            .build();
        let whole = CompletedMultipartUpload::builder().parts(parts).build();
        let done = s3.complete_multipart_upload().bucket(BUCKET).key("fw/m").upload_id(&id);
        let done = done.multipart_upload(whole).send().await;
        Ok(done.map_err(|error| refusal::<(), _>(Err(error)))?.ssekms_key_id.unwrap())
    };
    let writer = harness.s3(session(&harness, "writer", &["kms:GenerateDataKey"], &key).await);
    assert_eq!(upload(&writer).await, Err(denied("writer", "kms:Decrypt", &key)));
    let reader = harness.s3(session(&harness, "reader", &["kms:Decrypt"], &key).await);
    assert_eq!(upload(&reader).await, Err(denied("reader", "kms:GenerateDataKey", &key)));
    let both = harness.s3(session(&harness, "both", &["kms:Decrypt", "kms:GenerateDataKey"], &key).await);
    assert_eq!(upload(&both).await, Ok(key));
}

#[tokio::test]
async fn a_key_that_is_out_of_use_stops_both_ways() {
    let (harness, key) = with_key().await;
    let (s3, kms) = (harness.s3(harness.admin()), harness.kms(harness.admin()));
    assert_eq!(put(&s3, "fw/x").await, key);
    kms.disable_key().key_id(&key).send().await.unwrap();
    let disabled = format!("400 KMS.DisabledException: {key} is disabled.");
    assert_eq!((put(&s3, "fw/y").await, get(&s3, "fw/x").await), (disabled.clone(), disabled));
    kms.schedule_key_deletion().key_id(&key).pending_window_in_days(7).send().await.unwrap();
    let pending = format!("400 KMS.KMSInvalidStateException: {key} is pending deletion.");
    assert_eq!((put(&s3, "fw/y").await, get(&s3, "fw/x").await), (pending.clone(), pending));
    kms.cancel_key_deletion().key_id(&key).send().await.unwrap();
    kms.enable_key().key_id(&key).send().await.unwrap();
    assert_eq!(get(&s3, "fw/x").await, "firmware");
}

#[tokio::test]
async fn a_key_that_is_not_there_is_told_when_it_is_used() {
    let (harness, key) = with_key().await;
    let s3 = harness.s3(harness.admin());
    let absent = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    // As on AWS, the bucket takes it.
    encrypt_with(&harness, Some(absent)).await;
    assert_eq!(put(&s3, "fw/x").await, format!("400 KMS.NotFoundException: Key '{absent}' does not exist"));
    let abroad = key.replace("us-west-2", "eu-west-1");
    encrypt_with(&harness, Some(&abroad)).await;
    assert_eq!(put(&s3, "fw/x").await, "400 KMS.NotFoundException: Invalid arn eu-west-1");
    encrypt_with(&harness, Some("alias/fw")).await;
    assert_eq!(
        put(&s3, "fw/x").await,
        "400 KMS.NotFoundException: Alias arn:aws:kms:us-west-2:111122223333:alias/fw is not found."
    );
    let kms = harness.kms(harness.admin());
    kms.create_alias().alias_name("alias/fw").target_key_id(&key).send().await.unwrap();
    assert_eq!(put(&s3, "fw/x").await, key);
}

#[tokio::test]
async fn a_bucket_without_a_key_of_its_own_has_that_of_s3() {
    let (harness, _) = with_key().await;
    encrypt_with(&harness, None).await;
    // No right to any key: the key's own policy lets in whoever comes by way of S3.
    let s3 = harness.s3(session(&harness, "plain", &[], "").await);
    let key = put(&s3, "fw/x").await;
    assert!(key.starts_with("arn:aws:kms:us-west-2:111122223333:key/"), "{key}");
    assert_eq!(get(&s3, "fw/x").await, "firmware");
    let kms = harness.kms(harness.admin());
    let managed = kms.describe_key().key_id("alias/aws/s3").send().await.unwrap().key_metadata.unwrap();
    assert_eq!(managed.arn.as_deref(), Some(key.as_str()));
    assert_eq!(managed.key_manager, Some(aws_sdk_kms::types::KeyManagerType::Aws));
    // Its policy cannot be changed, and it does not work but by way of S3.
    let disable = refusal(kms.disable_key().key_id(&key).send().await);
    assert!(
        disable.ends_with("because no resource-based policy allows the kms:DisableKey action"),
        "{disable}"
    );
    let direct = kms.generate_data_key().key_id(&key).number_of_bytes(32).send().await;
    assert!(
        refusal(direct).ends_with("because no resource-based policy allows the kms:GenerateDataKey action")
    );
    let read = harness.s3(harness.admin()).get_bucket_encryption().bucket(BUCKET).send().await.unwrap();
    let rule = &read.server_side_encryption_configuration.unwrap().rules[0];
    let default = rule.apply_server_side_encryption_by_default.as_ref().unwrap();
    assert_eq!((default.sse_algorithm.as_str(), &default.kms_master_key_id), ("aws:kms", &None));
}

/// The key of another account: its policy has to let the role in, and only by way of S3 in the right region.
#[tokio::test]
async fn a_foreign_key_needs_its_owners_statement() {
    let harness = start_with_two_admins().await;
    harness.bucket(BUCKET).await;
    let owner = harness.kms(harness.platform_user());
    let key = owner.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    encrypt_with(&harness, Some(&key)).await;
    let statement = |sid: &str, account: &str, actions: &str, condition: &str| {
        format!(
            r#"{{"Sid": "{sid}", "Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::{account}:root"}},
                "Action": {actions}, "Resource": "*"{condition}}}"#
        )
    };
    let grant = |via: &str| {
        let own = statement("Own", PLATFORM, r#""kms:*""#, "");
        let via = format!(r#", "Condition": {{"StringEquals": {{"kms:ViaService": "{via}"}}}}"#);
        let foreign = statement("Foreign", CUSTOMER, r#"["kms:GenerateDataKey", "kms:Decrypt"]"#, &via);
        format!(r#"{{"Version": "2012-10-17", "Statement": [{own}, {foreign}]}}"#)
    };
    let both = ["kms:GenerateDataKey", "kms:Decrypt"];
    let s3 = harness.s3(session(&harness, "fw", &both, &key).await);
    let refused = put(&s3, "fw/x").await;
    assert_eq!(
        refused,
        format!(
            "403 AccessDenied: User: arn:aws:sts::{CUSTOMER}:assumed-role/fw/s1 is not authorized to perform: \
             kms:GenerateDataKey on resource: {key} because the resource does not exist in this Region, no \
             resource-based policies allow access, or a resource-based policy explicitly denies access"
        )
    );
    owner.put_key_policy().key_id(&key).policy(grant("s3.eu-west-1.amazonaws.com")).send().await.unwrap();
    assert_eq!(put(&s3, "fw/x").await, refused);
    owner.put_key_policy().key_id(&key).policy(grant("s3.us-west-2.amazonaws.com")).send().await.unwrap();
    assert_eq!(put(&s3, "fw/x").await, key);
    assert_eq!(get(&s3, "fw/x").await, "firmware");
    // The owner's side is not enough: the role has to have leave of its own.
    let s3 = harness.s3(session(&harness, "none", &[], &key).await);
    assert_eq!(get(&s3, "fw/x").await, denied("none", "kms:Decrypt", &key));
}
