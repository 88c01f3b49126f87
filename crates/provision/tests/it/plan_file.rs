//! A plan that is kept, looked at and applied later.

use firmhold_core::Code;
use firmhold_provision::PlanFile;

use crate::owner::{Account, ROLE, lines};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_account_gives_the_same_plan() {
    let account = Account::start().await;
    let (one, other) = (account.plan().await.unwrap(), account.plan().await.unwrap());
    assert_eq!((one.hash.len(), one.hash), (64, other.hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_in_a_file_is_refused_when_the_account_has_moved() {
    let account = Account::start().await;
    let kept = account.plan().await.unwrap().to_file();
    let text = serde_json::to_string(&kept).unwrap();
    let kept = PlanFile::parse(&text).unwrap();
    kept.must_be(&account.plan().await.unwrap()).unwrap();
    account.run(&[]).await.unwrap();
    account.iam().delete_role_policy().role_name(ROLE).policy_name("firmhold-bucket").send().await.unwrap();
    let problem = kept.must_be(&account.plan().await.unwrap()).unwrap_err();
    assert_eq!(problem.code(), Code::StateForbids);
    assert!(problem.detail().contains("not any more: create bucket, make acme-firmware"), "{problem}");
    assert!(PlanFile::parse(&text.replace("firmhold-plan-1", "firmhold-plan-9")).is_err());
    assert!(PlanFile::parse("{}").is_err());
}

/// The plan of a minute ago meets a policy that somebody wrote since.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_moved_under_the_plan_is_left_as_it_is() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    account.s3().delete_bucket_policy().bucket("acme-firmware").send().await.unwrap();
    let plan = account.plan().await.unwrap();
    assert_eq!(lines(&plan), ["create bucket policy: add FirmholdDenyPlainHttp, add FirmholdDenyOldTls"]);
    let theirs = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Deny","Principal":"*","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::acme-firmware"}]}"#;
    account.s3().put_bucket_policy().bucket("acme-firmware").policy(theirs).send().await.unwrap();
    let problem = account.carry_out(&plan, &[], |_| false).await.unwrap_err();
    assert_eq!(problem.code(), Code::StateForbids);
    let now = account.s3().get_bucket_policy().bucket("acme-firmware").send().await.unwrap();
    assert_eq!(now.policy.unwrap(), theirs);
    assert!(
        account.journal().unfinished().unwrap().steps[0].outcome.as_ref().unwrap().contains("has changed")
    );
}
