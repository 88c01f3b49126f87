//! Configurations of a bucket that S3 replaces as a whole: metrics, tiers, logs, notifications, acceleration, locks.

use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    AccelerateConfiguration, BucketAccelerateStatus, BucketLoggingStatus, BucketVersioningStatus,
    CreateBucketConfiguration, DefaultRetention, Event, EventBridgeConfiguration,
    IntelligentTieringAccessTier, IntelligentTieringConfiguration, IntelligentTieringStatus, LoggingEnabled,
    MetricsAndOperator, MetricsConfiguration, MetricsFilter, NotificationConfiguration,
    ObjectLockConfiguration, ObjectLockEnabled, ObjectLockLegalHold, ObjectLockLegalHoldStatus,
    ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode, ObjectLockRule, PartitionDateSource,
    PartitionedPrefix, Tag, TargetObjectKeyFormat, Tiering, TopicConfiguration, VersioningConfiguration,
};

use crate::s3_support::{REGION, World, client, make_bucket, refusal, start};

const BUCKET: &str = "acme-firmware";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

#[tokio::test]
async fn request_metrics_have_ids() {
    let World { s3, sandbox, dir } = World::new().await;
    let and = MetricsAndOperator::builder().prefix("fw/").tags(tag("a", "b")).build();
    let ours = MetricsConfiguration::builder().id("ours").filter(MetricsFilter::Prefix("fw/".into()));
    let foreign = MetricsConfiguration::builder().id("foreign").filter(MetricsFilter::And(and));
    let all = MetricsConfiguration::builder().id("EntireBucket");
    let put = |id: &str, configuration: MetricsConfiguration| {
        s3.put_bucket_metrics_configuration()
            .bucket(BUCKET)
            .id(id)
            .metrics_configuration(configuration)
            .send()
    };
    let built = [ours, foreign, all].map(|one| one.build().unwrap());
    for configuration in &built {
        put(configuration.id(), configuration.clone()).await.unwrap();
    }
    assert_eq!(refusal(put("other", built[0].clone()).await), "400 InvalidArgument");
    assert_eq!(refusal(put("a b", built[0].clone()).await), "400 InvalidConfigurationId");
    let get = |id: &str| s3.get_bucket_metrics_configuration().bucket(BUCKET).id(id).send();
    assert_eq!(get("foreign").await.unwrap().metrics_configuration.as_ref(), Some(&built[1]));
    let list = s3.list_bucket_metrics_configurations().bucket(BUCKET).send().await.unwrap();
    let ids: Vec<_> = list.metrics_configuration_list().iter().map(|one| one.id()).collect();
    assert_eq!((ids, list.is_truncated()), (vec!["EntireBucket", "foreign", "ours"], Some(false)));
    let delete = || s3.delete_bucket_metrics_configuration().bucket(BUCKET).id("ours").send();
    delete().await.unwrap();
    assert_eq!(refusal(delete().await), "404 NoSuchConfiguration");
    assert_eq!(refusal(get("ours").await), "404 NoSuchConfiguration");
    sandbox.stop().await;
    let sandbox = start(&dir).await;
    let s3 = client(&sandbox, sandbox.customer(), REGION);
    let list = s3.list_bucket_metrics_configurations().bucket(BUCKET).send().await.unwrap();
    assert_eq!(list.metrics_configuration_list().len(), 2);
}

#[tokio::test]
async fn archive_tiers_have_ids_and_bounds() {
    let world = World::new().await;
    let s3 = &world.s3;
    let put = |days: i32| {
        let tiering = Tiering::builder().access_tier(IntelligentTieringAccessTier::ArchiveAccess).days(days);
        let configuration = IntelligentTieringConfiguration::builder()
            .id("cold")
            .status(IntelligentTieringStatus::Enabled)
            .tierings(tiering.build().unwrap());
        s3.put_bucket_intelligent_tiering_configuration()
            .bucket(BUCKET)
            .id("cold")
            .intelligent_tiering_configuration(configuration.build().unwrap())
            .send()
    };
    assert_eq!(refusal(put(30).await), "400 InvalidArgument");
    put(90).await.unwrap();
    let get = || s3.get_bucket_intelligent_tiering_configuration().bucket(BUCKET).id("cold").send();
    let read = get().await.unwrap().intelligent_tiering_configuration.unwrap();
    assert_eq!(read.tierings()[0].days(), 90);
    let list = s3.list_bucket_intelligent_tiering_configurations().bucket(BUCKET).send().await.unwrap();
    assert_eq!(list.intelligent_tiering_configuration_list().len(), 1);
    s3.delete_bucket_intelligent_tiering_configuration().bucket(BUCKET).id("cold").send().await.unwrap();
    assert_eq!(refusal(get().await), "404 NoSuchConfiguration");
}

#[tokio::test]
async fn logs_go_to_a_bucket_of_the_same_owner_and_region() {
    let world = World::new().await;
    let s3 = &world.s3;
    make_bucket(s3, "acme-logs").await;
    let far = client(&world.sandbox, world.sandbox.customer(), "us-east-1");
    far.create_bucket().bucket("far-logs").send().await.unwrap();
    world.sandbox.make_bucket("their-logs", "999999999999", REGION).unwrap();
    let partitioned =
        PartitionedPrefix::builder().partition_date_source(PartitionDateSource::EventTime).build();
    let format = TargetObjectKeyFormat::builder().partitioned_prefix(partitioned).build();
    let logging = |target: &str| {
        LoggingEnabled::builder()
            .target_bucket(target)
            .target_prefix("s3/")
            .target_object_key_format(format.clone())
    };
    let put = |logging: Option<LoggingEnabled>| {
        let status = BucketLoggingStatus::builder().set_logging_enabled(logging).build();
        s3.put_bucket_logging().bucket(BUCKET).bucket_logging_status(status).send()
    };
    let mut answers = Vec::new();
    for target in ["no-such-logs", "far-logs", "their-logs"] {
        answers.push(refusal(put(Some(logging(target).build().unwrap())).await));
    }
    insta::assert_snapshot!(answers.join("\n"), @r"
    400 InvalidTargetBucketForLogging
    403 CrossLocationLoggingProhibited
    400 InvalidTargetBucketForLogging
    ");
    let wanted = logging("acme-logs").build().unwrap();
    put(Some(wanted.clone())).await.unwrap();
    let read = async || s3.get_bucket_logging().bucket(BUCKET).send().await.unwrap().logging_enabled;
    assert_eq!(read().await, Some(wanted));
    put(None).await.unwrap();
    assert_eq!(read().await, None);
}

#[tokio::test]
async fn notifications_are_kept_whole() {
    let world = World::new().await;
    let s3 = &world.s3;
    let topic = |arn: &str, event: Event| {
        TopicConfiguration::builder().id("t").topic_arn(arn).events(event).build().unwrap()
    };
    let created = || Event::from("s3:ObjectCreated:*");
    let arn = "arn:aws:sns:eu-west-1:111122223333:uploads";
    let put = |configuration: NotificationConfiguration| {
        s3.put_bucket_notification_configuration()
            .bucket(BUCKET)
            .notification_configuration(configuration)
            .send()
    };
    let with = |topics: &[TopicConfiguration]| {
        NotificationConfiguration::builder()
            .set_topic_configurations(Some(topics.to_vec()))
            .event_bridge_configuration(EventBridgeConfiguration::builder().build())
            .build()
    };
    let wrong = [
        with(&[topic(arn, Event::from("s3:Object:Sneezed"))]),
        with(&[topic("arn:aws:sqs:eu-west-1:111122223333:q", created())]),
        with(&[topic(arn, created()), topic(arn, created())]),
    ];
    for configuration in wrong {
        assert_eq!(refusal(put(configuration).await), "400 InvalidArgument");
    }
    put(with(&[topic(arn, created())])).await.unwrap();
    let read = s3.get_bucket_notification_configuration().bucket(BUCKET).send().await.unwrap();
    assert_eq!(read.topic_configurations(), [topic(arn, created())]);
    assert!(read.event_bridge_configuration().is_some());
    put(NotificationConfiguration::builder().build()).await.unwrap();
    let read = s3.get_bucket_notification_configuration().bucket(BUCKET).send().await.unwrap();
    assert!(read.topic_configurations().is_empty() && read.event_bridge_configuration().is_none());
}

#[tokio::test]
async fn acceleration_is_for_names_without_dots() {
    let world = World::new().await;
    let s3 = &world.s3;
    make_bucket(s3, "acme.firmware").await;
    let put = |bucket: &str| {
        let on = AccelerateConfiguration::builder().status(BucketAccelerateStatus::Enabled).build();
        s3.put_bucket_accelerate_configuration().bucket(bucket).accelerate_configuration(on).send()
    };
    let status =
        async || s3.get_bucket_accelerate_configuration().bucket(BUCKET).send().await.unwrap().status;
    assert_eq!(status().await, None);
    assert_eq!(refusal(put("acme.firmware").await), "400 InvalidRequest");
    put(BUCKET).await.unwrap();
    assert_eq!(status().await, Some(BucketAccelerateStatus::Enabled));
}

fn default(mode: ObjectLockRetentionMode, days: i32) -> ObjectLockConfiguration {
    let retention = DefaultRetention::builder().mode(mode).days(days).build();
    ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .rule(ObjectLockRule::builder().default_retention(retention).build())
        .build()
}

#[tokio::test]
async fn locked_versions_stay() {
    let world = World::new().await;
    let s3 = &world.s3;
    let put_lock = |bucket: &str, lock| {
        s3.put_object_lock_configuration().bucket(bucket).object_lock_configuration(lock).send()
    };
    let governance = || default(ObjectLockRetentionMode::Governance, 30);
    assert_eq!(refusal(put_lock(BUCKET, governance()).await), "409 InvalidBucketState");
    let until = DateTime::from_secs(world.sandbox.state_clock().now().as_secs() + 3600);
    let locked = s3
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .object_lock_mode(ObjectLockMode::Compliance)
        .object_lock_retain_until_date(until)
        .body(ByteStream::from_static(b"x"));
    assert_eq!(refusal(locked.send().await), "400 InvalidRequest");

    let place = CreateBucketConfiguration::builder().location_constraint(REGION.into()).build();
    let made = s3.create_bucket().bucket("locked").create_bucket_configuration(place);
    made.object_lock_enabled_for_bucket(true).send().await.unwrap();
    let suspend = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let suspended = s3.put_bucket_versioning().bucket("locked").versioning_configuration(suspend).send();
    assert_eq!(refusal(suspended.await), "409 InvalidBucketState");
    put_lock("locked", governance()).await.unwrap();
    let read = s3.get_object_lock_configuration().bucket("locked").send().await.unwrap();
    assert_eq!(read.object_lock_configuration, Some(governance()));

    let put =
        s3.put_object().bucket("locked").key("k").body(ByteStream::from_static(b"x")).send().await.unwrap();
    let version = put.version_id.unwrap();
    let delete = |bypass: bool| {
        let delete = s3.delete_object().bucket("locked").key("k").version_id(&version);
        delete.set_bypass_governance_retention(bypass.then_some(true)).send()
    };
    let head = s3.head_object().bucket("locked").key("k").send().await.unwrap();
    assert_eq!(head.object_lock_mode(), Some(&ObjectLockMode::Governance));
    assert_eq!(refusal(delete(false).await), "403 AccessDenied");
    let hold = |status| {
        let hold = ObjectLockLegalHold::builder().status(status).build();
        s3.put_object_legal_hold().bucket("locked").key("k").legal_hold(hold).send()
    };
    hold(ObjectLockLegalHoldStatus::On).await.unwrap();
    assert_eq!(refusal(delete(true).await), "403 AccessDenied");
    hold(ObjectLockLegalHoldStatus::Off).await.unwrap();

    let retain = |mode: ObjectLockRetentionMode, days: i64| {
        let until = DateTime::from_secs(world.sandbox.state_clock().now().as_secs() + days * 86_400);
        let retention = ObjectLockRetention::builder().mode(mode).retain_until_date(until).build();
        s3.put_object_retention().bucket("locked").key("k").retention(retention).send()
    };
    assert_eq!(refusal(retain(ObjectLockRetentionMode::Governance, 1).await), "403 AccessDenied");
    retain(ObjectLockRetentionMode::Governance, 60).await.unwrap();
    let retention = s3.get_object_retention().bucket("locked").key("k").send().await.unwrap().retention;
    assert_eq!(retention.unwrap().mode, Some(ObjectLockRetentionMode::Governance));
    world.sandbox.age(59 * DAY).await.unwrap();
    assert_eq!(refusal(delete(false).await), "403 AccessDenied");
    world.sandbox.age(2 * DAY).await.unwrap();
    assert_eq!(refusal(delete(false).await), "accepted");
}
