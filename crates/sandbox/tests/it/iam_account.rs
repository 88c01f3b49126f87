//! IAM as whoever sets up and audits an account uses it: managed policies, last uses, MFA, and changes that take time.

use std::time::Duration;

use aws_sdk_iam::types::AccessAdvisorUsageGranularityType;
use aws_sdk_s3::primitives::ByteStream;
use percent_encoding::percent_decode_str;

use crate::harness::{CUSTOMER, allow, refusal, refusal_code, start};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:role/firmhold-platform"},"Action":"sts:AssumeRole"}]}"#;

#[tokio::test]
async fn a_managed_policy_has_effect_where_it_is_attached() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    let iam = harness.iam();
    let role = harness.customer_role("fw", "fh-1", &allow(&["s3:ListAllMyBuckets"], &["*"])).await;
    let document = allow(&["s3:GetObject"], &["arn:aws:s3:::acme-firmware/*"]);
    let made =
        iam.create_policy().policy_name("read").path("/fw/").policy_document(&document).send().await.unwrap();
    let arn = made.policy.unwrap().arn.unwrap();
    assert_eq!(arn, "arn:aws:iam::111122223333:policy/fw/read");
    let again = iam.create_policy().policy_name("read").policy_document(&document).send().await;
    assert_eq!(refusal_code(again), "409 EntityAlreadyExists");

    let s3 = harness.s3(harness.backend(&role, "fh-1", None).await);
    let get = || s3.get_object().bucket("acme-firmware").key("fw/a").send();
    assert_eq!(refusal_code(get().await), "403 AccessDenied");
    iam.attach_role_policy().role_name("fw").policy_arn(&arn).send().await.unwrap();
    get().await.unwrap();
    let attached = iam.list_attached_role_policies().role_name("fw").send().await.unwrap();
    assert_eq!(attached.attached_policies()[0].policy_name(), Some("read"));
    let read = iam.get_policy().policy_arn(&arn).send().await.unwrap().policy.unwrap();
    assert_eq!((read.attachment_count, read.default_version_id()), (Some(1), Some("v1")));

    let nothing = allow(&["s3:ListBucket"], &["*"]);
    let version = iam.create_policy_version().policy_arn(&arn).policy_document(&nothing).set_as_default(true);
    version.send().await.unwrap();
    assert_eq!(refusal_code(get().await), "403 AccessDenied");
    let first = iam.get_policy_version().policy_arn(&arn).version_id("v1").send().await.unwrap();
    let first = first.policy_version.unwrap();
    assert!(!first.is_default_version);
    assert_eq!(percent_decode_str(first.document().unwrap()).decode_utf8().unwrap(), document);
    assert_eq!(iam.list_policy_versions().policy_arn(&arn).send().await.unwrap().versions().len(), 2);

    let delete = || iam.delete_policy().policy_arn(&arn).send();
    assert_eq!(refusal_code(delete().await), "409 DeleteConflict");
    assert_eq!(refusal_code(iam.delete_role().role_name("fw").send().await), "409 DeleteConflict");
    iam.detach_role_policy().role_name("fw").policy_arn(&arn).send().await.unwrap();
    assert_eq!(refusal_code(delete().await), "409 DeleteConflict");
    iam.delete_policy_version().policy_arn(&arn).version_id("v1").send().await.unwrap();
    delete().await.unwrap();
    assert_eq!(refusal_code(iam.get_policy().policy_arn(&arn).send().await), "404 NoSuchEntity");
}

#[tokio::test]
async fn awss_own_policies_can_be_attached() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    let iam = harness.iam();
    let role = harness.customer_role("fw", "fh-1", &allow(&["s3:ListAllMyBuckets"], &["*"])).await;
    let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    iam.attach_role_policy().role_name("fw").policy_arn(arn).send().await.unwrap();
    let s3 = harness.s3(harness.backend(&role, "fh-1", None).await);
    s3.get_object().bucket("acme-firmware").key("fw/a").send().await.unwrap();
    let put =
        s3.put_object().bucket("acme-firmware").key("fw/b").body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(refusal_code(put), "403 AccessDenied");
    assert_eq!(
        iam.get_policy().policy_arn(arn).send().await.unwrap().policy.unwrap().attachment_count,
        Some(1)
    );
    let none =
        iam.attach_role_policy().role_name("fw").policy_arn("arn:aws:iam::aws:policy/None").send().await;
    assert_eq!(refusal_code(none), "404 NoSuchEntity");
}

#[tokio::test]
async fn a_description_is_changed_by_either_call() {
    let harness = start().await;
    let iam = harness.iam();
    iam.create_role().role_name("fw").assume_role_policy_document(TRUST).send().await.unwrap();
    let changed = iam.update_role_description().role_name("fw").description("new").send().await.unwrap();
    assert_eq!(changed.role.unwrap().description(), Some("new"));
}

#[tokio::test]
async fn uses_are_remembered() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    let iam = harness.iam();
    let policy = allow(&["s3:GetObject", "s3:GetBucketVersioning", "s3:PutBucketPolicy"], &["*"]);
    let role = harness.customer_role("fw", "fh-1", &policy).await;
    let last = async || {
        let role = iam.get_role().role_name("fw").send().await.unwrap().role.unwrap();
        role.role_last_used.and_then(|used| used.region)
    };
    assert_eq!(last().await, None);
    let s3 = harness.s3(harness.backend(&role, "fh-1", None).await);
    s3.get_bucket_versioning().bucket("acme-firmware").send().await.unwrap();
    s3.get_object().bucket("acme-firmware").key("fw/a").send().await.unwrap();
    assert_eq!(last().await.as_deref(), Some("us-west-2"));

    let job = iam
        .generate_service_last_accessed_details()
        .arn(&role)
        .granularity(AccessAdvisorUsageGranularityType::ActionLevel)
        .send()
        .await
        .unwrap()
        .job_id
        .unwrap();
    let report = iam.get_service_last_accessed_details().job_id(job).send().await.unwrap();
    let service = &report.services_last_accessed()[0];
    let actions: Vec<_> = service
        .tracked_actions_last_accessed()
        .iter()
        .map(|action| format!("{} {}", action.action_name().unwrap(), action.last_accessed_time().is_some()))
        .collect();
    assert_eq!(service.service_namespace(), "s3");
    // Reads of objects are not followed, as on AWS.
    assert_eq!(actions, ["GetBucketVersioning true", "PutBucketPolicy false"]);
    let unknown = iam.get_service_last_accessed_details().job_id("0".repeat(36)).send().await;
    assert_eq!(refusal_code(unknown), "404 NoSuchEntity");

    // A role of the same name is another role.
    let names = iam.list_role_policies().role_name("fw").send().await.unwrap();
    for name in names.policy_names() {
        iam.delete_role_policy().role_name("fw").policy_name(name).send().await.unwrap();
    }
    iam.delete_role().role_name("fw").send().await.unwrap();
    iam.create_role().role_name("fw").assume_role_policy_document(TRUST).send().await.unwrap();
    assert_eq!(last().await, None);
}

#[tokio::test]
async fn mfa_is_what_a_test_says() {
    let harness = start().await;
    let iam = harness.iam();
    let in_use = async || {
        let map = iam.get_account_summary().send().await.unwrap().summary_map.unwrap();
        let value = |key: &str| map.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| *value);
        (value("AccountMFAEnabled"), value("MFADevicesInUse"), value("Roles"))
    };
    assert_eq!(in_use().await, (Some(0), Some(0), Some(0)));
    harness.sandbox.set_root_mfa(CUSTOMER, true).unwrap();
    let serial = "arn:aws:iam::111122223333:mfa/admin";
    harness.sandbox.set_mfa_devices(CUSTOMER, "admin", &[serial]).unwrap();
    assert_eq!(in_use().await, (Some(1), Some(2), Some(0)));
    let devices = iam.list_mfa_devices().send().await.unwrap();
    assert_eq!(devices.mfa_devices()[0].serial_number(), serial);
    let nobody = iam.list_mfa_devices().user_name("nobody").send().await;
    assert_eq!(refusal_code(nobody), "404 NoSuchEntity");
}

#[tokio::test]
async fn changes_take_the_time_that_a_test_sets() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    let role = harness.customer_role("fw", "fh-1", &allow(&["s3:ListBucket"], &["*"])).await;
    let s3 = harness.s3(harness.backend(&role, "fh-1", None).await);
    harness.sandbox.set_iam_delay(Duration::from_secs(3600));
    let iam = harness.iam();
    let document = allow(&["s3:GetObject"], &["*"]);
    iam.put_role_policy().role_name("fw").policy_name("more").policy_document(document).send().await.unwrap();
    iam.create_role().role_name("new").assume_role_policy_document(TRUST).send().await.unwrap();
    // It reads back at once, and has no effect yet.
    iam.get_role().role_name("new").send().await.unwrap();
    let get = || s3.get_object().bucket("acme-firmware").key("fw/a").send();
    assert_eq!(refusal_code(get().await), "403 AccessDenied");
    let platform = harness.sts(harness.platform().await);
    let assume = || {
        platform
            .assume_role()
            .role_arn("arn:aws:iam::111122223333:role/new")
            .role_session_name("session")
            .send()
    };
    assert_eq!(refusal_code(assume().await), "403 AccessDenied");
    let names_it = TRUST.replace("999999999999:role/firmhold-platform", "111122223333:role/new");
    let early = iam.create_role().role_name("other").assume_role_policy_document(names_it).send().await;
    let early = refusal(early);
    assert!(early.starts_with("400 MalformedPolicyDocument: Invalid principal"), "{early}");

    harness.sandbox.set_iam_delay(Duration::from_millis(1));
    harness.sandbox.clock().advance(Duration::from_secs(1));
    get().await.unwrap();
    assume().await.unwrap();
}
