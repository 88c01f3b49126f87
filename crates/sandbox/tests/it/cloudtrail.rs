//! What was called, as CloudTrail tells it.

use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{
    DataResource, Event, EventSelector, LookupAttribute, LookupAttributeKey, ReadWriteType,
};
use firmhold_sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;

use crate::harness::{CUSTOMER, Harness, PLATFORM, allow, refusal, refusal_code, start};

const TRAIL: &str = "arn:aws:cloudtrail:us-west-2:111122223333:trail/audit";

fn cloudtrail(harness: &Harness) -> Client {
    cloudtrail_in(harness, "us-west-2")
}

fn cloudtrail_in(harness: &Harness, region: &'static str) -> Client {
    Client::new(&harness.sdk_in(harness.admin(), region, harness.sandbox.clock().clone()))
}

async fn lookup(client: &Client, key: LookupAttributeKey, value: &str) -> Vec<Event> {
    let attribute = LookupAttribute::builder().attribute_key(key).attribute_value(value).build().unwrap();
    client.lookup_events().lookup_attributes(attribute).send().await.unwrap().events.unwrap()
}

fn record(event: &Event) -> Value {
    serde_json::from_str(event.cloud_trail_event().unwrap()).unwrap()
}

/// The bucket of a trail, with the policy that AWS documents for it.
pub async fn trail_bucket(harness: &Harness) {
    harness.bucket("acme-trail").await;
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Principal": {{"Service": "cloudtrail.amazonaws.com"}}, "Action": "s3:GetBucketAcl",
              "Resource": "arn:aws:s3:::acme-trail", "Condition": {{"StringEquals": {{"aws:SourceArn": "{TRAIL}"}}}}}},
            {{"Effect": "Allow", "Principal": {{"Service": "cloudtrail.amazonaws.com"}}, "Action": "s3:PutObject",
              "Resource": "arn:aws:s3:::acme-trail/AWSLogs/{CUSTOMER}/*",
              "Condition": {{"StringEquals": {{"s3:x-amz-acl": "bucket-owner-full-control",
                                              "aws:SourceArn": "{TRAIL}"}}}}}}]}}"#
    );
    let s3 = harness.s3(harness.admin());
    s3.put_bucket_policy().bucket("acme-trail").policy(policy).send().await.unwrap();
}

/// A trail of all regions that is on.
pub async fn trail(harness: &Harness) {
    trail_bucket(harness).await;
    let client = cloudtrail(harness);
    let create = client.create_trail().name("audit").s3_bucket_name("acme-trail").is_multi_region_trail(true);
    create.send().await.unwrap();
    client.start_logging().name("audit").send().await.unwrap();
}

#[tokio::test]
async fn calls_are_told_without_a_trail() {
    let harness = start().await;
    let role = harness.customer_role("fw", "fh-1234", &allow(&["s3:GetObject"], &["*"])).await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    s3.delete_public_access_block().bucket("acme-fw").send().await.unwrap();
    let platform = harness.kms(harness.platform().await);
    platform.list_keys().send().await.unwrap_err();

    // IAM's calls are told in its own region.
    let iam =
        lookup(&cloudtrail_in(&harness, "us-east-1"), LookupAttributeKey::EventName, "PutRolePolicy").await;
    assert_eq!(iam.len(), 1);
    let told = record(&iam[0]);
    assert_eq!(told["userIdentity"]["type"], "IAMUser");
    assert_eq!(told["userIdentity"]["userName"], "admin");
    assert_eq!(told["requestParameters"]["roleName"], "fw");
    assert_eq!((&told["awsRegion"], &told["readOnly"]), (&"us-east-1".into(), &false.into()));
    assert_eq!((iam[0].username(), iam[0].read_only()), (Some("admin"), Some("false")));
    let by_name =
        lookup(&cloudtrail_in(&harness, "us-east-1"), LookupAttributeKey::ResourceName, &role).await;
    assert_eq!(by_name.len(), 2, "made, and given its policy");

    let client = cloudtrail(&harness);
    let block = lookup(&client, LookupAttributeKey::EventName, "DeleteBucketPublicAccessBlock").await;
    assert_eq!(record(&block[0])["requestParameters"]["bucketName"], "acme-fw");
    // What is done with objects is no management event.
    assert!(lookup(&client, LookupAttributeKey::EventName, "PutObject").await.is_empty());
    // The call of another account's identity is that account's.
    assert!(lookup(&client, LookupAttributeKey::EventName, "ListKeys").await.is_empty());
}

#[tokio::test]
async fn refusals_are_told_with_their_reason_and_survive() {
    let harness = start().await;
    let session = harness.customer_session("reader", &allow(&["s3:GetObject"], &["*"])).await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(session.clone());
    s3.get_bucket_policy().bucket("acme-fw").send().await.unwrap_err();
    harness.s3(harness.admin()).get_bucket_policy().bucket("acme-fw").send().await.unwrap_err();
    harness.kms(session).create_key().send().await.unwrap_err();
    let Harness { sandbox, dir } = harness;
    sandbox.stop().await;
    let harness = Harness { sandbox: Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap(), dir };

    let client = cloudtrail(&harness);
    let told = lookup(&client, LookupAttributeKey::EventName, "GetBucketPolicy").await;
    let told: Vec<Value> = told.iter().map(record).collect();
    assert_eq!(told[0]["errorCode"], "NoSuchBucketPolicy");
    assert_eq!(told[1]["errorCode"], "AccessDenied");
    let message = told[1]["errorMessage"].as_str().unwrap();
    assert!(message.contains("no identity-based policy allows the s3:GetBucketPolicy action"), "{message}");
    assert_eq!(told[1]["userIdentity"]["type"], "AssumedRole");
    assert_eq!(told[1]["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"], "reader");
    let key = lookup(&client, LookupAttributeKey::EventSource, "kms.amazonaws.com").await;
    assert_eq!(record(&key[0])["errorCode"], "AccessDenied");
}

#[tokio::test]
async fn an_assumed_role_is_told_to_both_accounts() {
    let harness = start().await;
    let role = harness.customer_role("fw", "fh-1234", &allow(&["s3:GetObject"], &["*"])).await;
    harness.backend(&role, "fh-1234", None).await;
    let platform = harness.sts(harness.platform().await);
    let wrong = platform.assume_role().role_arn(&role).role_session_name("s2").external_id("wrong");
    wrong.send().await.unwrap_err();

    let told = lookup(&cloudtrail(&harness), LookupAttributeKey::EventName, "AssumeRole").await;
    assert_eq!(told.len(), 1, "a stranger who was not let in is not told");
    let told = record(&told[0]);
    assert_eq!(told["userIdentity"]["type"], "AWSAccount");
    assert_eq!(told["userIdentity"]["accountId"], PLATFORM);
    assert_eq!(told["userIdentity"]["arn"], Value::Null);
    assert_eq!(told["resources"][0]["ARN"], role.as_str());
    assert_eq!(told["requestParameters"]["externalId"], "fh-1234");
    assert!(told["sharedEventID"].is_string());
    assert!(told["responseElements"]["credentials"]["accessKeyId"].as_str().unwrap().starts_with("ASIA"));
    assert_eq!(told["responseElements"]["credentials"]["secretAccessKey"], Value::Null);
}

#[tokio::test]
async fn lookups_come_in_pages_and_end_after_ninety_days() {
    let harness = start().await;
    let kms = harness.kms(harness.admin());
    for _ in 0..5 {
        kms.create_key().send().await.unwrap();
    }
    let client = cloudtrail(&harness);
    let attribute = || {
        LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value("CreateKey")
            .build()
            .unwrap()
    };
    let (mut token, mut ids) = (None, Vec::new());
    for expected in [2, 2, 1] {
        let page = client.lookup_events().lookup_attributes(attribute()).max_results(2).set_next_token(token);
        let page = page.send().await.unwrap();
        assert_eq!(page.events().len(), expected);
        ids.extend(page.events().iter().map(|event| event.event_id().unwrap().to_owned()));
        token = page.next_token;
    }
    assert_eq!(token, None);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert_eq!(
        refusal_code(client.lookup_events().max_results(51).send().await),
        "400 InvalidMaxResultsException"
    );
    assert_eq!(
        refusal_code(client.lookup_events().next_token("x").send().await),
        "400 InvalidNextTokenException"
    );
    harness.sandbox.age(Duration::from_secs(91 * 86_400)).await.unwrap();
    assert!(lookup(&client, LookupAttributeKey::EventName, "CreateKey").await.is_empty());
}

#[tokio::test]
async fn a_trail_lives_through_its_life() {
    let harness = start().await;
    let client = cloudtrail(&harness);
    let create =
        || client.create_trail().name("audit").s3_bucket_name("acme-trail").is_multi_region_trail(true);
    assert_eq!(
        refusal(create().send().await),
        "400 S3BucketDoesNotExistException: S3 bucket acme-trail does not exist!"
    );
    harness.bucket("acme-trail").await;
    assert_eq!(
        refusal(create().send().await),
        "400 InsufficientS3BucketPolicyException: Incorrect S3 bucket policy is detected for bucket: acme-trail"
    );
    let s3 = harness.s3(harness.admin());
    s3.delete_object().bucket("acme-trail").key("fw/a").send().await.unwrap();
    s3.delete_bucket().bucket("acme-trail").send().await.unwrap();
    trail_bucket(&harness).await;
    assert_eq!(create().send().await.unwrap().trail_arn.unwrap(), TRAIL);
    assert_eq!(refusal_code(create().send().await), "400 TrailAlreadyExistsException");

    assert_eq!(client.get_trail_status().name("audit").send().await.unwrap().is_logging, Some(false));
    client.start_logging().name(TRAIL).send().await.unwrap();
    assert_eq!(client.get_trail_status().name("audit").send().await.unwrap().is_logging, Some(true));
    let elsewhere = cloudtrail_in(&harness, "eu-west-1");
    let shadow = elsewhere.describe_trails().send().await.unwrap().trail_list.unwrap();
    assert_eq!(shadow[0].home_region.as_deref(), Some("us-west-2"));
    let own = elsewhere.describe_trails().include_shadow_trails(false).send().await.unwrap();
    assert!(own.trail_list().is_empty());
    assert_eq!(
        refusal_code(elsewhere.stop_logging().name(TRAIL).send().await),
        "400 InvalidHomeRegionException"
    );

    let objects = |value: &str| {
        let objects = DataResource::builder().r#type("AWS::S3::Object").values(value).build();
        EventSelector::builder().read_write_type(ReadWriteType::All).data_resources(objects).build()
    };
    let put = |value| client.put_event_selectors().trail_name("audit").event_selectors(objects(value));
    assert_eq!(
        refusal_code(put("arn:aws:s3:::acme-fw").send().await),
        "400 InvalidEventSelectorsException",
        "without the slash it would be for acme-fw-2 as well"
    );
    put("arn:aws:s3:::acme-fw/").send().await.unwrap();
    let read = client.get_event_selectors().trail_name("audit").send().await.unwrap();
    assert_eq!(read.event_selectors()[0].data_resources()[0].values(), ["arn:aws:s3:::acme-fw/"]);

    client.stop_logging().name("audit").send().await.unwrap();
    client.delete_trail().name("audit").send().await.unwrap();
    assert_eq!(
        refusal(client.get_trail().name("audit").send().await),
        format!("400 TrailNotFoundException: Unknown trail: {TRAIL} for the user: {CUSTOMER}")
    );
}

/// What works behind the answers ends with the sandbox, also if nobody stops it.
#[tokio::test]
async fn a_sandbox_that_is_dropped_lets_go_of_its_folder() {
    let Harness { sandbox, dir } = start().await;
    drop(sandbox);
    let again = async {
        while Sandbox::start(SandboxConfig::new(dir.path())).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again).await.unwrap();
}
