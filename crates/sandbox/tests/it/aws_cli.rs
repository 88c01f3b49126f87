//! The AWS CLI, as whoever sets a bucket up by hand types it.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::{CUSTOMER, Harness, start};

/// Runs `aws`; what it says, or its error.
async fn aws(harness: &Harness, arguments: &[&str]) -> Result<String, String> {
    let tools = std::env::var_os("FIRMHOLD_TOOLS");
    let tools =
        PathBuf::from(tools.expect("FIRMHOLD_TOOLS names the tools folder: `cargo xtask test` fills it"));
    let mut command = Command::new(tools.join("venv/bin/aws"));
    command
        .args(arguments)
        .env("AWS_CONFIG_FILE", harness.sandbox.config_file())
        .env("AWS_SHARED_CREDENTIALS_FILE", harness.sandbox.credentials_file())
        .env("AWS_PAGER", "");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[tokio::test]
#[ignore = "needs the AWS CLI: cargo xtask test"]
async fn a_bucket_is_configured_by_hand() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    harness.sandbox.make_bucket("acme-copy", CUSTOMER, "eu-west-1").unwrap();
    let bucket = ["--bucket", "acme-firmware"];
    let s3api = async |arguments: &[&str]| aws(&harness, &[&["s3api"], arguments, &bucket].concat()).await;

    // The guide's rule has neither filter nor prefix (T09).
    let rule = |scope: &str| {
        format!(
            r#"{{"Rules": [{{"ID": "tiering", "Status": "Enabled", {scope}
                "Transitions": [{{"Days": 30, "StorageClass": "STANDARD_IA"}}]}}]}}"#
        )
    };
    let put = async |scope: &str| {
        let rule = rule(scope);
        s3api(&["put-bucket-lifecycle-configuration", "--lifecycle-configuration", &rule]).await
    };
    assert!(put("").await.unwrap_err().contains("MalformedXML"));
    put(r#""Filter": {"Prefix": "fw/"},"#).await.unwrap();
    let read = s3api(&["get-bucket-lifecycle-configuration", "--query", "Rules[0].Filter.Prefix"]).await;
    assert_eq!(read.unwrap(), "\"fw/\"");

    // Nor is its bucket versioned when it replicates (T13).
    let role = "arn:aws:iam::111122223333:role/replication";
    let replication = format!(
        r#"{{"Role": "{role}", "Rules": [{{"Status": "Enabled", "Prefix": "",
            "Destination": {{"Bucket": "arn:aws:s3:::acme-copy"}}}}]}}"#
    );
    let replicate = ["put-bucket-replication", "--replication-configuration", &replication];
    assert!(s3api(&replicate).await.unwrap_err().contains("Versioning must be 'Enabled'"));
    s3api(&["put-bucket-versioning", "--versioning-configuration", "Status=Enabled"]).await.unwrap();
    s3api(&replicate).await.unwrap();
    let read = s3api(&["get-bucket-replication", "--query", "ReplicationConfiguration.Role"]).await;
    assert_eq!(read.unwrap(), format!("\"{role}\""));

    s3api(&["put-bucket-metrics-configuration", "--id", "all", "--metrics-configuration", "Id=all"])
        .await
        .unwrap();
    let logging = r#"{"LoggingEnabled": {"TargetBucket": "acme-firmware", "TargetPrefix": "logs/"}}"#;
    s3api(&["put-bucket-logging", "--bucket-logging-status", logging]).await.unwrap();
    let document = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#;
    let policy = ["iam", "create-policy", "--policy-name", "read", "--policy-document", document];
    assert!(aws(&harness, &policy).await.unwrap().contains("arn:aws:iam::111122223333:policy/read"));
    let missing = aws(&harness, &["organizations", "describe-organization"]).await.unwrap_err();
    assert!(missing.contains("AWSOrganizationsNotInUseException"), "{missing}");
    let detectors = aws(&harness, &["guardduty", "list-detectors", "--query", "DetectorIds"]).await;
    assert_eq!(detectors.unwrap(), "[]");
    let flow_logs = aws(&harness, &["ec2", "describe-flow-logs", "--query", "FlowLogs"]).await;
    assert_eq!(flow_logs.unwrap(), "[]");
    let rules = aws(&harness, &["configservice", "describe-config-rules", "--query", "ConfigRules"]).await;
    assert_eq!(rules.unwrap(), "[]");
    let budgets =
        aws(&harness, &["budgets", "describe-budgets", "--account-id", CUSTOMER, "--query", "Budgets"]).await;
    assert_eq!(budgets.unwrap(), "[]");

    // botocore writes more of a service's name into `X-Amz-Target` than the SDKs do.
    let told = ["cloudtrail", "lookup-events", "--lookup-attributes"];
    let told = [&told[..], &["AttributeKey=EventName,AttributeValue=PutBucketLogging"]].concat();
    let told = aws(&harness, &[&told[..], &["--query", "length(Events)"]].concat()).await;
    assert_eq!(told.unwrap(), "1");
    let alarm = "cloudwatch put-metric-alarm --alarm-name errors --namespace AWS/S3 --metric-name 5xxErrors \
                 --dimensions Name=BucketName,Value=acme-firmware Name=FilterId,Value=all --statistic Average \
                 --period 300 --evaluation-periods 2 --threshold 0.01 --comparison-operator GreaterThanThreshold \
                 --treat-missing-data notBreaching";
    aws(&harness, &alarm.split_whitespace().collect::<Vec<_>>()).await.unwrap();
    let alarms = ["cloudwatch", "describe-alarms", "--query", "MetricAlarms[].[AlarmName, Threshold]"];
    let alarms = aws(&harness, &[&alarms[..], &["--output", "text"]].concat()).await;
    assert_eq!(alarms.unwrap(), "errors\t0.01");
    let none = ["cloudwatch", "delete-alarms", "--alarm-names", "none"];
    let none = aws(&harness, &none).await.unwrap_err();
    assert!(none.contains("(ResourceNotFound)"), "{none}");
    let topic = aws(&harness, &["sns", "create-topic", "--name", "alarms", "--query", "TopicArn"]).await;
    assert_eq!(topic.unwrap(), "\"arn:aws:sns:us-west-2:111122223333:alarms\"");
    let rules = aws(&harness, &["events", "list-rules", "--query", "Rules"]).await;
    assert_eq!(rules.unwrap(), "[]");
}
