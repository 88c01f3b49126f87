//! Lifecycle: what is refused, and what happens as the state's clock is turned.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, GlacierJobParameters,
    LifecycleExpiration, LifecycleRule, LifecycleRuleAndOperator, LifecycleRuleFilter,
    NoncurrentVersionExpiration, NoncurrentVersionTransition, RestoreRequest, Tag, Tier, Transition,
    TransitionStorageClass,
};
use firmhold_core::{Clock, Timestamp};
use firmhold_sandbox::{Sandbox, SandboxConfig};

use crate::s3_support::{REGION, World, client, put, refusal, start};

const BUCKET: &str = "acme-firmware";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The least that lifecycle moves.
const LARGE: usize = 128 * 1024;

fn everything() -> LifecycleRuleFilter {
    LifecycleRuleFilter::builder().prefix("").build()
}

fn rule(id: &str) -> aws_sdk_s3::types::builders::LifecycleRuleBuilder {
    LifecycleRule::builder().id(id).status(ExpirationStatus::Enabled).filter(everything())
}

fn days(days: i32) -> LifecycleExpiration {
    LifecycleExpiration::builder().days(days).build()
}

fn to(class: TransitionStorageClass, days: i32) -> Transition {
    Transition::builder().storage_class(class).days(days).build()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

type Built = Result<LifecycleRule, BuildError>;

async fn configure(s3: &Client, rules: impl IntoIterator<Item = Built>) -> String {
    let rules = rules.into_iter().map(Result::unwrap).collect();
    let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().unwrap();
    refusal(
        s3.put_bucket_lifecycle_configuration()
            .bucket(BUCKET)
            .lifecycle_configuration(configuration)
            .send()
            .await,
    )
}

/// `key class` of every version, newest first; `-` for a delete marker.
async fn versions(s3: &Client) -> Vec<String> {
    let page = s3.list_object_versions().bucket(BUCKET).send().await.unwrap();
    let versions = page.versions().iter().map(|version| {
        let class = version.storage_class().map_or("STANDARD", |class| class.as_str());
        (version.key().unwrap().to_owned(), !version.is_latest().unwrap(), class.to_owned())
    });
    let markers = page
        .delete_markers()
        .iter()
        .map(|marker| (marker.key().unwrap().to_owned(), !marker.is_latest().unwrap(), "-".to_owned()));
    let mut all: Vec<_> = versions.chain(markers).collect();
    all.sort();
    all.into_iter().map(|(key, _, class)| format!("{key} {class}")).collect()
}

async fn put_large(s3: &Client, key: &str, tagging: Option<&str>) {
    let body = ByteStream::from(vec![7; LARGE]);
    let put = s3.put_object().bucket(BUCKET).key(key).set_tagging(tagging.map(str::to_owned)).body(body);
    put.send().await.unwrap();
}

#[tokio::test]
async fn what_aws_refuses_is_refused() {
    let world = World::new().await;
    let s3 = &world.s3;
    let filter = |filter: LifecycleRuleFilter| rule("r").filter(filter).expiration(days(9)).build();
    let and = |and: LifecycleRuleAndOperator| filter(LifecycleRuleFilter::builder().and(and).build());
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build();
    let tagged = LifecycleRuleFilter::builder().tag(tag("a", "b")).build();
    let date = |text: &str| {
        let date = DateTime::from_str(text, aws_sdk_s3::primitives::DateTimeFormat::DateTime).unwrap();
        LifecycleExpiration::builder().date(date).build()
    };
    let without_scope = LifecycleRule::builder().status(ExpirationStatus::Enabled).expiration(days(1));
    let newer = NoncurrentVersionExpiration::builder().noncurrent_days(1);
    #[allow(deprecated, reason = "the old form is still taken, and has rules of its own")]
    let by_prefix =
        |rule: aws_sdk_s3::types::builders::LifecycleRuleBuilder| rule.set_filter(None).prefix("fw/").build();
    use TransitionStorageClass::{DeepArchive, Glacier, IntelligentTiering, StandardIa};
    let cases = [
        ("neither filter nor prefix", without_scope.clone().build()),
        ("both", {
            #[allow(deprecated, reason = "as above")]
            rule("r").prefix("a").expiration(days(1)).build()
        }),
        ("no action", rule("r").build()),
        ("no days", rule("r").expiration(days(0)).build()),
        ("not at midnight", rule("r").expiration(date("2030-01-01T10:00:00Z")).build()),
        ("and of one", and(LifecycleRuleAndOperator::builder().prefix("a").build())),
        (
            "one tag twice",
            and(LifecycleRuleAndOperator::builder().tags(tag("a", "1")).tags(tag("a", "2")).build()),
        ),
        (
            "sizes that exclude each other",
            and(LifecycleRuleAndOperator::builder()
                .object_size_greater_than(10)
                .object_size_less_than(5)
                .build()),
        ),
        ("infrequent too early", rule("r").transitions(to(StandardIa, 29)).build()),
        (
            "moved too soon after",
            rule("r").transitions(to(StandardIa, 30)).transitions(to(Glacier, 40)).build(),
        ),
        ("a class twice", rule("r").transitions(to(Glacier, 1)).transitions(to(Glacier, 2)).build()),
        ("expired before moved", rule("r").transitions(to(DeepArchive, 90)).expiration(days(90)).build()),
        (
            "days and a date",
            rule("r").transitions(to(IntelligentTiering, 1)).expiration(date("2030-01-01T00:00:00Z")).build(),
        ),
        (
            "uploads by tag",
            rule("r").filter(tagged.clone()).abort_incomplete_multipart_upload(abort.clone()).build(),
        ),
        (
            "markers by tag",
            rule("r")
                .filter(tagged)
                .expiration(LifecycleExpiration::builder().expired_object_delete_marker(true).build())
                .build(),
        ),
        (
            "newer versions without a filter",
            by_prefix(
                rule("r").noncurrent_version_expiration(newer.clone().newer_noncurrent_versions(2).build()),
            ),
        ),
        (
            "too many newer versions",
            rule("r").noncurrent_version_expiration(newer.newer_noncurrent_versions(101).build()).build(),
        ),
    ];
    let mut answers = Vec::new();
    for (what, rule) in cases {
        answers.push(format!("{what}: {}", configure(s3, [rule]).await));
    }
    let twice = || rule("same").expiration(days(1)).build();
    answers.push(format!("one id twice: {}", configure(s3, [twice(), twice()]).await));
    let many = (0..1001).map(|n| rule(&format!("r{n}")).expiration(days(1)).build());
    answers.push(format!("too many rules: {}", configure(s3, many).await));
    insta::assert_snapshot!(answers.join("\n"), @r"
    neither filter nor prefix: 400 MalformedXML
    both: 400 MalformedXML
    no action: 400 InvalidRequest
    no days: 400 InvalidArgument
    not at midnight: 400 InvalidArgument
    and of one: 400 MalformedXML
    one tag twice: 400 InvalidRequest
    sizes that exclude each other: 400 InvalidRequest
    infrequent too early: 400 InvalidArgument
    moved too soon after: 400 InvalidArgument
    a class twice: 400 InvalidRequest
    expired before moved: 400 InvalidArgument
    days and a date: 400 InvalidRequest
    uploads by tag: 400 InvalidRequest
    markers by tag: 400 InvalidRequest
    newer versions without a filter: 400 InvalidRequest
    too many newer versions: 400 InvalidArgument
    one id twice: 400 InvalidArgument
    too many rules: 400 MalformedXML
    ");
    assert_eq!(
        refusal(s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await),
        "404 NoSuchLifecycleConfiguration"
    );
}

#[tokio::test]
async fn rules_are_answered_as_they_were_put() {
    let world = World::new().await;
    let s3 = &world.s3;
    let scope = LifecycleRuleAndOperator::builder()
        .prefix("logs/")
        .tags(tag("team", "fw"))
        .object_size_greater_than(500)
        .build();
    let rules = [
        rule("foreign-1")
            .filter(LifecycleRuleFilter::builder().and(scope).build())
            .transitions(to(TransitionStorageClass::StandardIa, 30))
            .transitions(to(TransitionStorageClass::GlacierIr, 90))
            .expiration(days(365))
            .build(),
        rule("foreign-2")
            .status(ExpirationStatus::Disabled)
            .filter(LifecycleRuleFilter::builder().build())
            .noncurrent_version_transitions(
                NoncurrentVersionTransition::builder()
                    .noncurrent_days(30)
                    .newer_noncurrent_versions(3)
                    .storage_class(TransitionStorageClass::StandardIa)
                    .build(),
            )
            .noncurrent_version_expiration(
                NoncurrentVersionExpiration::builder()
                    .noncurrent_days(180)
                    .newer_noncurrent_versions(5)
                    .build(),
            )
            .build(),
        {
            #[allow(deprecated, reason = "rules of the old form lie in many buckets")]
            LifecycleRule::builder()
                .id("foreign-3")
                .status(ExpirationStatus::Enabled)
                .prefix("tmp/")
                .abort_incomplete_multipart_upload(
                    AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build(),
                )
                .build()
        },
    ];
    let rules: Vec<LifecycleRule> = rules.into_iter().map(Result::unwrap).collect();
    assert_eq!(configure(s3, rules.iter().cloned().map(Ok)).await, "accepted");
    let read = s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await.unwrap();
    assert_eq!(read.rules(), rules);
    assert_eq!(
        read.transition_default_minimum_object_size().map(|size| size.as_str()),
        Some("all_storage_classes_128K")
    );
    s3.delete_bucket_lifecycle().bucket(BUCKET).send().await.unwrap();
    assert_eq!(
        refusal(s3.get_bucket_lifecycle_configuration().bucket(BUCKET).send().await),
        "404 NoSuchLifecycleConfiguration"
    );
}

#[tokio::test]
async fn current_objects_get_colder_and_expire_by_tag() {
    let world = World::versioned().await;
    let s3 = &world.s3;
    put_large(s3, "retired", Some("firmhold=retired")).await;
    put_large(s3, "live", None).await;
    let small = s3
        .put_object()
        .bucket(BUCKET)
        .key("small")
        .tagging("firmhold=retired")
        .body(ByteStream::from_static(b"x"));
    small.send().await.unwrap();
    let by_tag = LifecycleRuleFilter::builder().tag(tag("firmhold", "retired")).build();
    let retire = rule("retire")
        .filter(by_tag)
        .transitions(to(TransitionStorageClass::GlacierIr, 30))
        .transitions(to(TransitionStorageClass::DeepArchive, 90))
        .expiration(days(365))
        .build();
    assert_eq!(configure(s3, [retire]).await, "accepted");

    world.sandbox.age(29 * DAY).await.unwrap();
    assert_eq!(versions(s3).await, ["live STANDARD", "retired STANDARD", "small STANDARD"]);
    world.sandbox.age(2 * DAY).await.unwrap();
    assert_eq!(versions(s3).await, ["live STANDARD", "retired GLACIER_IR", "small STANDARD"]);
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("retired").send().await), "accepted");
    world.sandbox.age(60 * DAY).await.unwrap();
    assert_eq!(versions(s3).await, ["live STANDARD", "retired DEEP_ARCHIVE", "small STANDARD"]);
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("retired").send().await), "403 InvalidObjectState");
    world.sandbox.age(300 * DAY).await.unwrap();
    assert_eq!(
        versions(s3).await,
        ["live STANDARD", "retired -", "retired DEEP_ARCHIVE", "small -", "small STANDARD"]
    );
}

#[tokio::test]
async fn noncurrent_versions_go_by_number_and_age_and_markers_with_them() {
    let world = World::versioned().await;
    let s3 = &world.s3;
    for body in [b"1", b"2", b"3", b"4"] {
        put(s3, "k", body).await;
    }
    put(s3, "gone", b"x").await;
    s3.delete_object().bucket(BUCKET).key("gone").send().await.unwrap();
    let keep_one =
        NoncurrentVersionExpiration::builder().noncurrent_days(10).newer_noncurrent_versions(1).build();
    let rules = [
        rule("versions").noncurrent_version_expiration(keep_one).build(),
        rule("gone")
            .filter(LifecycleRuleFilter::builder().prefix("gone").build())
            .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(20).build())
            .build(),
        rule("markers")
            .expiration(LifecycleExpiration::builder().expired_object_delete_marker(true).build())
            .build(),
    ];
    assert_eq!(configure(s3, rules).await, "accepted");
    world.sandbox.age(12 * DAY).await.unwrap();
    assert_eq!(versions(s3).await, ["gone -", "gone STANDARD", "k STANDARD", "k STANDARD"]);
    world.sandbox.age(10 * DAY).await.unwrap();
    assert_eq!(versions(s3).await, ["k STANDARD", "k STANDARD"]);
}

#[tokio::test]
async fn noncurrent_versions_get_colder_and_abandoned_uploads_end() {
    let world = World::versioned().await;
    let s3 = &world.s3;
    put_large(s3, "k", Some("firmhold=retired")).await;
    put_large(s3, "k", None).await;
    put_large(s3, "l", None).await;
    put_large(s3, "l", None).await;
    s3.create_multipart_upload().bucket(BUCKET).key("m").send().await.unwrap();
    let retired = LifecycleRuleFilter::builder().tag(tag("firmhold", "retired")).build();
    let rules = [
        rule("old")
            .filter(retired)
            .noncurrent_version_transitions(
                NoncurrentVersionTransition::builder()
                    .noncurrent_days(30)
                    .storage_class(TransitionStorageClass::StandardIa)
                    .build(),
            )
            .noncurrent_version_expiration(
                NoncurrentVersionExpiration::builder().noncurrent_days(180).build(),
            )
            .build(),
        rule("uploads")
            .abort_incomplete_multipart_upload(
                AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build(),
            )
            .build(),
    ];
    assert_eq!(configure(s3, rules).await, "accepted");
    world.sandbox.age(6 * DAY).await.unwrap();
    assert_eq!(world.sandbox.open_uploads(BUCKET).unwrap(), ["m"]);
    world.sandbox.age(26 * DAY).await.unwrap();
    assert!(world.sandbox.open_uploads(BUCKET).unwrap().is_empty());
    assert_eq!(versions(s3).await, ["k STANDARD", "k STANDARD_IA", "l STANDARD", "l STANDARD"]);
    world.sandbox.age(151 * DAY).await.unwrap();
    assert_eq!(versions(s3).await, ["k STANDARD", "l STANDARD", "l STANDARD"]);
}

#[tokio::test]
async fn days_end_at_midnight_and_a_restart_keeps_the_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = SandboxConfig::new(dir.path());
    config.clock = Clock::fixed(Timestamp::parse("2026-01-01T10:30:00Z").unwrap());
    let clock = config.clock.clone();
    let sandbox = Sandbox::start(config).await.unwrap();
    let time = crate::harness::SandboxTime(clock.clone());
    let s3 = crate::s3_support::client_at(&sandbox, sandbox.customer(), REGION, time.clone());
    crate::s3_support::make_bucket(&s3, BUCKET).await;
    put(&s3, "k", b"x").await;
    assert_eq!(configure(&s3, [rule("r").expiration(days(3)).build()]).await, "accepted");
    // Three days old at 10:30 on the fourth; it goes at the midnight behind that.
    sandbox.age(3 * DAY + Duration::from_secs(13 * 3600)).await.unwrap();
    assert_eq!(versions(&s3).await, ["k STANDARD"]);
    sandbox.stop().await;

    let mut config = SandboxConfig::new(dir.path());
    config.clock = clock;
    let sandbox = Sandbox::start(config).await.unwrap();
    assert_eq!(sandbox.state_clock().now().to_string(), "2026-01-04T23:30:00Z");
    let s3 = crate::s3_support::client_at(&sandbox, sandbox.customer(), REGION, time);
    sandbox.age(Duration::from_secs(1800)).await.unwrap();
    assert!(versions(&s3).await.is_empty());
}

#[tokio::test]
async fn an_archived_object_is_brought_back_for_some_days() {
    let world = World::new().await;
    let s3 = &world.s3;
    let put = |key: &'static str, class: &'static str| {
        s3.put_object()
            .bucket(BUCKET)
            .key(key)
            .storage_class(class.into())
            .body(ByteStream::from_static(b"x"))
            .send()
    };
    put("cold", "GLACIER").await.unwrap();
    put("deep", "DEEP_ARCHIVE").await.unwrap();
    put("warm", "STANDARD_IA").await.unwrap();
    let restore = |key: &'static str, tier: Tier| {
        let tier = GlacierJobParameters::builder().tier(tier).build().unwrap();
        let request = RestoreRequest::builder().days(2).glacier_job_parameters(tier).build();
        s3.restore_object().bucket(BUCKET).key(key).restore_request(request).send()
    };
    let get = |key: &'static str| s3.get_object().bucket(BUCKET).key(key).send();
    let head = async |key: &'static str| {
        s3.head_object().bucket(BUCKET).key(key).send().await.unwrap().restore.unwrap_or_default()
    };
    assert_eq!(refusal(restore("warm", Tier::Standard).await), "403 InvalidObjectState");
    assert_eq!(refusal(restore("deep", Tier::Expedited).await), "400 InvalidArgument");
    assert_eq!(refusal(get("cold").await), "403 InvalidObjectState");
    assert_eq!(refusal(restore("cold", Tier::Standard).await), "accepted");
    assert_eq!(refusal(restore("cold", Tier::Standard).await), "409 RestoreAlreadyInProgress");
    assert_eq!(head("cold").await, "ongoing-request=\"true\"");
    assert_eq!(refusal(get("cold").await), "403 InvalidObjectState");
    world.sandbox.age(Duration::from_secs(5 * 3600 + 1)).await.unwrap();
    assert!(head("cold").await.starts_with("ongoing-request=\"false\", expiry-date=\""));
    assert_eq!(refusal(get("cold").await), "accepted");
    assert_eq!(refusal(restore("cold", Tier::Bulk).await), "accepted");
    world.sandbox.age(4 * DAY).await.unwrap();
    assert_eq!(head("cold").await, "");
    assert_eq!(refusal(get("cold").await), "403 InvalidObjectState");
    // And a restart does not forget.
    let World { sandbox, dir, .. } = world;
    sandbox.stop().await;
    let sandbox = start(&dir).await;
    let s3 = client(&sandbox, sandbox.customer(), REGION);
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("cold").send().await), "403 InvalidObjectState");
}
