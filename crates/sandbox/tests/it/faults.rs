//! Faults: what a client sees of them.

use aws_sdk_s3::types::ChecksumMode;
use firmhold_sandbox::{Fault, FaultAction};

use crate::harness::{refusal_code, start};

#[tokio::test]
async fn an_operation_fails_as_often_as_asked() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    let slow = FaultAction::Status(503, "SlowDown");
    harness
        .sandbox
        .faults()
        .add(Fault::new().service("s3").operation("PutObject").skip(1).times(2).then(slow));
    let put = || s3.put_object().bucket("acme-fw").key("k").body(b"x".to_vec().into()).send();
    put().await.unwrap();
    assert_eq!(refusal_code(put().await), "503 SlowDown");
    assert_eq!(refusal_code(put().await), "503 SlowDown");
    put().await.unwrap();
}

#[tokio::test]
async fn sts_can_be_down_and_tokens_expired() {
    let harness = start().await;
    let sts = harness.sts(harness.platform_user());
    let role = harness.sandbox.platform_role_arn();
    let assume = || sts.assume_role().role_arn(role).role_session_name("s2").send();
    let faults = harness.sandbox.faults();
    faults.add(Fault::new().service("sts").operation("AssumeRole").times(1).then(FaultAction::ExpiredToken));
    assert_eq!(refusal_code(assume().await), "403 ExpiredToken");
    faults.add(Fault::new().service("sts"));
    assert_eq!(refusal_code(assume().await), "503 ServiceUnavailable");
    faults.clear();
    assume().await.unwrap();
}

#[tokio::test]
async fn answers_are_cut_shortened_and_lied_about() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    let faults = harness.sandbox.faults();
    let once =
        |action| faults.add(Fault::new().operation("GetObject").key_contains("fw/").times(1).then(action));
    let get = || s3.get_object().bucket("acme-fw").key("fw/a").checksum_mode(ChecksumMode::Enabled).send();

    once(FaultAction::Reset(3));
    let cut = get().await.unwrap().body.collect().await;
    assert!(cut.is_err(), "{cut:?}");
    once(FaultAction::WrongChecksum);
    let lied = get().await.unwrap().body.collect().await;
    assert!(lied.is_err(), "{lied:?}");
    let url = s3
        .get_object()
        .bucket("acme-fw")
        .key("fw/a")
        .presigned(
            aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_secs(60)).unwrap(),
        )
        .await
        .unwrap();
    once(FaultAction::TruncateBody(3));
    assert_eq!(reqwest::get(url.uri()).await.unwrap().text().await.unwrap(), "fir");
    let whole = get().await.unwrap().body.collect().await.unwrap().to_vec();
    assert_eq!(whole, b"firmware");
}

#[tokio::test]
async fn an_upload_is_cut_on_its_way() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    let s3 = harness.s3(harness.admin());
    let put = || s3.put_object().bucket("acme-fw").key("cut").body(vec![7; 300_000].into()).send();
    harness
        .sandbox
        .faults()
        .add(Fault::new().operation("PutObject").times(1).then(FaultAction::Reset(100_000)));
    let error = put().await.unwrap_err();
    assert!(error.raw_response().is_none(), "{error:?}");
    assert_eq!(refusal_code(s3.get_object().bucket("acme-fw").key("cut").send().await), "404 NoSuchKey");
    put().await.unwrap();
}

#[tokio::test]
async fn a_byte_changes_behind_everybodys_back() {
    let harness = start().await;
    harness.bucket("acme-fw").await;
    harness.sandbox.tamper("acme-fw", "fw/a", None, 0, 1).unwrap();
    let s3 = harness.s3(harness.admin());
    let got = s3
        .get_object()
        .bucket("acme-fw")
        .key("fw/a")
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"girmware");
    assert!(harness.sandbox.tamper("acme-fw", "fw/nobody", None, 0, 1).is_err());
}
