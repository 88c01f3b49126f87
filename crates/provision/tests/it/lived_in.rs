//! A bucket in which others live (row 4 of the account's half): what is theirs stays byte for byte.

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, DeleteMarkerReplication, Destination, EventBridgeConfiguration,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, NotificationConfiguration,
    ReplicationConfiguration, ReplicationRule, ReplicationRuleFilter, Tag, Tagging, Transition,
    TransitionStorageClass, VersioningConfiguration,
};
use firmhold_core::Code;
use firmhold_provision::Switch;

use crate::apply::make_bucket;
use crate::owner::{Account, BUCKET, REGION, lines};

const ALL: &[Switch] = Switch::ALL;

/// How the owner laid their policy out.
fn theirs() -> [String; 2] {
    [
        format!(
            "{{\"Sid\" :\"Audit\",  \"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"arn:aws:iam::111122223333:root\"}},\n\"Action\":[\"s3:GetBucketLocation\"],\"Resource\":\"arn:aws:s3:::{BUCKET}\"}}"
        ),
        format!(
            "{{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:PutObject\", \"Resource\":[ \"arn:aws:s3:::{BUCKET}/frozen/*\" ]}}"
        ),
    ]
}

/// A bucket with objects, tags and a policy of others.
async fn live_in(account: &Account, objects: usize) -> String {
    make_bucket(account, REGION).await;
    for number in 0..objects {
        account
            .sandbox
            .place(BUCKET, &format!("reports/{number:05}.csv"), format!("{number}").as_bytes())
            .unwrap();
    }
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let tags = [tag("team", "data"), tag("cost", "4711")];
    let tagging = Tagging::builder().set_tag_set(Some(tags.to_vec())).build().unwrap();
    account.s3().put_bucket_tagging().bucket(BUCKET).tagging(tagging).send().await.unwrap();
    let policy = format!("{{\"Statement\":[ {} ] , \"Version\":\"2012-10-17\"}}", theirs().join(" ,\t"));
    account.s3().put_bucket_policy().bucket(BUCKET).policy(&policy).send().await.unwrap();
    configure(account).await;
    policy
}

/// Three lifecycle rules, a replication rule with its bucket and role, and a notification, all of others.
async fn configure(account: &Account) {
    let s3 = account.s3();
    let rule = |id: &str, prefix: &str| {
        LifecycleRule::builder()
            .id(id)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
    };
    let expire = LifecycleExpiration::builder().days(400).build();
    let move_on = Transition::builder().days(40).storage_class(TransitionStorageClass::StandardIa).build();
    let rules = [
        rule("reports & <more>", "reports/").expiration(expire.clone()).build().unwrap(),
        rule("cold", "reports/old/").transitions(move_on).build().unwrap(),
        rule("off", "x/").expiration(expire).status(ExpirationStatus::Disabled).build().unwrap(),
    ];
    let lifecycle = BucketLifecycleConfiguration::builder().set_rules(Some(rules.to_vec())).build().unwrap();
    let put = s3.put_bucket_lifecycle_configuration().bucket(BUCKET);
    put.lifecycle_configuration(lifecycle).send().await.unwrap();
    let on = || VersioningConfiguration::builder().status("Enabled".into()).build();
    let here =
        aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(REGION.into()).build();
    s3.create_bucket().bucket("their-copy").create_bucket_configuration(here).send().await.unwrap();
    s3.put_bucket_versioning().bucket("their-copy").versioning_configuration(on()).send().await.unwrap();
    s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(on()).send().await.unwrap();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"s3.amazonaws.com"}}]}"#;
    let create = account.iam().create_role().role_name("TheirCopier");
    create.assume_role_policy_document(trust).send().await.unwrap();
    let rule = ReplicationRule::builder()
        .id("theirs")
        .priority(3)
        .status("Enabled".into())
        .filter(ReplicationRuleFilter::builder().prefix("reports/").build())
        .delete_marker_replication(DeleteMarkerReplication::builder().status("Disabled".into()).build())
        .destination(Destination::builder().bucket("arn:aws:s3:::their-copy").build().unwrap())
        .build()
        .unwrap();
    let replication = ReplicationConfiguration::builder()
        .role("arn:aws:iam::111122223333:role/TheirCopier")
        .rules(rule)
        .build()
        .unwrap();
    s3.put_bucket_replication().bucket(BUCKET).replication_configuration(replication).send().await.unwrap();
    let bridge = EventBridgeConfiguration::builder().build();
    let notification = NotificationConfiguration::builder().event_bridge_configuration(bridge).build();
    let put = s3.put_bucket_notification_configuration().bucket(BUCKET);
    put.notification_configuration(notification).send().await.unwrap();
}

/// What is theirs of the bucket's configuration, as text.
async fn configuration(account: &Account) -> String {
    let s3 = account.s3();
    let lifecycle = s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    let theirs =
        lifecycle.rules().iter().filter(|rule| !rule.id().unwrap_or_default().starts_with("firmhold-"));
    let replication = s3.get_bucket_replication().bucket(BUCKET).send().await.unwrap();
    let notification = s3.get_bucket_notification_configuration().bucket(BUCKET).send().await.unwrap();
    format!(
        "{:?}\n{:?}\n{:?}",
        theirs.collect::<Vec<_>>(),
        replication.replication_configuration,
        notification.event_bridge_configuration
    )
}

/// How many objects of others the daily test keeps; a proof takes ten thousand.
fn objects() -> usize {
    std::env::var("FIRMHOLD_PROVE_FOREIGN_OBJECTS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_theirs_stays_through_apply_and_teardown() {
    let account = Account::start().await;
    let policy = live_in(&account, objects()).await;
    let before = account.sandbox.versions(BUCKET, "").unwrap();
    assert_eq!(before.len(), objects());
    let configured = configuration(&account).await;
    let done = account.run(ALL).await.unwrap();
    assert!(done.iter().all(|line| !line.contains("create bucket:")), "{done:?}");
    let now = account.s3().get_bucket_policy().bucket(BUCKET).send().await.unwrap().policy.unwrap();
    for statement in theirs() {
        assert!(now.contains(&statement), "{now}");
    }
    assert_eq!(tags(&account).await, [("cost", "4711"), ("team", "data")].map(owned));
    assert_eq!(account.sandbox.versions(BUCKET, "").unwrap(), before);
    assert_eq!(configuration(&account).await, configured);
    assert_eq!(lines(&account.plan().await.unwrap()), Vec::<String>::new());

    let plan = account.teardown_plan().await.unwrap();
    insta::assert_debug_snapshot!(lines(&plan), @r#"
    [
        "remove role policy: remove firmhold-bucket",
        "remove role: remove it",
        "change lifecycle: remove firmhold-old-versions, remove firmhold-abandoned-uploads",
        "change bucket policy: remove FirmholdDenyPlainHttp, remove FirmholdDenyOldTls",
    ]
    "#);
    let left: Vec<String> = plan.left.iter().map(|note| format!("{}: {}", note.kind, note.says)).collect();
    insta::assert_debug_snapshot!(left, @r#"
    [
        "bucket: it was there before us; its settings stay as they are",
    ]
    "#);
    account.carry_out(&plan, &[], |_| false).await.unwrap();
    let now = account.s3().get_bucket_policy().bucket(BUCKET).send().await.unwrap().policy.unwrap();
    assert_eq!(squeezed(&now), squeezed(&policy));
    assert_eq!(tags(&account).await, [("cost", "4711"), ("team", "data")].map(owned));
    assert_eq!(account.sandbox.versions(BUCKET, "").unwrap(), before);
    assert_eq!(configuration(&account).await, configured);
    assert!(account.teardown_plan().await.unwrap().is_empty());
}

/// Each switch that concerns others has to be accepted by its own name, and until then nothing happens.
#[tokio::test(flavor = "multi_thread")]
async fn switches_are_accepted_one_by_one() {
    let account = Account::start().await;
    live_in(&account, 3).await;
    account.s3().delete_public_access_block().bucket(BUCKET).send().await.unwrap();
    account.s3().delete_bucket_replication().bucket(BUCKET).send().await.unwrap();
    let suspended = VersioningConfiguration::builder().status("Suspended".into()).build();
    let put = account.s3().put_bucket_versioning().bucket(BUCKET);
    put.versioning_configuration(suspended).send().await.unwrap();
    let plan = account.plan().await.unwrap();
    let switches: Vec<Switch> = plan.changes.iter().filter_map(|change| change.accept).collect();
    insta::assert_debug_snapshot!(switches, @r"
    [
        PublicAccess,
        Versioning,
        Tls,
    ]
    ");
    account.sandbox.request_log().clear();
    for one in &switches {
        let others: Vec<Switch> = switches.iter().copied().filter(|other| other != one).collect();
        let problem = account.carry_out(&plan, &others, |_| false).await.unwrap_err();
        assert_eq!(problem.code(), Code::Usage);
        assert!(problem.hint().unwrap().ends_with(&format!("--accept {one}")), "{problem}");
    }
    assert_eq!(account.writes(), Vec::<String>::new());
    account.carry_out(&plan, &switches, |_| false).await.unwrap();
}

/// Objects below our own prefix are ours: nobody else is concerned.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_firmware_only_asks_nobody() {
    let account = Account::start().await;
    make_bucket(&account, REGION).await;
    account.sandbox.place(BUCKET, "fw/binaries/x", b"x").unwrap();
    account.run(&[]).await.unwrap();
}

async fn tags(account: &Account) -> Vec<(String, String)> {
    let found = account.s3().get_bucket_tagging().bucket(BUCKET).send().await.unwrap();
    let mut tags: Vec<(String, String)> = found.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect();
    tags.sort();
    tags
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Without the space between statements, which is nobody's.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}
