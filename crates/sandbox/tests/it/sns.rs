//! Topics, over the wire.

use aws_credential_types::Credentials;
use firmhold_sandbox::{Sandbox, SandboxConfig};

use crate::harness::{Harness, allow, start};
use crate::raw::element;

const TOPIC: &str = "arn:aws:sns:us-west-2:111122223333:alarms";

async fn call(harness: &Harness, credentials: Credentials, parameters: &[(&str, &str)]) -> String {
    let (status, xml) = harness.query(&credentials, "sns", parameters).await;
    match status {
        200 => xml,
        _ => format!("{status} {}: {}", element(&xml, "Code"), element(&xml, "Message")),
    }
}

async fn admin(harness: &Harness, parameters: &[(&str, &str)]) -> String {
    call(harness, harness.admin(), parameters).await
}

#[tokio::test]
async fn a_topic_lives_through_its_life() {
    let harness = start().await;
    let create = [
        ("Action", "CreateTopic"),
        ("Name", "alarms"),
        ("Attributes.entry.1.key", "DisplayName"),
        ("Attributes.entry.1.value", "Firmware & co"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "fw"),
    ];
    for _ in 0..2 {
        assert_eq!(element(&admin(&harness, &create).await, "TopicArn"), TOPIC);
    }
    let attributes = admin(&harness, &[("Action", "GetTopicAttributes"), ("TopicArn", TOPIC)]).await;
    assert!(attributes.contains("<key>DisplayName</key><value>Firmware &amp; co</value>"), "{attributes}");
    assert!(attributes.contains("AWS:SourceOwner"), "{attributes}");
    let tags = admin(&harness, &[("Action", "ListTagsForResource"), ("ResourceArn", TOPIC)]).await;
    assert!(tags.contains("<Key>team</Key><Value>fw</Value>"), "{tags}");

    let subscribe = |protocol: &'static str, endpoint: &'static str| {
        [("Action", "Subscribe"), ("TopicArn", TOPIC), ("Protocol", protocol), ("Endpoint", endpoint)]
    };
    let mail = admin(&harness, &subscribe("email", "ops@example.com")).await;
    assert_eq!(element(&mail, "SubscriptionArn"), "pending confirmation");
    assert_eq!(
        admin(&harness, &subscribe("email", "nobody")).await,
        "400 InvalidParameter: Invalid parameter: Email address"
    );
    let list = [("Action", "ListSubscriptionsByTopic"), ("TopicArn", TOPIC)];
    assert!(admin(&harness, &list).await.contains("<SubscriptionArn>PendingConfirmation</SubscriptionArn>"));
    // Nobody has agreed to get it.
    let publish = [("Action", "Publish"), ("TopicArn", TOPIC), ("Subject", "s"), ("Message", "one")];
    admin(&harness, &publish).await;
    assert!(harness.sandbox.confirm_subscription(TOPIC, "ops@example.com").await.unwrap());
    assert!(!harness.sandbox.confirm_subscription(TOPIC, "else@example.com").await.unwrap());
    admin(&harness, &publish).await;

    let Harness { sandbox, dir } = harness;
    sandbox.stop().await;
    let sandbox = Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap();
    let harness = Harness { sandbox, dir };
    let messages = harness.sandbox.notifications().await.unwrap();
    let told: Vec<_> = messages.iter().map(|one| (one.message.as_str(), one.endpoints.len())).collect();
    assert_eq!(told, [("one", 0), ("one", 1)]);
    assert_eq!(messages[0].publisher, "arn:aws:iam::111122223333:user/admin");

    admin(&harness, &[("Action", "DeleteTopic"), ("TopicArn", TOPIC)]).await;
    assert_eq!(admin(&harness, &publish).await, "404 NotFound: Topic does not exist");
    admin(&harness, &[("Action", "DeleteTopic"), ("TopicArn", TOPIC)]).await;
}

#[tokio::test]
async fn a_topics_policy_and_the_callers_decide() {
    let harness = start().await;
    admin(&harness, &[("Action", "CreateTopic"), ("Name", "alarms")]).await;
    let publish = [("Action", "Publish"), ("TopicArn", TOPIC), ("Message", "m")];
    // The default policy lets in everybody of the account who asks in its name.
    let role = harness.customer_session("bare", &allow(&["s3:ListAllMyBuckets"], &["*"])).await;
    assert!(!element(&call(&harness, role.clone(), &publish).await, "MessageId").is_empty());
    let only = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:Publish",
        "Principal": {"Service": "events.amazonaws.com"},
        "Resource": "arn:aws:sns:us-west-2:111122223333:alarms"}]}"#;
    let set = |policy| {
        [
            ("Action", "SetTopicAttributes"),
            ("TopicArn", TOPIC),
            ("AttributeName", "Policy"),
            ("AttributeValue", policy),
        ]
    };
    admin(&harness, &set(only)).await;
    assert_eq!(
        call(&harness, role, &publish).await,
        "403 AuthorizationError: User: arn:aws:sts::111122223333:assumed-role/bare/s1 is not authorized to perform: \
         SNS:Publish on resource: arn:aws:sns:us-west-2:111122223333:alarms because no identity-based policy allows \
         the SNS:Publish action"
    );
    let foreign = call(&harness, harness.platform().await, &publish).await;
    assert!(foreign.starts_with("403 AuthorizationError"), "{foreign}");
    let elsewhere = only.replace(":alarms", ":else");
    assert!(
        admin(&harness, &set(&elsewhere))
            .await
            .starts_with("400 InvalidParameter: Invalid parameter: Policy")
    );
    assert!(admin(&harness, &set("{")).await.starts_with("400 InvalidParameter"));
    assert!(
        admin(&harness, &[("Action", "CreateTopic"), ("Name", "no spaces")])
            .await
            .starts_with("400 InvalidParameter")
    );
}
