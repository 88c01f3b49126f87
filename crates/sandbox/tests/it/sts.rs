//! Assuming roles.

use std::time::Duration;

use crate::harness::{CUSTOMER, Harness, allow, refusal, refusal_code, start};

const EXTERNAL_ID: &str = "fh-7d1c0f6a";

async fn with_role() -> (Harness, String) {
    let harness = start().await;
    let policy = allow(&["s3:*"], &["arn:aws:s3:::acme-fw", "arn:aws:s3:::acme-fw/*"]);
    let role = harness.customer_role("fw", EXTERNAL_ID, &policy).await;
    (harness, role)
}

#[tokio::test]
async fn callers_learn_who_they_are() {
    let harness = start().await;
    let admin = harness.sts(harness.admin()).get_caller_identity().send().await.unwrap();
    assert_eq!(admin.arn.unwrap(), "arn:aws:iam::111122223333:user/admin");
    assert_eq!(admin.account.unwrap(), CUSTOMER);
    let session = harness.sts(harness.platform().await).get_caller_identity().send().await.unwrap();
    assert_eq!(session.arn.unwrap(), "arn:aws:sts::999999999999:assumed-role/firmhold-platform/server");
    assert!(session.user_id.unwrap().ends_with(":server"));
}

#[tokio::test]
async fn the_external_id_lets_in_and_nothing_else_does() {
    let (harness, role) = with_role().await;
    let platform = harness.sts(harness.platform().await);
    let call = || platform.assume_role().role_arn(&role).role_session_name("s2");
    let denied = "403 AccessDenied: User: arn:aws:sts::999999999999:assumed-role/firmhold-platform/server is not \
                  authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/fw";

    let right = call().external_id(EXTERNAL_ID).send().await.unwrap();
    assert_eq!(right.assumed_role_user.unwrap().arn, "arn:aws:sts::111122223333:assumed-role/fw/s2");
    assert!(right.credentials.unwrap().access_key_id.starts_with("ASIA"));
    assert_eq!(refusal(call().send().await), denied);
    assert_eq!(refusal(call().external_id("another").send().await), denied);

    // The role's owner has every permission in its own account, and still the trust policy does not name it.
    let admin = harness.sts(harness.admin());
    let by_admin = admin.assume_role().role_arn(&role).role_session_name("s2").external_id(EXTERNAL_ID);
    assert_eq!(refusal_code(by_admin.send().await), "403 AccessDenied");

    // The platform's user may assume the platform's role and no other.
    let user = harness.sts(harness.platform_user());
    let by_user = user.assume_role().role_arn(&role).role_session_name("s2").external_id(EXTERNAL_ID);
    assert_eq!(refusal_code(by_user.send().await), "403 AccessDenied");

    let decisions: Vec<String> =
        harness.sandbox.request_log().entries().into_iter().map(|entry| entry.decision).collect();
    assert!(
        decisions.iter().any(|decision| decision.contains("not met: StringEquals sts:ExternalId")),
        "{decisions:#?}"
    );
}

#[tokio::test]
async fn a_role_that_is_not_there_is_refused_like_a_closed_one() {
    let harness = start().await;
    let platform = harness.sts(harness.platform().await);
    let call =
        platform.assume_role().role_arn("arn:aws:iam::111122223333:role/nobody").role_session_name("s2");
    let refused = refusal(call.send().await);
    assert!(
        refused.ends_with("sts:AssumeRole on resource: arn:aws:iam::111122223333:role/nobody"),
        "{refused}"
    );
}

#[tokio::test]
async fn durations_have_limits() {
    let (harness, role) = with_role().await;
    let platform = harness.sts(harness.platform().await);
    let call = |seconds| {
        let call = platform.assume_role().role_arn(&role).role_session_name("s2").external_id(EXTERNAL_ID);
        call.duration_seconds(seconds).send()
    };
    assert!(call(900).await.is_ok());
    assert!(call(3600).await.is_ok());
    assert_eq!(
        refusal(call(3601).await),
        "400 ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
         role chaining."
    );
    assert_eq!(refusal_code(call(899).await), "400 ValidationError");
    let user = harness.sts(harness.platform_user());
    let first_hop = user.assume_role().role_arn(harness.sandbox.platform_role_arn()).role_session_name("s2");
    assert_eq!(
        refusal(first_hop.duration_seconds(7200).send().await),
        "400 ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
}

#[tokio::test]
async fn forms_are_checked() {
    let (harness, role) = with_role().await;
    let platform = harness.sts(harness.platform().await);
    let bad_name = platform.assume_role().role_arn(&role).role_session_name("a b").external_id(EXTERNAL_ID);
    assert_eq!(refusal_code(bad_name.send().await), "400 ValidationError");
    let bad_policy = platform.assume_role().role_arn(&role).role_session_name("s2").policy("{\"Nope\": 1}");
    assert_eq!(refusal_code(bad_policy.send().await), "400 MalformedPolicyDocument");
    let long = platform.assume_role().role_arn(&role).role_session_name("s2").policy(" ".repeat(2049));
    assert_eq!(refusal_code(long.send().await), "400 ValidationError");
}

#[tokio::test]
async fn a_session_policy_narrows() {
    let (harness, role) = with_role().await;
    harness.bucket("acme-fw").await;
    let read_only = allow(&["s3:GetObject"], &["arn:aws:s3:::acme-fw/*"]);
    let whole = harness.s3(harness.backend(&role, EXTERNAL_ID, None).await);
    let narrow = harness.s3(harness.backend(&role, EXTERNAL_ID, Some(&read_only)).await);
    let put = |s3: &aws_sdk_s3::Client| {
        s3.put_object().bucket("acme-fw").key("fw/b").body(b"b".to_vec().into()).send()
    };
    put(&whole).await.unwrap();
    narrow.get_object().bucket("acme-fw").key("fw/b").send().await.unwrap();
    assert_eq!(
        refusal(put(&narrow).await),
        "403 AccessDenied: User: arn:aws:sts::111122223333:assumed-role/fw/backend is not authorized to perform: \
         s3:PutObject on resource: \"arn:aws:s3:::acme-fw/fw/b\" because no session policy allows the s3:PutObject \
         action"
    );
}

#[tokio::test]
async fn sessions_end() {
    let (harness, role) = with_role().await;
    harness.bucket("acme-fw").await;
    let session = harness.backend(&role, EXTERNAL_ID, None).await;
    let (s3, sts) = (harness.s3(session.clone()), harness.sts(session));
    s3.get_object().bucket("acme-fw").key("fw/a").send().await.unwrap();
    harness.sandbox.clock().advance(Duration::from_secs(3600));
    assert_eq!(
        refusal(s3.get_object().bucket("acme-fw").key("fw/a").send().await),
        "400 ExpiredToken: The provided token has expired."
    );
    assert_eq!(refusal_code(sts.get_caller_identity().send().await), "403 ExpiredToken");
}

#[tokio::test]
async fn a_session_ends_with_its_role_also_if_a_namesake_comes() {
    let (harness, role) = with_role().await;
    let session = harness.backend(&role, EXTERNAL_ID, None).await;
    let iam = harness.iam();
    iam.delete_role_policy().role_name("fw").policy_name("bucket").send().await.unwrap();
    iam.delete_role().role_name("fw").send().await.unwrap();
    harness.customer_role("fw", EXTERNAL_ID, &allow(&["s3:*"], &["*"])).await;
    let sts = harness.sts(session);
    assert_eq!(refusal_code(sts.get_caller_identity().send().await), "403 InvalidClientTokenId");
}

#[tokio::test]
async fn tags_need_leave_and_become_condition_keys() {
    let (harness, role) = with_role().await;
    let platform = harness.sts(harness.platform().await);
    let tag = aws_sdk_sts::types::Tag::builder().key("team").value("fw").build().unwrap();
    let call =
        platform.assume_role().role_arn(&role).role_session_name("s2").external_id(EXTERNAL_ID).tags(tag);
    let refused = refusal(call.send().await);
    assert!(refused.contains("sts:TagSession"), "{refused}");
}

#[tokio::test]
async fn keys_tokens_and_signatures_are_checked() {
    let (harness, role) = with_role().await;
    let session = harness.backend(&role, EXTERNAL_ID, None).await;
    let (id, secret) = (session.access_key_id(), session.secret_access_key());
    let with = |id: &str, secret: &str, token: Option<&str>| {
        aws_credential_types::Credentials::new(id, secret, token.map(str::to_owned), None, "test")
    };
    let admin = harness.admin();
    let other_token = harness.backend(&role, EXTERNAL_ID, None).await;
    let cases = [
        (with("AKIANOBODY", "x", None), "403 InvalidClientTokenId", "403 InvalidAccessKeyId"),
        (with(admin.access_key_id(), "x", None), "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch"),
        (with(id, secret, None), "403 InvalidClientTokenId", "403 InvalidAccessKeyId"),
        (with(id, secret, Some("AAAA")), "403 InvalidClientTokenId", "400 InvalidToken"),
        (with(id, secret, other_token.session_token()), "403 InvalidClientTokenId", "400 InvalidToken"),
        (with(id, "x", session.session_token()), "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch"),
    ];
    for (credentials, from_sts, from_s3) in cases {
        let sts = harness.sts(credentials.clone()).get_caller_identity().send().await;
        assert_eq!(refusal_code(sts), from_sts);
        assert_eq!(refusal_code(harness.s3(credentials).list_buckets().send().await), from_s3);
    }
}
