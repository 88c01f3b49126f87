//! Event rules: what a trail takes goes to topics.

use aws_credential_types::Credentials;
use aws_sdk_cloudtrail::Client as CloudTrail;
use aws_sdk_cloudtrail::types::{DataResource, EventSelector};
use firmhold_sandbox::Notification;
use serde_json::{Value, json};

use crate::cloudtrail::trail;
use crate::harness::{Harness, allow, start};

const TOPIC: &str = "arn:aws:sns:us-west-2:111122223333:changes";

async fn events(harness: &Harness, action: &str, input: Value) -> Result<Value, String> {
    let target = format!("AWSEvents.{action}");
    call(harness, &harness.admin(), &target, input).await
}

/// The answer, or status and code of a refusal with its message.
async fn call(
    harness: &Harness,
    credentials: &Credentials,
    target: &str,
    input: Value,
) -> Result<Value, String> {
    match harness.json(credentials, "events", target, input).await {
        (200, answer) => Ok(answer),
        (status, refusal) => Err(format!(
            "{status} {}: {}",
            refusal["__type"].as_str().unwrap_or_default(),
            refusal["message"].as_str().unwrap_or_default()
        )),
    }
}

/// A topic that lets rules in, and a rule that sends what fits the pattern to it.
async fn rule(harness: &Harness, pattern: Value) {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
        "Resource": TOPIC,
        "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-west-2:111122223333:rule/changes"}}
    }]})
    .to_string();
    let create = [
        ("Action", "CreateTopic"),
        ("Name", "changes"),
        ("Attributes.entry.1.key", "Policy"),
        ("Attributes.entry.1.value", policy.as_str()),
    ];
    assert_eq!(harness.query(&harness.admin(), "sns", &create).await.0, 200);
    let put = json!({"Name": "changes", "EventPattern": pattern.to_string()});
    events(harness, "PutRule", put).await.unwrap();
    let put = json!({"Rule": "changes", "Targets": [{"Id": "topic", "Arn": TOPIC}]});
    assert_eq!(events(harness, "PutTargets", put).await.unwrap()["FailedEntryCount"], 0);
}

async fn told(harness: &Harness) -> Vec<String> {
    let name = |one: Notification| {
        let event: Value = serde_json::from_str(&one.message).unwrap();
        event["detail"]["eventName"].as_str().unwrap().to_owned()
    };
    harness.sandbox.notifications().await.unwrap().into_iter().map(name).collect()
}

#[tokio::test]
async fn a_rule_lives_through_its_life() {
    let harness = start().await;
    rule(&harness, json!({"source": ["aws.kms"]})).await;
    let found = events(&harness, "DescribeRule", json!({"Name": "changes"})).await.unwrap();
    assert_eq!(found["EventPattern"], "{\"source\":[\"aws.kms\"]}");
    assert_eq!((&found["State"], &found["EventBusName"]), (&"ENABLED".into(), &"default".into()));
    let rules = events(&harness, "ListRules", json!({"NamePrefix": "ch"})).await.unwrap();
    assert_eq!(rules["Rules"][0]["Arn"], "arn:aws:events:us-west-2:111122223333:rule/changes");
    let targets = events(&harness, "ListTargetsByRule", json!({"Rule": "changes"})).await.unwrap();
    assert_eq!(targets["Targets"][0]["Arn"], TOPIC);
    assert_eq!(
        events(&harness, "DeleteRule", json!({"Name": "changes"})).await.unwrap_err(),
        "400 ValidationException: Rule can't be deleted since it has targets."
    );
    events(&harness, "RemoveTargets", json!({"Rule": "changes", "Ids": ["topic"]})).await.unwrap();
    events(&harness, "DeleteRule", json!({"Name": "changes"})).await.unwrap();
    events(&harness, "DeleteRule", json!({"Name": "changes"})).await.unwrap();
    assert_eq!(
        events(&harness, "DescribeRule", json!({"Name": "changes"})).await.unwrap_err(),
        "400 ResourceNotFoundException: Rule changes does not exist on EventBus default."
    );
    let bad =
        events(&harness, "PutRule", json!({"Name": "x", "EventPattern": "{\"source\": \"aws.kms\"}"})).await;
    assert!(bad.unwrap_err().starts_with("400 InvalidEventPatternException"));
    let bus = events(&harness, "ListRules", json!({"EventBusName": "other"})).await;
    assert!(bus.unwrap_err().starts_with("400 ResourceNotFoundException"));
    let session = harness.customer_session("bare", &allow(&["s3:*"], &["*"])).await;
    let denied = call(&harness, &session, "AWSEvents.ListRules", json!({})).await;
    assert_eq!(
        denied.unwrap_err(),
        "400 AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/bare/s1 is not authorized to perform: \
         events:ListRules on resource: arn:aws:events:us-west-2:111122223333:rule/* because no identity-based policy \
         allows the events:ListRules action"
    );
}

/// As on AWS, calls are events only where a trail is on.
#[tokio::test]
async fn rules_get_what_a_trail_takes() {
    let harness = start().await;
    let pattern = json!({"source": ["aws.kms"], "detail": {"eventName": ["DisableKey", "PutKeyPolicy", "DescribeKey"]}});
    rule(&harness, pattern).await;
    let kms = harness.kms(harness.admin());
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    kms.disable_key().key_id(&key).send().await.unwrap();
    assert!(told(&harness).await.is_empty());
    trail(&harness).await;
    kms.disable_key().key_id(&key).send().await.unwrap();
    kms.enable_key().key_id(&key).send().await.unwrap();
    // What only reads is not told, though the pattern has it.
    kms.describe_key().key_id(&key).send().await.unwrap();
    assert_eq!(told(&harness).await, ["DisableKey"]);
    // The refused ones are told as well.
    let session = harness.customer_session("bare", &allow(&["s3:*"], &["*"])).await;
    harness.kms(session).disable_key().key_id(&key).send().await.unwrap_err();
    assert_eq!(told(&harness).await.len(), 2);
    let put = json!({"Name": "changes", "State": "DISABLED", "EventPattern": "{\"source\": [\"aws.kms\"]}"});
    events(&harness, "PutRule", put).await.unwrap();
    kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(told(&harness).await.len(), 2);
}

#[tokio::test]
async fn the_end_of_a_trail_is_told_and_nothing_after() {
    let harness = start().await;
    trail(&harness).await;
    rule(&harness, json!({"source": ["aws.cloudtrail", "aws.kms"]})).await;
    let client = CloudTrail::new(&harness.sdk(harness.admin()));
    client.stop_logging().name("audit").send().await.unwrap();
    harness.kms(harness.admin()).create_key().send().await.unwrap();
    assert_eq!(told(&harness).await, ["StopLogging"]);
}

#[tokio::test]
async fn a_role_that_somebody_else_assumes_is_told() {
    let harness = start().await;
    let role = harness.customer_role("fw", "fh-1234", &allow(&["s3:GetObject"], &["*"])).await;
    trail(&harness).await;
    rule(
        &harness,
        json!({
            "source": ["aws.sts"],
            "detail": {
                "eventName": ["AssumeRole"],
                "requestParameters": {"roleArn": [role]},
                "userIdentity": {"accountId": [{"anything-but": "999999999999"}]}
            }
        }),
    )
    .await;
    harness.backend(&role, "fh-1234", None).await;
    assert!(told(&harness).await.is_empty());
    let admin = harness.sts(harness.admin());
    admin.assume_role().role_arn(&role).role_session_name("s1").external_id("x").send().await.unwrap_err();
    assert_eq!(told(&harness).await, ["AssumeRole"]);
}

#[tokio::test]
async fn objects_are_told_where_the_trail_takes_them() {
    let harness = start().await;
    trail(&harness).await;
    rule(&harness, json!({"source": ["aws.s3"], "detail": {"eventName": ["PutObject", "GetObject"]}})).await;
    harness.bucket("acme-fw").await;
    assert!(told(&harness).await.is_empty());
    let objects =
        DataResource::builder().r#type("AWS::S3::Object").values("arn:aws:s3:::acme-fw/fw/").build();
    let client = CloudTrail::new(&harness.sdk(harness.admin()));
    let selector = EventSelector::builder().data_resources(objects).build();
    client.put_event_selectors().trail_name("audit").event_selectors(selector).send().await.unwrap();
    let s3 = harness.s3(harness.admin());
    for key in ["fw/a", "else"] {
        s3.put_object().bucket("acme-fw").key(key).body(vec![1].into()).send().await.unwrap();
    }
    s3.get_object().bucket("acme-fw").key("fw/a").send().await.unwrap();
    assert_eq!(told(&harness).await, ["PutObject", "GetObject"]);
}

#[tokio::test]
async fn a_topic_that_does_not_let_rules_in_gets_nothing() {
    let harness = start().await;
    trail(&harness).await;
    rule(&harness, json!({"source": ["aws.kms"]})).await;
    // A topic's default policy is for its account, which rules do not speak for.
    harness.query(&harness.admin(), "sns", &[("Action", "DeleteTopic"), ("TopicArn", TOPIC)]).await;
    harness.query(&harness.admin(), "sns", &[("Action", "CreateTopic"), ("Name", "changes")]).await;
    harness.kms(harness.admin()).create_key().send().await.unwrap();
    assert!(told(&harness).await.is_empty());
}
