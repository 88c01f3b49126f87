//! Taking back what is ours.

use firmhold_provision::Progress;

use crate::owner::{Account, BUCKET, ROLE, lines};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_had_nothing_has_nothing_again() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    let plan = account.teardown_plan().await.unwrap();
    insta::assert_debug_snapshot!(lines(&plan), @r#"
    [
        "remove role policy: remove firmhold-bucket",
        "remove role: remove it",
        "remove lifecycle: remove firmhold-old-versions, remove firmhold-abandoned-uploads",
        "remove bucket policy: remove FirmholdDenyPlainHttp, remove FirmholdDenyOldTls",
        "remove bucket: remove the empty bucket",
    ]
    "#);
    account.carry_out(&plan, &[], |_| false).await.unwrap();
    assert!(account.s3().head_bucket().bucket(BUCKET).send().await.is_err());
    assert!(account.iam().get_role().role_name(ROLE).send().await.is_err());
    assert!(account.teardown_plan().await.unwrap().is_empty());
    // And it can be made again.
    account.run(&[]).await.unwrap();
    assert!(account.plan().await.unwrap().is_empty());
}

/// Even one deleted object is a version that somebody may want back.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_holds_anything_stays() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    account.sandbox.place(BUCKET, "fw/binaries/x", b"x").unwrap();
    account.s3().delete_object().bucket(BUCKET).key("fw/binaries/x").send().await.unwrap();
    let plan = account.teardown_plan().await.unwrap();
    account.carry_out(&plan, &[], |_| false).await.unwrap();
    let says: Vec<&str> = plan.left.iter().map(|note| note.says.as_str()).collect();
    assert_eq!(says, ["it holds objects or versions; a bucket that holds anything is never removed"]);
    assert_eq!(account.sandbox.versions(BUCKET, "").unwrap().len(), 2);
}

/// An object that comes between plan and removal saves the bucket.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_comes_late_saves_its_bucket() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    let plan = account.teardown_plan().await.unwrap();
    account.sandbox.place(BUCKET, "late", b"x").unwrap();
    let problem = account.carry_out(&plan, &[], |_| false).await.unwrap_err();
    assert!(problem.detail().contains("what the bucket holds has changed"), "{problem}");
    assert_eq!(account.sandbox.versions(BUCKET, "").unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_killed_anywhere_goes_on() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    let mut runs = 0;
    loop {
        let plan = account.teardown_plan().await.unwrap();
        if plan.is_empty() {
            break;
        }
        account.carry_out(&plan, &[], |progress| matches!(progress, Progress::Written(_))).await.unwrap_err();
        runs += 1;
        assert!(runs <= 20, "it makes no way: {:?}", lines(&plan));
    }
    assert!(account.s3().head_bucket().bucket(BUCKET).send().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_not_tagged_as_ours_stays() {
    let account = Account::start().await;
    account.run(&[]).await.unwrap();
    account.iam().untag_role().role_name(ROLE).tag_keys("firmhold").send().await.unwrap();
    let plan = account.teardown_plan().await.unwrap();
    assert!(lines(&plan).iter().all(|line| !line.contains("role")), "{plan:?}");
}
