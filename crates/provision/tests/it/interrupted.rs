//! Runs that end at every step, before it, in it and behind it, and are begun again (row 1 of the account's half).

use firmhold_provision::{Journal, Progress};

use crate::owner::{Account, lines};

/// Steps have three places at which a run can end.
const PLACES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_anywhere_converges_when_it_is_run_again() {
    let whole = Account::start().await;
    let plan = whole.plan().await.unwrap();
    let steps = plan.changes.len();
    whole.carry_out(&plan, &[], |_| false).await.unwrap();
    let all = count(&whole);
    for stop in 0..steps * PLACES {
        let account = Account::start().await;
        let plan = account.plan().await.unwrap();
        let mut seen = 0;
        let stopped = account
            .carry_out(&plan, &[], |_| {
                seen += 1;
                seen > stop
            })
            .await;
        assert!(stopped.unwrap_err().detail().contains("stopped"));
        assert!(account.journal().unfinished().is_some());
        account.run(&[]).await.unwrap();
        assert!(account.journal().unfinished().is_none());
        assert_eq!(lines(&account.plan().await.unwrap()), Vec::<String>::new(), "stopped at {stop}");
        assert_eq!(count(&account), all, "stopped at {stop}: something was made twice");
    }
}

/// Killed at every step of every further run, it still ends.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_killed_again_and_again_gets_there() {
    let account = Account::start().await;
    let mut runs = 0;
    loop {
        let plan = account.plan().await.unwrap();
        if plan.is_empty() {
            break;
        }
        let done = account.carry_out(&plan, &[], |progress| matches!(progress, Progress::Written(_))).await;
        assert!(done.is_err());
        runs += 1;
        assert!(runs <= 20, "it makes no way: {:?}", lines(&plan));
    }
    assert_eq!(account.journal().runs().len(), runs);
    let made = account.writes().into_iter().filter(|name| name.starts_with("Create")).collect::<Vec<_>>();
    assert_eq!(made, ["CreateBucket", "CreateRole"]);
}

/// What was made by whom is known without a tag: the run ended between the bucket and its mark.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_its_mark_yet_is_known_by_the_journal() {
    let account = Account::start().await;
    let plan = account.plan().await.unwrap();
    account.carry_out(&plan, &[], |progress| matches!(progress, Progress::Written(_))).await.unwrap_err();
    account.run(&[]).await.unwrap();
    let removed = account.teardown_plan().await.unwrap();
    assert!(lines(&removed).contains(&"remove bucket: remove the empty bucket".to_owned()), "{removed:?}");
}

#[test]
fn a_journal_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.journal.json");
    for text in ["", "{", r#"{"format":2,"made":[],"runs":[]}"#] {
        std::fs::write(&path, text).unwrap();
        let problem = Journal::open(&path, firmhold_core::Clock::system()).unwrap_err();
        assert!(problem.detail().contains("x.journal.json"), "{problem}");
    }
}

/// Requests that make or change something, without how often.
fn count(account: &Account) -> Vec<String> {
    let mut made: Vec<String> =
        account.writes().into_iter().filter(|name| name.starts_with("Create")).collect();
    made.sort();
    made
}
