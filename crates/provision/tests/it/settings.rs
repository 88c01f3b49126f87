//! What a spec may ask for besides: metrics, acceleration, Object Lock, access logs, a replica.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use firmhold_core::Code;
use firmhold_provision::installer_policy;

use crate::apply::make_bucket;
use crate::owner::{Account, BUCKET, FILE, REGION, lines, platform, spec};

const LOGS: &str = "acme-logs";
const COPY: &str = "acme-firmware-copy";

/// Everything that there is to ask for.
fn everything() -> String {
    format!(
        r#"{FILE}
acceleration = true
object_lock = {{ mode = "governance", days = 30 }}
tags = {{ team = "devices" }}
[lifecycle]
profile = "retired"
[monitoring]
request_metrics = true
[access_logs]
bucket = "{LOGS}"
[replication]
bucket = "{COPY}"
region = "eu-west-1"
storage_class = "STANDARD_IA"
time_control = true
"#
    )
}

/// The bucket for logs, which is shared and has a policy of its own.
async fn make_log_bucket(account: &Account) -> String {
    let here =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION));
    let create = account.s3().create_bucket().bucket(LOGS).create_bucket_configuration(here.build());
    create.send().await.unwrap();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Theirs","Effect":"Deny","Principal":"*","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::{LOGS}"}}]}}"#
    );
    account.s3().put_bucket_policy().bucket(LOGS).policy(&policy).send().await.unwrap();
    policy
}

async fn log_policy(account: &Account) -> String {
    account.s3().get_bucket_policy().bucket(LOGS).send().await.unwrap().policy.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_asked_for_is_made_and_taken_back() {
    let account = Account::with(&everything()).await;
    let theirs = make_log_bucket(&account).await;
    insta::assert_debug_snapshot!(account.run(&[]).await.unwrap(), @r#"
    [
        "create bucket: make acme-firmware in us-west-2",
        "create tags: set firmhold=acme-firmware/fw/, team=devices",
        "change public access: block all of it",
        "change versioning: turn it on (is off)",
        "change object lock: keep every new version for 30 days (governance) (is off)",
        "change acceleration: turn it on",
        "create bucket policy: add FirmholdDenyPlainHttp, add FirmholdDenyOldTls",
        "create lifecycle: add firmhold-old-versions, add firmhold-abandoned-uploads, add firmhold-retired",
        "change bucket policy: acme-logs: add FirmholdAccessLogsacmefirmware",
        "create access logs: send them to s3://acme-logs/acme-firmware/",
        "create request metrics: count requests below fw/",
        "create role: make it, with its final trust policy",
        "create role policy: add firmhold-bucket",
        "create bucket: acme-firmware-copy: make acme-firmware-copy in eu-west-1",
        "create tags: acme-firmware-copy: set firmhold=acme-firmware-copy/fw/, team=devices",
        "change public access: acme-firmware-copy: block all of it",
        "change versioning: acme-firmware-copy: turn it on (is off)",
        "create bucket policy: acme-firmware-copy: add FirmholdDenyPlainHttp, add FirmholdDenyOldTls",
        "create role: FirmholdBackendReplication: make it, with its final trust policy",
        "create role policy: FirmholdBackendReplication: add firmhold-replication",
        "create replication: copy to acme-firmware-copy (eu-west-1)",
    ]
    "#);
    assert_eq!(lines(&account.plan().await.unwrap()), Vec::<String>::new());
    assert!(log_policy(&account).await.starts_with(theirs.trim_end_matches("]}")));
    let plan = account.teardown_plan().await.unwrap();
    insta::assert_debug_snapshot!(lines(&plan), @r#"
    [
        "remove role policy: remove firmhold-bucket",
        "remove role: remove it",
        "remove replication: remove firmhold-replica",
        "remove role policy: FirmholdBackendReplication: remove firmhold-replication",
        "remove role: FirmholdBackendReplication: remove it",
        "remove bucket policy: acme-firmware-copy: remove FirmholdDenyPlainHttp, remove FirmholdDenyOldTls",
        "remove bucket: acme-firmware-copy: remove the empty bucket",
        "remove request metrics: stop to count requests",
        "remove access logs: stop to send them",
        "change bucket policy: acme-logs: remove FirmholdAccessLogsacmefirmware",
        "remove lifecycle: remove firmhold-old-versions, remove firmhold-abandoned-uploads, remove firmhold-retired",
        "remove bucket policy: remove FirmholdDenyPlainHttp, remove FirmholdDenyOldTls",
        "remove bucket: remove the empty bucket",
    ]
    "#);
    account.carry_out(&plan, &[], |_| false).await.unwrap();
    assert_eq!(log_policy(&account).await, theirs);
    assert!(account.s3().head_bucket().bucket(BUCKET).send().await.is_err());
    assert!(account.teardown_plan().await.unwrap().is_empty());
}

/// A copy really arrives: the role, its trust and its permissions are what S3 needs.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_uploaded_is_copied_to_the_replica() {
    let file = format!("{FILE}[replication]\nbucket = \"{COPY}\"\nregion = \"eu-west-1\"\n");
    let account = Account::with(&file).await;
    account.run(&[]).await.unwrap();
    let put = account.s3().put_object().bucket(BUCKET).key("fw/a");
    put.body(b"firmware".to_vec().into()).send().await.unwrap();
    account.s3().put_object().bucket(BUCKET).key("other").body(b"x".to_vec().into()).send().await.unwrap();
    account.sandbox.age(std::time::Duration::from_secs(3600)).await.unwrap();
    let copied = account.sandbox.versions(COPY, "").unwrap();
    assert_eq!(copied, [("fw/a".to_owned(), Some(8))]);
}

/// The replication that is there is done as another role, and S3 takes one for all rules.
#[tokio::test(flavor = "multi_thread")]
async fn a_replication_of_others_is_not_taken_over() {
    let file = format!("{FILE}[replication]\nbucket = \"{COPY}\"\nregion = \"eu-west-1\"\n");
    let mut account = Account::with(FILE).await;
    account.run(&[]).await.unwrap();
    let other = spec(&file.replace("FirmholdBackend", "x"), Some(platform(&account.sandbox)));
    account.spec = other;
    account.run(&[]).await.unwrap();
    let found = account.s3().get_bucket_replication().bucket(BUCKET).send().await.unwrap();
    let mut configuration = found.replication_configuration.unwrap();
    configuration.rules[0].id = Some("theirs".to_owned());
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"s3.amazonaws.com"}}]}"#;
    let create = account.iam().create_role().role_name("TheirCopier");
    create.assume_role_policy_document(trust).send().await.unwrap();
    configuration.role = "arn:aws:iam::111122223333:role/TheirCopier".to_owned();
    let put = account.s3().put_bucket_replication().bucket(BUCKET);
    put.replication_configuration(configuration).send().await.unwrap();
    let problem = account.plan().await.unwrap_err();
    assert_eq!(problem.code(), Code::StateForbids);
    assert!(problem.detail().contains("TheirCopier"), "{problem}");
}

/// Whoever logs to somewhere goes on doing so.
#[tokio::test(flavor = "multi_thread")]
async fn logs_that_go_elsewhere_stay() {
    let account = Account::with(&format!("{FILE}[access_logs]\nbucket = \"{LOGS}\"\n")).await;
    make_log_bucket(&account).await;
    make_bucket(&account, REGION).await;
    let target = aws_sdk_s3::types::LoggingEnabled::builder().target_bucket(LOGS).target_prefix("theirs/");
    let status = aws_sdk_s3::types::BucketLoggingStatus::builder();
    let status = status.logging_enabled(target.build().unwrap()).build();
    account.s3().put_bucket_logging().bucket(BUCKET).bucket_logging_status(status).send().await.unwrap();
    let plan = account.plan().await.unwrap();
    assert!(lines(&plan).iter().all(|line| !line.contains("logs")), "{:?}", lines(&plan));
    assert!(plan.left.iter().any(|left| left.says.contains("s3://acme-logs/theirs/")), "{:?}", plan.left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_bucket_that_is_not_there_is_said_before_anything_is_made() {
    let account = Account::with(&format!("{FILE}[access_logs]\nbucket = \"{LOGS}\"\n")).await;
    let problem = account.plan().await.unwrap_err();
    assert_eq!(problem.code(), Code::Usage);
    assert!(problem.detail().contains(LOGS), "{problem}");
}

#[test]
fn the_installer_policy_grows_with_what_is_asked_for() {
    let policy = installer_policy(&spec(&everything(), None), false).unwrap();
    insta::assert_json_snapshot!(policy, @r#"
    {
      "Version": "2012-10-17",
      "Id": "FirmholdInstallerV1",
      "Statement": [
        {
          "Sid": "FirmholdInstallRole",
          "Effect": "Allow",
          "Action": [
            "iam:CreateRole",
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:PutRolePolicy",
            "iam:TagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole"
          ],
          "Resource": "arn:aws:iam::111122223333:role/FirmholdBackend"
        },
        {
          "Sid": "FirmholdInstalliam111122223333roleFirmholdBackendReplication",
          "Effect": "Allow",
          "Action": [
            "iam:CreateRole",
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:PassRole",
            "iam:PutRolePolicy",
            "iam:TagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole"
          ],
          "Resource": "arn:aws:iam::111122223333:role/FirmholdBackendReplication"
        },
        {
          "Sid": "FirmholdInstallBucket",
          "Effect": "Allow",
          "Action": [
            "s3:CreateBucket",
            "s3:GetAccelerateConfiguration",
            "s3:GetBucketLogging",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetMetricsConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:PutAccelerateConfiguration",
            "s3:PutBucketLogging",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutMetricsConfiguration",
            "s3:PutReplicationConfiguration"
          ],
          "Resource": "arn:aws:s3:::acme-firmware"
        },
        {
          "Sid": "FirmholdInstalls3acmefirmwarecopy",
          "Effect": "Allow",
          "Action": [
            "s3:CreateBucket",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning"
          ],
          "Resource": "arn:aws:s3:::acme-firmware-copy"
        },
        {
          "Sid": "FirmholdInstalls3acmelogs",
          "Effect": "Allow",
          "Action": [
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:PutBucketPolicy"
          ],
          "Resource": "arn:aws:s3:::acme-logs"
        }
      ]
    }
    "#);
}
