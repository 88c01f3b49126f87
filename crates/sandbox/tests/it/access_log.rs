//! Server access logs: the lines of a bucket's requests, delivered to another that lets the logging service in.

use aws_sdk_s3::types::{BucketLoggingStatus, LoggingEnabled};

use crate::harness::{CUSTOMER, Harness, start};

const LOGS: &str = "acme-logs";

async fn logged() -> Harness {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    harness.bucket(LOGS).await;
    let logging = LoggingEnabled::builder().target_bucket(LOGS).target_prefix("s3/").build().unwrap();
    let status = BucketLoggingStatus::builder().logging_enabled(logging).build();
    let s3 = harness.s3(harness.admin());
    s3.put_bucket_logging().bucket("acme-firmware").bucket_logging_status(status).send().await.unwrap();
    harness
}

fn policy(account: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "s3:PutObject",
            "Principal": {{"Service": "logging.s3.amazonaws.com"}}, "Resource": "arn:aws:s3:::{LOGS}/s3/*",
            "Condition": {{"ArnLike": {{"aws:SourceArn": "arn:aws:s3:::acme-firmware"}},
                           "StringEquals": {{"aws:SourceAccount": "{account}"}}}}}}]}}"#
    )
}

/// The objects below the prefix, and their lines.
async fn delivered(harness: &Harness) -> (Vec<String>, String) {
    let s3 = harness.s3(harness.admin());
    let list = s3.list_objects_v2().bucket(LOGS).prefix("s3/").send().await.unwrap();
    let keys: Vec<String> = list.contents().iter().map(|object| object.key().unwrap().to_owned()).collect();
    let mut lines = String::new();
    for key in &keys {
        let got = s3.get_object().bucket(LOGS).key(key).send().await.unwrap();
        lines += std::str::from_utf8(&got.body.collect().await.unwrap().to_vec()).unwrap();
    }
    (keys, lines)
}

#[tokio::test]
async fn requests_become_lines() {
    let harness = logged().await;
    let s3 = harness.s3(harness.admin());
    s3.put_bucket_policy().bucket(LOGS).policy(policy(CUSTOMER)).send().await.unwrap();
    s3.get_object().bucket("acme-firmware").key("fw/a").range("bytes=0-3").send().await.unwrap();
    s3.get_object().bucket("acme-firmware").key("fw/none").send().await.unwrap_err();
    s3.list_objects_v2().bucket("acme-firmware").send().await.unwrap();
    let anonymous = format!("{}/acme-firmware/fw/a", harness.sandbox.http_url());
    crate::s3_support::http().get(anonymous).send().await.unwrap();
    s3.get_object().bucket(LOGS).key("fw/a").send().await.unwrap();
    assert_eq!(harness.sandbox.deliver_access_logs().await.unwrap(), 4);
    assert_eq!(harness.sandbox.deliver_access_logs().await.unwrap(), 0);
    let (keys, lines) = delivered(&harness).await;
    assert_eq!(keys.len(), 1);
    // What does not depend on the run: operation, key, status, error, bytes sent, size; and who.
    let shown: Vec<String> = lines
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let who = words[5].rsplit(':').next().unwrap();
            assert_eq!(words[1], "acme-firmware");
            format!("{who} {} {} {}", words[7], words[8], words[12..16].join(" "))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    user/admin REST.GET.OBJECT fw/a 206 - 4 8
    user/admin REST.GET.OBJECT fw/none 404 NoSuchKey - -
    user/admin REST.GET.BUCKET - 200 - - -
    - REST.GET.OBJECT fw/a 403 AccessDenied - -
    ");
}

#[tokio::test]
async fn the_targets_policy_decides() {
    let harness = logged().await;
    let s3 = harness.s3(harness.admin());
    let read = async || {
        s3.get_object().bucket("acme-firmware").key("fw/a").send().await.unwrap();
        harness.sandbox.deliver_access_logs().await.unwrap()
    };
    assert_eq!(read().await, 0, "nothing lets the logging service in");
    s3.put_bucket_policy().bucket(LOGS).policy(policy("999999999999")).send().await.unwrap();
    assert_eq!(read().await, 0, "the policy speaks of another account");
    s3.put_bucket_policy().bucket(LOGS).policy(policy(CUSTOMER)).send().await.unwrap();
    assert_eq!(read().await, 1);
    let (keys, _) = delivered(&harness).await;
    assert!(
        keys[0].starts_with("s3/20") && keys[0].len() == "s3/2026-01-01-00-00-00-".len() + 16,
        "{keys:?}"
    );
}
