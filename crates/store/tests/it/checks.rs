//! The checks of a backend, against an account that is right, and against every way of being wrong that has a line in
//! `fixtures/broken_backends.json`.

use firmhold_core::check::RunStatus;
use firmhold_core::{Check, CheckId, CheckStatus, Problem};
use firmhold_iam::permission_policy;
use firmhold_sandbox::{Fault, FaultAction};
use firmhold_store::Target;
use firmhold_store::checks::{OwnerFinding, Report, VerifyOptions, by_cause, role_is_open, verify};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::checks_world::{self as account, Other};
use crate::world::{BUCKET, EXTERNAL_ID, NEXT_EXTERNAL_ID, World, with_ids};

/// No waiting: in the sandbox IAM is consistent at once.
fn at_once() -> VerifyOptions {
    VerifyOptions { iam_retry_seconds: 0, ..VerifyOptions::default() }
}

/// A world in which firmware may not be deleted, as by default.
async fn world() -> World {
    let mut world = World::start().await;
    world.target.allow_delete = false;
    world.put_policy(&permission_policy(&world.target.shape())).await;
    world
}

fn ids(texts: &[String]) -> Vec<CheckId> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn table(report: &Report) -> String {
    let line = |check: &Check| {
        let subject = check.subject.as_deref().unwrap_or("primary");
        format!("{subject} {} {}: {}", check.id.as_str(), check.status.as_str(), check.reason)
    };
    report.checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn check(report: &Report, id: CheckId) -> &Check {
    report.checks.iter().find(|check| check.id == id && check.subject.is_none()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_right_passes_and_nothing_is_left() {
    let world = world().await;
    let report = verify(&world.stores, &world.target, &at_once()).await;
    insta::assert_snapshot!(table(&report), @r"
    primary V1 pass: works as arn:aws:sts::999999999999:assumed-role/firmhold-platform/firmhold-platform: a role itself, so sessions last at most an hour
    primary V2 pass: the role lets us in with fh-0000000…
    primary V3 pass: AssumeRole without an external id is refused
    primary V4 pass: AssumeRole with a random external id is refused
    primary V5 pass: the bucket belongs to 111122223333: a list below the prefix was answered to it as the owner
    primary V6 pass: the bucket lies in us-west-2
    primary V7 pass: put with tags, head, get, list, restore, multipart and delete work
    primary V8 pass: a presigned URL works without credentials, whole and for one range
    primary V9 pass: a session narrowed to the prefix can neither read, write, list nor delete outside of it
    primary V10 skipped: comes with the account checks (`firmhold account verify`)
    primary V11 skipped: comes with the account checks (`firmhold account verify`)
    primary V12 pass: a URL can live 3539 s: roles chain, which caps a session at an hour, less 60 s for clocks that differ
    primary V13 pass: no object, version or upload of this run is left
    ");
    assert_eq!(report.status(), RunStatus::Pass);
    assert_eq!(report.owner, OwnerFinding::Proved);
    assert_eq!(report.presign_ceiling_seconds, Some(3539));
    assert_eq!(report.upload_mode.map(|mode| mode.as_str()), Some("direct"));
    assert_eq!(report.working_external_ids, [EXTERNAL_ID]);
    assert!(report.root_cause().is_none() && report.open_role.is_none());
    assert_eq!(world.everything_in(BUCKET).await, Vec::<String>::new());
}

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    failed: Vec<String>,
    owner: Option<String>,
    without_action: Option<String>,
    #[serde(default)]
    without_policy: bool,
    bucket_region: Option<String>,
    bucket_account: Option<String>,
    #[serde(default)]
    lets_role_in: bool,
    #[serde(default)]
    bucket_deleted: bool,
    #[serde(default)]
    role_deleted: bool,
    trust: Option<String>,
}

impl Case {
    /// Breaks the world, and says which backend is to be verified in it.
    async fn break_it(&self, world: &World, other: &Other) -> Target {
        let mut target = world.target.clone();
        let policy = permission_policy(&target.shape());
        if let Some(action) = &self.without_action {
            world.put_policy(&account::without_action(&policy, action)).await;
        }
        if self.without_policy {
            world.delete_policy().await;
        }
        if let Some(region) = &self.bucket_region {
            target.bucket = "acme-firmware-elsewhere".to_owned();
            world.bucket_in(&target.bucket, region).await;
            world.put_policy(&permission_policy(&target.shape())).await;
        }
        if self.bucket_account.is_some() {
            let role_arn = target.access.role().unwrap().role_arn.clone();
            target.bucket = if self.lets_role_in { Other::OPEN } else { Other::SHUT }.to_owned();
            other.make_bucket(&target.bucket, self.lets_role_in.then_some(role_arn.as_str())).await;
            world.put_policy(&permission_policy(&target.shape())).await;
        }
        if self.bucket_deleted {
            world.customer_s3().delete_bucket().bucket(BUCKET).send().await.unwrap();
        }
        if self.role_deleted {
            world.delete_role().await;
        }
        if let Some(how) = &self.trust {
            world.put_trust(&account::broken_trust(&world.sandbox, how)).await;
        }
        target
    }
}

/// Row 6: each action that we need removed in turn, another region, another account, and more.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_shows_as_was_written_beforehand() {
    let fixture: Fixture = serde_json::from_str(include_str!("../fixtures/broken_backends.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &fixture.cases {
        let (world, other) = account::two_accounts().await;
        let target = case.break_it(&world, &other).await;
        let report = verify(&world.stores, &target, &at_once()).await;
        let failed: Vec<CheckId> = by_cause(&report.checks)
            .into_iter()
            .filter(|check| check.status == CheckStatus::Fail)
            .map(|check| check.id)
            .collect();
        let owner = case.owner.as_deref().is_none_or(|owner| match report.owner {
            OwnerFinding::Changed => owner == "changed",
            OwnerFinding::Unproved => owner == "unproved",
            OwnerFinding::Proved | OwnerFinding::NotAsked => false,
        });
        if failed != ids(&case.failed) || !owner {
            wrong.push(format!(
                "{}: failed {failed:?}, owner {:?}\n{}",
                case.name,
                report.owner,
                table(&report)
            ));
        }
        assert_eq!(report.root_cause().map(|check| check.id), failed.first().copied(), "{}", case.name);
        for check in &report.checks {
            assert!(!check.reason.is_empty(), "{}: {} gives no reason", case.name, check.id.as_str());
        }
        if let Some(action) = case.without_action.as_deref().filter(|_| !case.failed.is_empty()) {
            let cause = report.root_cause().unwrap();
            assert!(cause.reason.contains(action), "{action} is not named: {}", cause.reason);
            let fix = cause.fix.as_deref().unwrap_or_default();
            assert!(fix.contains(action) && fix.contains("\"Statement\""), "{action} is not mended: {fix}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Every action of the generated policy has its line, so that a new one cannot be forgotten. The reads of the
/// configuration are for V10 and V11.
#[test]
fn every_action_of_the_role_has_a_case() {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/broken_backends.json")).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    let policy = permission_policy(&account::target("111122223333").shape());
    for statement in policy["Statement"].as_array().unwrap() {
        if statement["Sid"] == "FirmholdConfigurationReads" {
            continue;
        }
        for action in account::actions(statement) {
            assert!(
                cases.iter().any(|case| case["without_action"] == action.as_str()),
                "no case without {action}"
            );
        }
    }
}

/// Row 5: which call got in, and the trust policy to apply; the 422 of create and PATCH.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_role_is_found_and_the_answer_says_how() {
    let world = world().await;
    assert!(role_is_open(&world.stores, &world.target).await.is_none());
    for (how, call) in [
        ("if_exists", "without an external id"),
        ("second_statement", "without an external id"),
        ("no_condition", "without an external id"),
        ("any_id", "with a random external id"),
    ] {
        world.put_trust(&account::broken_trust(&world.sandbox, how)).await;
        let open =
            role_is_open(&world.stores, &world.target).await.unwrap_or_else(|| panic!("{how} not found"));
        assert_eq!(open.how.to_string(), call, "{how}");
        assert_eq!(open.check.status, CheckStatus::Fail);
        let problem: Problem = open.to_problem();
        let body = serde_json::to_value(problem.to_body()).unwrap();
        assert_eq!(body["problem"]["code"], "role_open");
        assert!(body["errors"]["role_arn"][0].as_str().unwrap().contains(call));
        let trust = &body["trust_policy"]["Statement"][0];
        assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], EXTERNAL_ID);
        world.put_trust(&body["trust_policy"]).await;
        assert!(
            role_is_open(&world.stores, &world.target).await.is_none(),
            "the trust policy to apply does not shut it"
        );
    }
}

/// A refusal counts only if the right way in works: here it does not, and nothing is claimed.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_a_role_that_refuses_everybody_prove_nothing() {
    let world = world().await;
    world.trust(&[NEXT_EXTERNAL_ID]).await;
    let report = verify(&world.stores, &world.target, &at_once()).await;
    assert_eq!(report.failed(), [CheckId::V2]);
    for id in [CheckId::V3, CheckId::V4] {
        assert_eq!(check(&report, id).status, CheckStatus::Skipped);
    }
    let fix = check(&report, CheckId::V2).fix.as_deref().unwrap();
    assert!(fix.contains(EXTERNAL_ID) && fix.contains("sts:AssumeRole"), "{fix}");
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_rotation_it_says_which_ids_work() {
    let mut world = world().await;
    world.target = with_ids(&world.target, &[NEXT_EXTERNAL_ID, EXTERNAL_ID]);
    let report = verify(&world.stores, &world.target, &at_once()).await;
    assert_eq!(report.working_external_ids, [EXTERNAL_ID]);
    world.trust(&[EXTERNAL_ID, NEXT_EXTERNAL_ID]).await;
    let report = verify(&world.stores, &world.target, &at_once()).await;
    assert_eq!(report.working_external_ids, [NEXT_EXTERNAL_ID, EXTERNAL_ID]);
    assert_eq!(report.status(), RunStatus::Pass, "{}", table(&report));
}

/// IAM is eventually consistent: a trust that comes a moment later is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_trust_policy_that_is_late_is_waited_for() {
    let world = world().await;
    world.trust(&[NEXT_EXTERNAL_ID]).await;
    let patient = VerifyOptions { iam_retry_seconds: 60, ..VerifyOptions::default() };
    let mend = async {
        while !world.sandbox.request_log().entries().iter().any(|entry| entry.error.is_some()) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        world.trust(&[EXTERNAL_ID]).await;
    };
    world.sandbox.request_log().clear();
    let (report, ()) = tokio::join!(verify(&world.stores, &world.target, &patient), mend);
    assert_eq!(report.status(), RunStatus::Pass, "{}", table(&report));
}

/// Whatever fails midway, nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_midway_leaves_nothing() {
    let world = world().await;
    for operation in ["UploadPart", "ListParts", "AbortMultipartUpload", "GetObject"] {
        let fault = Fault::new().service("s3").operation(operation).times(4);
        world.sandbox.faults().add(fault.then(FaultAction::Status(500, "InternalError")));
        let report = verify(&world.stores, &world.target, &at_once()).await;
        world.sandbox.faults().clear();
        assert!(report.failed().contains(&CheckId::V7), "{operation}: {}", table(&report));
        assert!(report.has_passed(&[CheckId::V13]), "{operation}: {}", table(&report));
        assert_eq!(world.everything_in(BUCKET).await, Vec::<String>::new(), "{operation}");
    }
}

/// Checks that the time does not suffice for are skipped, not failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_time_skips() {
    let world = world().await;
    let report = verify(&world.stores, &world.target, &VerifyOptions { seconds: 0, ..at_once() }).await;
    assert_eq!(report.checks.len(), 13, "{}", table(&report));
    assert_eq!(report.status(), RunStatus::Pass);
    assert!(!report.has_passed(&[CheckId::V2]));
    assert_eq!(world.everything_in(BUCKET).await, Vec::<String>::new());
}

/// Rule L9: links would end early, or not work at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_found() {
    let world = world().await;
    let report = verify(&world.stores_with_clock_off(90).await, &world.target, &at_once()).await;
    assert_eq!(report.failed(), [CheckId::V12], "{}", table(&report));
    assert!(check(&report, CheckId::V12).reason.contains("s off the store's"), "{}", table(&report));
}

/// Replicas are read, never written.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_subjects_of_their_own() {
    let mut world = world().await;
    let replica = "acme-firmware-copy";
    world.bucket_in(replica, "eu-west-1").await;
    let of = json!({"bucket": replica, "region": "eu-west-1"});
    world.target.replicas = vec![serde_json::from_value(of).unwrap()];
    let report = verify(&world.stores, &world.target, &at_once()).await;
    let lacks: Vec<(Option<&str>, CheckId)> = report
        .checks
        .iter()
        .filter(|check| check.status == CheckStatus::Fail)
        .map(|check| (check.subject.as_deref(), check.id))
        .collect();
    assert_eq!(
        lacks,
        [(Some("replica:1"), CheckId::V5), (Some("replica:1"), CheckId::V7)],
        "{}",
        table(&report)
    );
    world.put_policy(&permission_policy(&world.target.shape())).await;
    world.put_as_customer(replica, "fw/binaries/sha256/aa/x/y", "content").await;
    let report = verify(&world.stores, &world.target, &at_once()).await;
    assert_eq!(report.status(), RunStatus::Pass, "{}", table(&report));
    let of_replica = report.checks.iter().filter(|check| check.subject.is_some());
    let passed: Vec<&str> =
        of_replica.filter(|check| check.status == CheckStatus::Pass).map(|check| check.id.as_str()).collect();
    assert_eq!(passed, ["V2", "V3", "V4", "V5", "V6", "V7", "V8"]);
    assert_eq!(world.everything_in(replica).await, ["fw/binaries/sha256/aa/x/y"]);
}
