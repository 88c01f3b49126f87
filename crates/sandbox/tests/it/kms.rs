//! Keys, over the wire.

use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyManagerType, KeyState, Tag};
use firmhold_sandbox::{Sandbox, SandboxConfig};

use crate::harness::{CUSTOMER, Harness, allow, refusal, refusal_code, start};

const DAY: Duration = Duration::from_secs(86_400);

async fn key(kms: &aws_sdk_kms::Client) -> String {
    kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id
}

fn policy(statements: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#)
}

/// Leaves the key to its account.
const OWNER: &str = r#"{"Sid": "Owner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                        "Action": "kms:*", "Resource": "*"}"#;
/// Names the administrator and nobody else.
const ADMIN_ONLY: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/admin"},
                             "Action": "kms:*", "Resource": "*"}"#;

#[tokio::test]
async fn a_key_lives_through_its_life() {
    let harness = start().await;
    let kms = harness.kms(harness.admin());
    let made = kms
        .create_key()
        .description("firmware")
        .tags(Tag::builder().tag_key("team").tag_value("fw").build().unwrap())
        .send()
        .await
        .unwrap()
        .key_metadata
        .unwrap();
    let (id, arn) = (made.key_id.as_str(), made.arn.as_deref().unwrap());
    assert_eq!(arn, format!("arn:aws:kms:us-west-2:{CUSTOMER}:key/{id}"));
    assert_eq!(made.key_state, Some(KeyState::Enabled));
    assert_eq!(made.key_manager, Some(KeyManagerType::Customer));

    kms.create_alias().alias_name("alias/fw").target_key_id(id).send().await.unwrap();
    let again = refusal(kms.create_alias().alias_name("alias/fw").target_key_id(id).send().await);
    assert_eq!(
        again,
        "400 AlreadyExistsException: An alias with the name arn:aws:kms:us-west-2:111122223333:alias/fw already exists"
    );
    for name in [id, arn, "alias/fw", "arn:aws:kms:us-west-2:111122223333:alias/fw"] {
        let found = kms.describe_key().key_id(name).send().await.unwrap().key_metadata.unwrap();
        assert_eq!((found.key_id.as_str(), found.description.as_deref()), (id, Some("firmware")), "{name}");
    }
    let aliases = kms.list_aliases().key_id(id).send().await.unwrap().aliases.unwrap();
    assert_eq!(aliases[0].target_key_id.as_deref(), Some(id));

    kms.tag_resource()
        .key_id(id)
        .tags(Tag::builder().tag_key("ring").tag_value("1").build().unwrap())
        .send()
        .await
        .unwrap();
    let tags = kms.list_resource_tags().key_id(id).send().await.unwrap().tags.unwrap();
    let tags: Vec<_> = tags.iter().map(|tag| format!("{}={}", tag.tag_key, tag.tag_value)).collect();
    assert_eq!(tags, ["ring=1", "team=fw"]);

    kms.enable_key_rotation().key_id(id).rotation_period_in_days(180).send().await.unwrap();
    let status = kms.get_key_rotation_status().key_id(id).send().await.unwrap();
    assert_eq!((status.key_rotation_enabled, status.rotation_period_in_days), (true, Some(180)));
    kms.disable_key_rotation().key_id(id).send().await.unwrap();
    assert!(!kms.get_key_rotation_status().key_id(id).send().await.unwrap().key_rotation_enabled);

    kms.disable_key().key_id(id).send().await.unwrap();
    let disabled = refusal(kms.enable_key_rotation().key_id(id).send().await);
    assert_eq!(disabled, format!("400 DisabledException: {arn} is disabled."));
    kms.enable_key().key_id(id).send().await.unwrap();

    let wait = kms.schedule_key_deletion().key_id(id).pending_window_in_days(7).send().await.unwrap();
    assert_eq!(wait.key_state, Some(KeyState::PendingDeletion));
    let pending = refusal(kms.enable_key().key_id(id).send().await);
    assert_eq!(pending, format!("400 KMSInvalidStateException: {arn} is pending deletion."));
    kms.cancel_key_deletion().key_id(id).send().await.unwrap();
    let back = kms.describe_key().key_id(id).send().await.unwrap().key_metadata.unwrap();
    assert_eq!((back.key_state, back.enabled), (Some(KeyState::Disabled), false));

    kms.schedule_key_deletion().key_id(id).pending_window_in_days(7).send().await.unwrap();
    harness.sandbox.clock().advance(7 * DAY);
    let gone = refusal(kms.describe_key().key_id(id).send().await);
    assert_eq!(gone, format!("400 NotFoundException: Key '{arn}' does not exist"));
    assert!(kms.list_keys().send().await.unwrap().keys.unwrap().is_empty());
    kms.delete_alias().alias_name("alias/fw").send().await.unwrap();
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let harness = start().await;
    let kms = harness.kms(harness.admin());
    let id = key(&kms).await;
    kms.create_alias().alias_name("alias/fw").target_key_id(&id).send().await.unwrap();
    let sealed =
        kms.generate_data_key().key_id("alias/fw").key_spec(DataKeySpec::Aes256).send().await.unwrap();
    kms.put_key_policy().key_id(&id).policy(policy(OWNER)).send().await.unwrap();
    let Harness { sandbox, dir } = harness;
    sandbox.stop().await;

    let sandbox = Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap();
    let harness = Harness { sandbox, dir };
    let kms = harness.kms(harness.admin());
    let read = kms.get_key_policy().key_id(&id).send().await.unwrap();
    assert_eq!(
        (read.policy.as_deref(), read.policy_name.as_deref()),
        (Some(&*policy(OWNER)), Some("default"))
    );
    let opened = kms.decrypt().ciphertext_blob(sealed.ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext, sealed.plaintext);
    assert_eq!(opened.key_id, sealed.key_id);
}

#[tokio::test]
async fn what_kms_refuses_is_refused() {
    let harness = start().await;
    let kms = harness.kms(harness.admin());
    let id = key(&kms).await;
    let describe = async |name: &str| refusal(kms.describe_key().key_id(name).send().await);
    assert_eq!(describe("1234abcd").await, "400 NotFoundException: Invalid keyId '1234abcd'");
    assert_eq!(
        describe("alias/none").await,
        "400 NotFoundException: Alias arn:aws:kms:us-west-2:111122223333:alias/none is not found."
    );
    let elsewhere = format!("arn:aws:kms:eu-west-1:{CUSTOMER}:key/{id}");
    assert_eq!(describe(&elsewhere).await, "400 NotFoundException: Invalid arn eu-west-1");

    let put = async |text: &str| refusal(kms.put_key_policy().key_id(&id).policy(text).send().await);
    let nobody = policy(&ADMIN_ONLY.replace("user/admin", "user/nobody"));
    assert_eq!(
        put(&nobody).await,
        "400 MalformedPolicyDocumentException: Policy contains a statement with one or more invalid principals."
    );
    assert!(put("{").await.starts_with("400 MalformedPolicyDocumentException"));
    let locked_out = policy(&OWNER.replace("kms:*", "kms:Describe*"));
    assert_eq!(
        put(&locked_out).await,
        "400 MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the \
         future."
    );
    let bypassed =
        kms.put_key_policy().key_id(&id).policy(&locked_out).bypass_policy_lockout_safety_check(true);
    bypassed.send().await.unwrap();
    assert_eq!(
        put(&policy(OWNER)).await,
        format!(
            "400 AccessDeniedException: User: arn:aws:iam::{CUSTOMER}:user/admin is not authorized to perform: \
             kms:PutKeyPolicy on resource: arn:aws:kms:us-west-2:{CUSTOMER}:key/{id} because no resource-based policy \
             allows the kms:PutKeyPolicy action"
        )
    );

    let alias = kms.create_alias().alias_name("alias/aws/mine").target_key_id(&id);
    assert_eq!(refusal_code(alias.send().await), "400 NotAuthorizedException");
    let alias = kms.create_alias().alias_name("mine").target_key_id(&id);
    assert_eq!(refusal_code(alias.send().await), "400 InvalidAliasNameException");
    let deletion = kms.schedule_key_deletion().key_id(&id).pending_window_in_days(3);
    assert_eq!(refusal_code(deletion.send().await), "400 AccessDeniedException");
    let many = kms.create_key().multi_region(true);
    assert_eq!(refusal_code(many.send().await), "400 UnsupportedOperationException");
    let stranger = kms.create_alias().alias_name("alias/fw").target_key_id("alias/fw");
    assert_eq!(refusal_code(stranger.send().await), "400 NotFoundException");
}

#[tokio::test]
async fn a_wrong_signature_is_refused_in_json() {
    let harness = start().await;
    let user = harness.sandbox.customer();
    let wrong = aws_credential_types::Credentials::new(&user.access_key_id, "wrong", None, None, "test");
    assert_eq!(refusal_code(harness.kms(wrong).list_keys().send().await), "400 InvalidSignatureException");
    let unknown = aws_credential_types::Credentials::new("AKIANOBODY", "wrong", None, None, "test");
    assert_eq!(
        refusal(harness.kms(unknown).list_keys().send().await),
        "400 UnrecognizedClientException: The security token included in the request is invalid."
    );
}

#[tokio::test]
async fn the_keys_policy_decides() {
    let harness = start().await;
    let admin = harness.kms(harness.admin());
    let id = key(&admin).await;
    let everything = allow(&["kms:*"], &["*"]);
    let role = harness.kms(harness.customer_session("operator", &everything).await);

    // The policy leaves it to the account, and the account's own policies let the role.
    role.describe_key().key_id(&id).send().await.unwrap();
    // It names one user: what the role's own policies say is nothing then.
    admin.put_key_policy().key_id(&id).policy(policy(ADMIN_ONLY)).send().await.unwrap();
    assert_eq!(
        refusal(role.describe_key().key_id(&id).send().await),
        format!(
            "400 AccessDeniedException: User: arn:aws:sts::{CUSTOMER}:assumed-role/operator/s1 is not authorized to \
             perform: kms:DescribeKey on resource: arn:aws:kms:us-west-2:{CUSTOMER}:key/{id} because no \
             resource-based policy allows the kms:DescribeKey action"
        )
    );
    // It names the role itself, which needs no policy of its own then.
    let nothing =
        harness.kms(harness.customer_session("bare", &allow(&["s3:ListAllMyBuckets"], &["*"])).await);
    let named = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/bare"},
                    "Action": "kms:DescribeKey", "Resource": "*"}"#;
    let both = policy(&format!("{ADMIN_ONLY}, {named}"));
    admin.put_key_policy().key_id(&id).policy(both).send().await.unwrap();
    nothing.describe_key().key_id(&id).send().await.unwrap();
    assert_eq!(refusal_code(nothing.disable_key().key_id(&id).send().await), "400 AccessDeniedException");
    // Lists are about no key.
    assert_eq!(
        refusal(nothing.list_keys().send().await),
        format!(
            "400 AccessDeniedException: User: arn:aws:sts::{CUSTOMER}:assumed-role/bare/s1 is not authorized to \
             perform: kms:ListKeys on resource: * because no identity-based policy allows the kms:ListKeys action"
        )
    );
}

#[tokio::test]
async fn another_accounts_key_needs_both_sides() {
    let harness = start().await;
    let owner = harness.kms(harness.admin());
    let made = owner.create_key().send().await.unwrap().key_metadata.unwrap();
    let arn = made.arn.unwrap();
    let platform = harness.kms(harness.platform().await);
    let user = "arn:aws:sts::999999999999:assumed-role/firmhold-platform/server";
    // The platform's role may assume roles and nothing else: the refusal is its own side's.
    let own_side = refusal(platform.describe_key().key_id(&arn).send().await);
    assert_eq!(
        own_side,
        format!(
            "400 AccessDeniedException: User: {user} is not authorized to perform: kms:DescribeKey on resource: {arn} \
             because no identity-based policy allows the kms:DescribeKey action"
        )
    );
    // A key that is not there looks like one that lets nobody in.
    let nowhere = arn.replace(&made.key_id, "00000000-0000-4000-8000-000000000000");
    let missing = refusal(platform.describe_key().key_id(&nowhere).send().await);
    assert_eq!(
        missing,
        format!(
            "400 AccessDeniedException: User: {user} is not authorized to perform: kms:DescribeKey on resource: \
             {nowhere} because the resource does not exist in this Region, no resource-based policies allow access, \
             or a resource-based policy explicitly denies access"
        )
    );
}

#[tokio::test]
async fn data_keys_open_only_with_their_context() {
    let harness = start().await;
    let kms = harness.kms(harness.admin());
    let id = key(&kms).await;
    let made = kms
        .generate_data_key()
        .key_id(&id)
        .number_of_bytes(24)
        .encryption_context("aws:s3:arn", "arn:aws:s3:::b/k")
        .send()
        .await
        .unwrap();
    let blob = made.ciphertext_blob.unwrap();
    assert_eq!(made.plaintext.as_ref().map(|plain| plain.as_ref().len()), Some(24));
    let open = |context: &str, blob: Blob| {
        kms.decrypt().ciphertext_blob(blob).encryption_context("aws:s3:arn", context).send()
    };
    assert_eq!(open("arn:aws:s3:::b/k", blob.clone()).await.unwrap().plaintext, made.plaintext);
    let other = refusal_code(open("arn:aws:s3:::b/other", blob.clone()).await);
    assert_eq!(other, "400 InvalidCiphertextException");
    let mut cut = blob.into_inner();
    cut.pop();
    assert_eq!(
        refusal_code(open("arn:aws:s3:::b/k", Blob::new(cut)).await),
        "400 InvalidCiphertextException"
    );
    assert_eq!(refusal_code(open("a", Blob::new("x")).await), "400 InvalidCiphertextException");
    let dry = kms.generate_data_key().key_id(&id).key_spec(DataKeySpec::Aes256).dry_run(true);
    assert_eq!(refusal_code(dry.send().await), "400 DryRunOperationException");
}
