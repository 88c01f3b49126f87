//! Replication: what is refused, and what is copied, by whom.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination,
    EncryptionConfiguration, Metrics, MetricsStatus, ReplicationConfiguration, ReplicationRule,
    ReplicationRuleFilter, ReplicationRuleStatus, ReplicationStatus, ReplicationTime, ReplicationTimeStatus,
    ReplicationTimeValue, SourceSelectionCriteria, SseKmsEncryptedObjects, SseKmsEncryptedObjectsStatus,
    StorageClass, Tag, Tagging, VersioningConfiguration,
};
use firmhold_iam::generate::{replication_permissions, replication_trust};
use firmhold_iam::{BackendShape, ReplicaShape};

use crate::harness::{Harness, allow, refusal, refusal_code, s3_of, start};

const SOURCE: &str = "acme-fw";
const COPY: &str = "acme-fw-copy";
const ROLE: &str = "arn:aws:iam::111122223333:role/replication";

/// Source and destination, versioned, and the role that we generate.
struct World {
    harness: Harness,
    s3: Client,
    far: Client,
}

async fn versioned(s3: &Client, bucket: &str, region: &str) {
    let place =
        aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(region.into()).build();
    s3.create_bucket().bucket(bucket).create_bucket_configuration(place).send().await.unwrap();
    set_versioning(s3, bucket, BucketVersioningStatus::Enabled).await;
}

async fn set_versioning(s3: &Client, bucket: &str, status: BucketVersioningStatus) {
    let on = VersioningConfiguration::builder().status(status).build();
    s3.put_bucket_versioning().bucket(bucket).versioning_configuration(on).send().await.unwrap();
}

/// `kms`: the keys here and there.
fn permissions(kms: Option<(&str, &str)>) -> String {
    let mut shape = BackendShape::new("aws", "111122223333", SOURCE, "us-west-2", "fw/");
    shape.kms_key_arn = kms.map(|(here, _)| here.to_owned());
    let kms_key_arn = kms.map(|(_, there)| there.to_owned());
    shape.replicas.push(ReplicaShape {
        bucket: COPY.to_owned(),
        region: "eu-west-1".to_owned(),
        kms_key_arn,
    });
    replication_permissions(&shape).to_string()
}

async fn set_permissions(harness: &Harness, policy: &str) {
    let put =
        harness.iam().put_role_policy().role_name("replication").policy_name("copy").policy_document(policy);
    put.send().await.unwrap();
}

impl World {
    async fn new() -> Self {
        let harness = start().await;
        let s3 = harness.s3(harness.admin());
        let far = s3_of(&harness.sdk_in(harness.admin(), "eu-west-1", harness.sandbox.clock().clone()));
        versioned(&s3, SOURCE, "us-west-2").await;
        versioned(&far, COPY, "eu-west-1").await;
        let trust = replication_trust().to_string();
        let role = harness.iam().create_role().role_name("replication").assume_role_policy_document(trust);
        role.send().await.unwrap();
        set_permissions(&harness, &permissions(None)).await;
        Self { harness, s3, far }
    }

    async fn configure(&self, rules: impl IntoIterator<Item = ReplicationRule>) -> String {
        let configuration =
            ReplicationConfiguration::builder().role(ROLE).set_rules(Some(rules.into_iter().collect()));
        let put = self.s3.put_bucket_replication().bucket(SOURCE);
        match put.replication_configuration(configuration.build().unwrap()).send().await {
            Ok(_) => "accepted".to_owned(),
            error => refusal(error),
        }
    }

    async fn put(&self, key: &str) -> String {
        let put =
            self.s3.put_object().bucket(SOURCE).key(key).tagging("release=1").metadata("for", "a-board");
        let put = put.content_type("application/octet-stream").body(ByteStream::from_static(b"firmware"));
        put.send().await.unwrap().version_id.unwrap()
    }

    async fn status(&self, key: &str) -> Option<ReplicationStatus> {
        self.s3.head_object().bucket(SOURCE).key(key).send().await.unwrap().replication_status
    }

    /// Whether the destination has the key.
    async fn arrived(&self, key: &str) -> bool {
        self.far.head_object().bucket(COPY).key(key).send().await.is_ok()
    }

    async fn catch_up(&self) {
        self.harness.sandbox.catch_up().await.unwrap();
    }
}

fn to(bucket: &str) -> aws_sdk_s3::types::builders::DestinationBuilder {
    Destination::builder().bucket(format!("arn:aws:s3:::{bucket}"))
}

fn markers(status: DeleteMarkerReplicationStatus) -> DeleteMarkerReplication {
    DeleteMarkerReplication::builder().status(status).build()
}

/// A rule of the second version for `fw/`.
fn second() -> aws_sdk_s3::types::builders::ReplicationRuleBuilder {
    ReplicationRule::builder()
        .id("copy")
        .status(ReplicationRuleStatus::Enabled)
        .priority(1)
        .filter(ReplicationRuleFilter::builder().prefix("fw/").build())
        .delete_marker_replication(markers(DeleteMarkerReplicationStatus::Disabled))
        .destination(to(COPY).build().unwrap())
}

/// One of the first version for everything.
fn first() -> aws_sdk_s3::types::builders::ReplicationRuleBuilder {
    #[allow(deprecated, reason = "the old form behaves otherwise (T14)")]
    ReplicationRule::builder()
        .id("old")
        .status(ReplicationRuleStatus::Enabled)
        .prefix("")
        .destination(to(COPY).build().unwrap())
}

#[tokio::test]
async fn what_aws_refuses_is_refused() {
    let world = World::new().await;
    let s3 = &world.s3;
    s3.create_bucket()
        .bucket("plain")
        .create_bucket_configuration(
            aws_sdk_s3::types::CreateBucketConfiguration::builder()
                .location_constraint("us-west-2".into())
                .build(),
        )
        .send()
        .await
        .unwrap();
    let minutes = |minutes| ReplicationTimeValue::builder().minutes(minutes).build();
    let rtc = |time| {
        let time =
            ReplicationTime::builder().status(ReplicationTimeStatus::Enabled).time(time).build().unwrap();
        to(COPY).replication_time(time)
    };
    let kms = SourceSelectionCriteria::builder()
        .sse_kms_encrypted_objects(
            SseKmsEncryptedObjects::builder().status(SseKmsEncryptedObjectsStatus::Enabled).build().unwrap(),
        )
        .build();
    let tagged =
        ReplicationRuleFilter::builder().tag(Tag::builder().key("a").value("b").build().unwrap()).build();
    let cases = [
        ("no such destination", vec![second().destination(to("nowhere-at-all").build().unwrap()).build()]),
        ("destination without versions", vec![second().destination(to("plain").build().unwrap()).build()]),
        ("to itself", vec![second().destination(to(SOURCE).build().unwrap()).build()]),
        ("no word on markers", vec![second().set_delete_marker_replication(None).build()]),
        ("no priority", vec![second().set_priority(None).build()]),
        (
            "markers by tag",
            vec![
                second()
                    .filter(tagged)
                    .delete_marker_replication(markers(DeleteMarkerReplicationStatus::Enabled))
                    .build(),
            ],
        ),
        ("both versions", vec![first().build(), second().build()]),
        ("one id twice", vec![second().build(), second().priority(2).build()]),
        ("one priority twice", vec![second().build(), second().id("other").build()]),
        (
            "time control without metrics",
            vec![second().destination(rtc(minutes(15)).build().unwrap()).build()],
        ),
        ("another time", vec![second().destination(rtc(minutes(10)).build().unwrap()).build()]),
        ("KMS without a key", vec![second().source_selection_criteria(kms).build()]),
    ];
    let mut answers = Vec::new();
    for (what, rules) in cases {
        let rules: Vec<_> = rules.into_iter().map(Result::unwrap).collect();
        let answer = world.configure(rules).await;
        let code = answer.split_once(": ").map_or(answer.as_str(), |(code, _)| code);
        answers.push(format!("{what}: {code}"));
    }
    insta::assert_snapshot!(answers.join("\n"), @r"
    no such destination: 400 InvalidRequest
    destination without versions: 400 InvalidRequest
    to itself: 400 InvalidRequest
    no word on markers: 400 InvalidRequest
    no priority: 400 InvalidRequest
    markers by tag: 400 InvalidRequest
    both versions: 400 MalformedXML
    one id twice: 400 InvalidArgument
    one priority twice: 400 InvalidArgument
    time control without metrics: 400 InvalidRequest
    another time: 400 InvalidArgument
    KMS without a key: 400 InvalidRequest
    ");
    assert_eq!(
        refusal_code(s3.get_bucket_replication().bucket(SOURCE).send().await),
        "404 ReplicationConfigurationNotFoundError"
    );
}

#[tokio::test]
async fn a_configuration_is_kept_and_holds_versioning() {
    let world = World::new().await;
    let rules = [second().build().unwrap()];
    assert_eq!(world.configure(rules.clone()).await, "accepted");
    let read = world.s3.get_bucket_replication().bucket(SOURCE).send().await.unwrap();
    let read = read.replication_configuration.unwrap();
    assert_eq!((read.role(), read.rules()), (ROLE, rules.as_slice()));
    let suspend = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let suspended =
        world.s3.put_bucket_versioning().bucket(SOURCE).versioning_configuration(suspend).send().await;
    assert_eq!(refusal_code(suspended), "409 InvalidBucketState");
    world.s3.delete_bucket_replication().bucket(SOURCE).send().await.unwrap();
    let gone = world.s3.get_bucket_replication().bucket(SOURCE).send().await;
    assert_eq!(refusal_code(gone), "404 ReplicationConfigurationNotFoundError");
}

#[tokio::test]
async fn a_role_is_handed_over_only_by_who_may() {
    let world = World::new().await;
    let bucket = "arn:aws:s3:::acme-fw";
    let policy = allow(&["s3:PutReplicationConfiguration"], &[bucket]);
    let role = world.harness.customer_role("installer", "fh-1", &policy).await;
    let s3 = world.harness.s3(world.harness.backend(&role, "fh-1", None).await);
    let put = async || {
        let configuration = ReplicationConfiguration::builder().role(ROLE).rules(second().build().unwrap());
        let put = s3.put_bucket_replication().bucket(SOURCE);
        put.replication_configuration(configuration.build().unwrap()).send().await
    };
    let refused = refusal(put().await);
    assert!(refused.contains("is not authorized to perform: iam:PassRole"), "{refused}");
    let pass = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:PutReplicationConfiguration", "Resource": "arn:aws:s3:::acme-fw"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/replication",
         "Condition": {"StringEquals": {"iam:PassedToService": "s3.amazonaws.com"}}}]}"#;
    let iam = world.harness.iam();
    iam.put_role_policy()
        .role_name("installer")
        .policy_name("bucket")
        .policy_document(pass)
        .send()
        .await
        .unwrap();
    put().await.unwrap();
}

#[tokio::test]
async fn new_objects_are_copied_and_old_ones_are_not() {
    let world = World::new().await;
    world.put("fw/before").await;
    assert_eq!(world.configure([second().build().unwrap()]).await, "accepted");
    world.harness.sandbox.set_replication_lag(Duration::from_secs(600));
    let version = world.put("fw/a").await;
    world.put("elsewhere/b").await;
    assert_eq!(world.status("fw/a").await, Some(ReplicationStatus::Pending));
    assert_eq!(world.status("elsewhere/b").await, None);
    world.catch_up().await;
    assert!(!world.arrived("fw/a").await);
    let figures = world.harness.sandbox.replication_figures(SOURCE).unwrap();
    assert_eq!((figures[0].bytes_pending, figures[0].operations_pending), (8, 1));

    world.harness.sandbox.age(Duration::from_secs(601)).await.unwrap();
    assert_eq!(world.status("fw/a").await, Some(ReplicationStatus::Completed));
    let copy = world.far.get_object().bucket(COPY).key("fw/a").send().await.unwrap();
    assert_eq!(copy.replication_status(), Some(&ReplicationStatus::Replica));
    assert_eq!(copy.version_id(), Some(version.as_str()));
    assert_eq!(copy.metadata().unwrap()["for"], "a-board");
    assert_eq!(copy.body.collect().await.unwrap().to_vec(), b"firmware");
    let tags = world.far.get_object_tagging().bucket(COPY).key("fw/a").send().await.unwrap();
    assert!(tags.tag_set().is_empty() || tags.tag_set()[0].value() == "1");
    for key in ["fw/before", "elsewhere/b"] {
        assert!(!world.arrived(key).await, "{key}");
    }
    let figures = world.harness.sandbox.replication_figures(SOURCE).unwrap();
    assert_eq!(
        (figures[0].operations_pending, figures[0].failed, figures[0].latency),
        (0, 0, Duration::ZERO)
    );
}

#[tokio::test]
async fn tags_go_the_same_way() {
    let world = World::new().await;
    assert_eq!(world.configure([second().build().unwrap()]).await, "accepted");
    world.put("fw/a").await;
    world.catch_up().await;
    let retired =
        Tagging::builder().tag_set(Tag::builder().key("firmhold").value("retired").build().unwrap());
    let put = world.s3.put_object_tagging().bucket(SOURCE).key("fw/a").tagging(retired.build().unwrap());
    put.send().await.unwrap();
    world.catch_up().await;
    assert_eq!(world.status("fw/a").await, Some(ReplicationStatus::Completed));
    let tags = world.far.get_object_tagging().bucket(COPY).key("fw/a").send().await.unwrap();
    assert_eq!((tags.tag_set()[0].key(), tags.tag_set()[0].value()), ("firmhold", "retired"));
}

#[tokio::test]
async fn delete_markers_go_by_the_rules_version() {
    let world = World::new().await;
    let delete = async |key: &str| {
        world.s3.delete_object().bucket(SOURCE).key(key).send().await.unwrap();
        world.catch_up().await;
    };
    assert_eq!(world.configure([second().build().unwrap()]).await, "accepted");
    world.put("fw/kept").await;
    delete("fw/kept").await;
    assert!(world.arrived("fw/kept").await, "a rule of the second version keeps the copy (T14)");

    let with_markers = second().delete_marker_replication(markers(DeleteMarkerReplicationStatus::Enabled));
    assert_eq!(world.configure([with_markers.build().unwrap()]).await, "accepted");
    world.put("fw/refused").await;
    delete("fw/refused").await;
    assert!(world.arrived("fw/refused").await, "our role may not copy delete markers");
    assert_eq!(world.harness.sandbox.replication_figures(SOURCE).unwrap()[0].failed, 1);

    let more = permissions(None).replace("s3:ReplicateTags", "s3:ReplicateDelete").replace("/fw/*", "/*");
    set_permissions(&world.harness, &more).await;
    assert_eq!(world.configure([first().build().unwrap()]).await, "accepted");
    let version = world.put("fw/gone").await;
    world.catch_up().await;
    assert!(world.arrived("fw/gone").await);
    delete("fw/gone").await;
    assert!(!world.arrived("fw/gone").await, "one of the first version takes the copy along (T14)");
    // The end of a version never travels.
    world.s3.delete_object().bucket(SOURCE).key("fw/gone").version_id(&version).send().await.unwrap();
    world.catch_up().await;
    world.far.head_object().bucket(COPY).key("fw/gone").version_id(&version).send().await.unwrap();
}

#[tokio::test]
async fn the_role_has_to_trust_s3_and_to_be_allowed() {
    let world = World::new().await;
    assert_eq!(world.configure([second().build().unwrap()]).await, "accepted");
    let iam = world.harness.iam();
    let trust = replication_trust().to_string();
    let attempt = async |key: &str| {
        world.put(key).await;
        world.catch_up().await;
        (world.status(key).await.unwrap(), world.arrived(key).await)
    };
    let failed = (ReplicationStatus::Failed, false);
    let elsewhere = trust.replace("s3.amazonaws.com", "ec2.amazonaws.com");
    let set_trust = async |trust: &str| {
        iam.update_assume_role_policy().role_name("replication").policy_document(trust).send().await.unwrap();
    };
    set_trust(&elsewhere).await;
    assert_eq!(attempt("fw/trust").await, failed);
    let bound = |account: &str| {
        trust.replace(
            "\"Action\"",
            &format!("\"Condition\":{{\"StringEquals\":{{\"aws:SourceAccount\":\"{account}\"}}}},\"Action\""),
        )
    };
    set_trust(&bound("999999999999")).await;
    assert_eq!(attempt("fw/other-account").await, failed);
    set_trust(&bound("111122223333")).await;
    assert_eq!(attempt("fw/own-account").await, (ReplicationStatus::Completed, true));

    for action in
        ["s3:GetObjectVersionForReplication", "s3:ReplicateObject", "s3:GetReplicationConfiguration"]
    {
        set_permissions(&world.harness, &permissions(None).replace(action, "s3:GetBucketLocation")).await;
        assert_eq!(attempt(&format!("fw/without-{action}")).await, failed, "{action}");
    }
    set_permissions(&world.harness, &permissions(None).replace("s3:ReplicateTags", "s3:GetBucketLocation"))
        .await;
    assert_eq!(attempt("fw/without-tags").await, (ReplicationStatus::Completed, true));
    let tags = world.far.get_object_tagging().bucket(COPY).key("fw/without-tags").send().await.unwrap();
    assert!(tags.tag_set().is_empty());

    set_permissions(&world.harness, &permissions(None)).await;
    set_versioning(&world.far, COPY, BucketVersioningStatus::Suspended).await;
    assert_eq!(attempt("fw/suspended").await, failed);
    set_versioning(&world.far, COPY, BucketVersioningStatus::Enabled).await;
    iam.delete_role_policy().role_name("replication").policy_name("copy").send().await.unwrap();
    iam.delete_role().role_name("replication").send().await.unwrap();
    assert_eq!(attempt("fw/no-role").await, failed);
    assert_eq!(world.harness.sandbox.replication_figures(SOURCE).unwrap()[0].failed, 7);
}

#[tokio::test]
async fn a_bucket_of_another_account_has_its_say() {
    let world = World::new().await;
    let harness = &world.harness;
    // The platform's account is the other one; its role makes the bucket.
    let platform_s3 = "arn:aws:s3:::disaster-copy";
    harness.sandbox.make_bucket("disaster-copy", "999999999999", "us-west-2").unwrap();
    let all = permissions(None).replace(COPY, "disaster-copy");
    set_permissions(harness, &all).await;
    let rule =
        second().destination(to("disaster-copy").storage_class(StorageClass::GlacierIr).build().unwrap());
    assert_eq!(world.configure([rule.build().unwrap()]).await, "accepted");
    world.put("fw/refused").await;
    world.catch_up().await;
    assert_eq!(world.status("fw/refused").await, Some(ReplicationStatus::Failed));

    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {{"AWS": "{ROLE}"}},
            "Action": ["s3:ReplicateObject", "s3:ReplicateTags"], "Resource": "{platform_s3}/fw/*"}}]}}"#
    );
    harness.sandbox.set_bucket_policy("disaster-copy", Some(&policy)).unwrap();
    world.put("fw/taken").await;
    world.catch_up().await;
    assert_eq!(world.status("fw/taken").await, Some(ReplicationStatus::Completed));
    let versions = harness.sandbox.versions("disaster-copy", "").unwrap();
    assert_eq!(versions, [("fw/taken".to_owned(), Some(8))]);
}

#[tokio::test]
async fn what_kms_encrypts_is_copied_only_when_the_rule_says_so() {
    let world = World::new().await;
    let key_in = async |region| {
        let harness = &world.harness;
        let config = harness.sdk_in(harness.admin(), region, harness.sandbox.clock().clone());
        let made = aws_sdk_kms::Client::new(&config).create_key().send().await.unwrap();
        made.key_metadata.unwrap().arn.unwrap()
    };
    let (key, far_key) = (&key_in("us-west-2").await, key_in("eu-west-1").await);
    set_permissions(&world.harness, &permissions(Some((key, &far_key)))).await;
    let put = async |name: &str| {
        let put = world.s3.put_object().bucket(SOURCE).key(name).body(ByteStream::from_static(b"x"));
        put.server_side_encryption("aws:kms".into()).ssekms_key_id(key).send().await.unwrap();
        world.catch_up().await;
    };
    assert_eq!(world.configure([second().build().unwrap()]).await, "accepted");
    put("fw/left").await;
    assert_eq!(world.status("fw/left").await, None);
    let kms =
        SseKmsEncryptedObjects::builder().status(SseKmsEncryptedObjectsStatus::Enabled).build().unwrap();
    let destination = to(COPY)
        .encryption_configuration(EncryptionConfiguration::builder().replica_kms_key_id(&far_key).build())
        .metrics(Metrics::builder().status(MetricsStatus::Enabled).build().unwrap());
    let rule = second()
        .source_selection_criteria(SourceSelectionCriteria::builder().sse_kms_encrypted_objects(kms).build())
        .destination(destination.build().unwrap());
    assert_eq!(world.configure([rule.build().unwrap()]).await, "accepted");
    put("fw/taken").await;
    assert_eq!(world.status("fw/taken").await, Some(ReplicationStatus::Completed));
    let copy = world.far.head_object().bucket(COPY).key("fw/taken").send().await.unwrap();
    assert_eq!(copy.ssekms_key_id(), Some(far_key.as_str()));
    assert!(world.harness.sandbox.replication_figures(SOURCE).unwrap()[0].measured);
    set_permissions(&world.harness, &permissions(None)).await;
    put("fw/no-key").await;
    assert_eq!(world.status("fw/no-key").await, Some(ReplicationStatus::Failed));
}

#[tokio::test]
async fn copies_are_made_unasked_and_survive_a_restart() {
    let world = World::new().await;
    assert_eq!(world.configure([second().build().unwrap()]).await, "accepted");
    world.put("fw/soon").await;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !world.arrived("fw/soon").await {
        assert!(std::time::Instant::now() < deadline, "no copy was made");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.harness.sandbox.set_replication_lag(Duration::from_secs(3600));
    world.put("fw/later").await;
    let World { harness, .. } = world;
    let Harness { sandbox, dir } = harness;
    sandbox.stop().await;
    let sandbox =
        firmhold_sandbox::Sandbox::start(firmhold_sandbox::SandboxConfig::new(dir.path())).await.unwrap();
    assert_eq!(sandbox.replication_figures(SOURCE).unwrap()[0].operations_pending, 1);
    sandbox.age(Duration::from_secs(3601)).await.unwrap();
    let keys: Vec<_> = sandbox.versions(COPY, "").unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["fw/later", "fw/soon"]);
}
