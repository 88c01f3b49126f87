//! Requests by hand: presigned URLs, unsigned headers, clocks that are off, TLS.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use firmhold_core::Clock;

use crate::harness::{Harness, refusal_code, s3_of, start, start_with};

async fn presigned(harness: &Harness, seconds: u64) -> String {
    let s3 = harness.s3(harness.admin());
    let config = PresigningConfig::builder()
        .start_time(harness.sandbox.clock().now().to_system_time())
        .expires_in(Duration::from_secs(seconds))
        .build()
        .unwrap();
    s3.get_object().bucket("acme-fw").key("fw/a").presigned(config).await.unwrap().uri().to_owned()
}

async fn get(url: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = reqwest::Client::new().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn code(answer: &(u16, String)) -> String {
    let code = answer.1.split("<Code>").nth(1).and_then(|rest| rest.split("</Code>").next());
    format!("{} {}", answer.0, code.unwrap_or(&answer.1))
}

#[tokio::test]
async fn a_presigned_url_works_until_its_time() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let url = presigned(&harness, 900).await;
    assert_eq!(get(&url, &[]).await, (200, "firmware".to_owned()));
    assert_eq!(get(&url, &[("range", "bytes=4-")]).await, (206, "ware".to_owned()));
    harness.sandbox.clock().advance(Duration::from_secs(901));
    let late = get(&url, &[]).await;
    assert_eq!(late.0, 403);
    assert!(late.1.contains("<Code>AccessDenied</Code><Message>Request has expired</Message>"), "{}", late.1);
    // A new one is signed by the turned clock, which s3s's own would call an hour's future.
    harness.sandbox.clock().advance(Duration::from_secs(36_000));
    assert_eq!(get(&presigned(&harness, 900).await, &[]).await.0, 200);
}

#[tokio::test]
async fn a_presigned_url_is_good_for_what_was_signed() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let url = presigned(&harness, 900).await;
    let extra = get(&url, &[("x-amz-expected-bucket-owner", "111122223333")]).await;
    assert_eq!(extra.0, 403);
    assert!(
        extra.1.contains("There were headers present in the request which were not signed"),
        "{}",
        extra.1
    );
    assert!(
        extra.1.contains("<HeadersNotSigned>x-amz-expected-bucket-owner</HeadersNotSigned>"),
        "{}",
        extra.1
    );
    let longer = url.replace("X-Amz-Expires=900", "X-Amz-Expires=604801");
    assert_eq!(code(&get(&longer, &[]).await), "400 AuthorizationQueryParametersError");
    let longer = url.replace("X-Amz-Expires=900", "X-Amz-Expires=901");
    assert_eq!(code(&get(&longer, &[]).await), "403 SignatureDoesNotMatch");
    let other = url.replace("/fw/a?", "/fw/b?");
    assert_eq!(code(&get(&other, &[]).await), "403 SignatureDoesNotMatch");
    let head = reqwest::Client::new().head(&url).send().await.unwrap();
    assert_eq!(head.status().as_u16(), 403);
}

#[tokio::test]
async fn a_presigned_put_takes_what_was_signed() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    let config = PresigningConfig::expires_in(Duration::from_secs(900)).unwrap();
    let put = s3.put_object().bucket("acme-fw").key("fw/b c+d").presigned(config).await.unwrap();
    let mut request = reqwest::Client::new().put(put.uri()).body("hello");
    for (name, value) in put.headers() {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
    let got = s3.get_object().bucket("acme-fw").key("fw/b c+d").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");
}

#[tokio::test]
async fn clocks_may_differ_by_a_quarter_of_an_hour() {
    let harness = start().await;
    let at = |seconds: u64| {
        let clock = Clock::fixed(Clock::system().now().plus(Duration::from_secs(seconds)));
        s3_of(&harness.sdk_in(harness.admin(), "us-west-2", clock)).list_buckets().send()
    };
    at(14 * 60).await.unwrap();
    assert_eq!(refusal_code(at(16 * 60).await), "403 RequestTimeTooSkewed");
}

#[tokio::test]
async fn other_mechanisms_are_refused() {
    let harness = start().await;
    let url = harness.sandbox.http_url();
    let v2 = get(&format!("{url}/b/k"), &[("authorization", "AWS AKIA:c2ln")]).await;
    assert_eq!(code(&v2), "400 InvalidRequest");
    let unsigned =
        reqwest::Client::new().post(&url).header("content-type", "application/x-www-form-urlencoded");
    let unsigned = unsigned.body("Action=GetCallerIdentity&Version=2011-06-15").send().await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 403);
    assert!(unsigned.text().await.unwrap().contains("<Code>MissingAuthenticationToken</Code>"));
    let form = reqwest::Client::new().post(format!("{url}/b"));
    let form =
        form.header("content-type", "multipart/form-data; boundary=x").body("--x--").send().await.unwrap();
    assert_eq!(form.status().as_u16(), 501);
    for junk in
        ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=, Signature=", "\u{7f}"]
    {
        let response =
            reqwest::Client::new().get(format!("{url}/b/k")).header("authorization", junk).send().await;
        if let Ok(response) = response {
            assert_eq!(response.status().as_u16(), 400, "{junk}");
        }
    }
}

#[tokio::test]
async fn two_signatures_are_none() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let now: String = harness.sandbox.clock().now().to_string();
    let date: String = now.chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect::<String>() + "Z";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}/us-west-2/s3/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={}",
        harness.admin().access_key_id(),
        &date[..8],
        "0".repeat(64)
    );
    let url = format!("{}/acme-fw/fw/a", harness.sandbox.http_url());
    let asked = |times: usize| {
        let request = reqwest::Client::new().get(&url);
        let request = request.header("x-amz-date", &date).header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        (0..times).fold(request, |request, _| request.header("authorization", &authorization)).send()
    };
    assert_eq!(asked(1).await.unwrap().status().as_u16(), 403);
    assert_eq!(asked(2).await.unwrap().status().as_u16(), 400);
}

#[tokio::test]
async fn tls_counts_as_secure_and_plain_http_only_if_told() {
    let harness = start_with(|config| config.http_is_secure = false).await;
    harness.bucket("acme-fw").await;
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*",
        "Action": "s3:*", "Resource": "arn:aws:s3:::acme-fw/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#;
    harness.s3(harness.admin()).put_bucket_policy().bucket("acme-fw").policy(policy).send().await.unwrap();
    let plain = harness.s3(harness.admin()).get_object().bucket("acme-fw").key("fw/a").send().await;
    assert_eq!(refusal_code(plain), "403 AccessDenied");

    let ca = reqwest::Certificate::from_pem(&std::fs::read(harness.sandbox.ca_file()).unwrap()).unwrap();
    let https = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    let config = aws_sdk_s3::config::Builder::from(&harness.sdk(harness.admin()))
        .force_path_style(true)
        .endpoint_url(harness.sandbox.https_url())
        .build();
    let presigning = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let call = aws_sdk_s3::Client::from_conf(config).get_object().bucket("acme-fw").key("fw/a");
    let url = call.presigned(presigning).await.unwrap().uri().to_owned();
    let answer = https.get(&url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    // The certificate is also good for a name.
    let named =
        https.get(harness.sandbox.https_url().replace("127.0.0.1", "localhost")).send().await.unwrap();
    assert_eq!(named.status().as_u16(), 403);
}

#[tokio::test]
async fn a_refused_upload_hears_why() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let wrong = aws_credential_types::Credentials::new(
        harness.admin().access_key_id(),
        "another secret",
        None,
        None,
        "test",
    );
    for credentials in [wrong, harness.platform_user()] {
        let s3 = harness.s3(credentials);
        let put =
            s3.put_object().bucket("acme-fw").key("fw/big").body(vec![1; 12_000_000].into()).send().await;
        let refused = refusal_code(put);
        assert!(refused.starts_with("403 "), "{refused}");
    }
}
