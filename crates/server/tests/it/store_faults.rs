//! Every kind of request that the server sends × every fault: a journey completes, or fails with the right problem and
//! completes once the fault is over; never with wrong bytes, never without an end.
//!
//! (What commands send by themselves: the same in `crates/cli/tests/it/store_faults.rs`.)

use std::collections::HashSet;
use std::time::Duration;

use firmhold_core::backend::UploadMode;
use firmhold_sandbox::{Fault, FaultAction};
use firmhold_store::Timeouts;
use serde_json::{Value, json};

use crate::support::caller::{Answer, Caller};
use crate::support::push::{binary, declare, link, prn, send, to_state, version};
use crate::support::{Setup, TestApp};

/// The calls of a journey, as AWS names them.
const S3: [&str; 12] = [
    "CreateMultipartUpload",
    "ListParts",
    "CompleteMultipartUpload",
    "GetObject",
    "HeadObject",
    "PutObject",
    "ListObjectsV2",
    "ListMultipartUploads",
    "AbortMultipartUpload",
    "ListObjectVersions",
    "DeleteObject",
    "PutObjectTagging",
];
const STS: [&str; 2] = ["AssumeRole", "GetCallerIdentity"];

/// No call may take longer, whatever the store does: longer than all time-outs of the tests together.
const END: Duration = Duration::from_secs(60);
/// Longer than any back-off of a job.
const LATER: Duration = Duration::from_secs(600);

fn patient() -> Setup {
    Setup::default()
}

/// Short, but a busy machine's own pauses fit in.
fn impatient() -> Setup {
    let second = Duration::from_secs(1);
    let timeouts = Timeouts {
        attempt: second,
        operation: 2 * second,
        sts_attempt: second,
        sts_operation: 2 * second,
        join: 2 * second,
        silence: second,
        ..Timeouts::default()
    };
    Setup { timeouts, ..Setup::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_error() {
    table(patient(), &FaultAction::Status(500, "InternalError")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_down() {
    table(patient(), &FaultAction::Status(503, "SlowDown")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_cut() {
    table(patient(), &FaultAction::Reset(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_cut_short() {
    table(patient(), &FaultAction::TruncateBody(150)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_empty() {
    table(patient(), &FaultAction::TruncateBody(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer() {
    table(impatient(), &FaultAction::Delay(3_600_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_stalled() {
    table(impatient(), &FaultAction::Stall(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_checksum() {
    table(patient(), &FaultAction::WrongChecksum).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_token() {
    table(patient(), &FaultAction::ExpiredToken).await;
}

/// A part that goes through the server, whose own request to the store meets the fault.
#[tokio::test(flavor = "multi_thread")]
async fn parts_through_the_server() {
    for (setup, actions) in [
        (
            patient(),
            vec![
                FaultAction::Status(500, "InternalError"),
                FaultAction::Status(503, "SlowDown"),
                FaultAction::Reset(10),
                FaultAction::TruncateBody(0),
                FaultAction::WrongChecksum,
                FaultAction::ExpiredToken,
            ],
        ),
        (impatient(), vec![FaultAction::Delay(3_600_000), FaultAction::Stall(10)]),
    ] {
        let app = TestApp::start_as(setup).await;
        app.set_backend(|backend| backend.upload_mode = UploadMode::Proxy).await;
        for (at, action) in actions.iter().enumerate() {
            let fault = Fault::new().service("s3").operation("UploadPart").then(action.clone());
            for (times, fault) in [("once", fault.clone().times(1)), ("ever", fault)] {
                let journey = Journey::begin(&app, &format!("part-{at}-{times}"), Some(fault)).await;
                cell(journey, "s3", action).await;
            }
        }
    }
}

/// AWS allows a quarter of an hour.
#[tokio::test(flavor = "multi_thread")]
async fn clock_ten_minutes_behind_or_ahead() {
    let skew = Duration::from_secs(600);
    for (server, aws) in [(skew, Duration::ZERO), (Duration::ZERO, skew)] {
        let app = TestApp::start_as(Setup { own_clock: true, ..Setup::default() }).await;
        app.clock.advance(server);
        app.sandbox.clock().advance(aws);
        let mut journey = Journey::begin(&app, "clock", None).await;
        journey.whole_way().await;
        assert_eq!(journey.problems, [""; 0]);
    }
}

async fn table(setup: Setup, action: &FaultAction) {
    let app = TestApp::start_as(setup).await;
    app.allow_delete().await;
    for (service, operations) in [("s3", &S3[..]), ("sts", &STS[..])] {
        for operation in operations {
            let fault = Fault::new().service(service).operation(*operation).then(action.clone());
            // Once: the caller need not notice. For good, until it has: it must be told rightly.
            for (times, fault) in [("once", fault.clone().times(1)), ("ever", fault)] {
                if service == "sts" {
                    // Every session is over.
                    app.clock.advance(Duration::from_secs(7200));
                }
                let deletes = *operation != "PutObjectTagging";
                app.set_backend(|backend| backend.allow_delete = deletes).await;
                let mut journey = Journey::begin(&app, &format!("{operation}-{times}"), Some(fault)).await;
                journey.complete_behind = *operation == "HeadObject";
                journey.deletes = deletes;
                cell(journey, service, action).await;
            }
        }
    }
    let mut journey = Journey::begin(&app, "download", None).await;
    journey.at_download = Some(Fault::new().service("s3").operation("GetObject").then(action.clone()));
    cell(journey, "s3", action).await;
}

async fn cell(mut journey: Journey<'_>, service: &str, action: &FaultAction) {
    let name = String::from_utf8_lossy(&journey.content[..24]).into_owned();
    let ended = tokio::time::timeout(10 * END, journey.whole_way()).await;
    assert!(ended.is_ok(), "{name} {action:?} does not end");
    judge(service, &name, action, &journey.problems);
    journey.app.sandbox.faults().clear();
}

/// What may have been answered on the way.
fn judge(service: &str, name: &str, action: &FaultAction, problems: &[String]) {
    let allowed: &[&str] = match (service, action) {
        // Whose session it is that has ended is not to be told from here.
        ("sts", FaultAction::ExpiredToken) => &["platform_identity", "sts_failed", "unavailable"],
        ("sts", _) => &["sts_failed", "unavailable"],
        // A body that is whole by its own length, and is not the object: the hash job refuses it.
        (_, FaultAction::TruncateBody(_)) if name.starts_with("GetObject") => &["store_failed", "refused"],
        _ => &["store_failed"],
    };
    let wrong: Vec<_> = problems.iter().filter(|code| !allowed.contains(&code.as_str())).collect();
    assert!(wrong.is_empty(), "{name} {action:?}: {problems:?}");
}

/// Status, and the code of the problem if it is one of ours.
async fn sent(app: &TestApp, part: &Value, bytes: &[u8]) -> (u16, String) {
    let part = &part["binary_part"];
    let mut request = app.http().put(part["presigned_upload_url"].as_str().unwrap()).body(bytes.to_vec());
    for (name, value) in part["upload_headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let answer = request.send().await.unwrap();
    let problem = answer.headers().get("firmhold-problem").map(|code| code.to_str().unwrap().to_owned());
    (answer.status().as_u16(), problem.unwrap_or_default())
}

fn code(answer: &Answer) -> String {
    answer.body["problem"]["code"].as_str().unwrap_or_default().to_owned()
}

/// One binary's whole life. The fault is armed from the first call on, and cleared when it has been noticed.
struct Journey<'a> {
    app: &'a TestApp,
    admin: Caller,
    binary: String,
    content: Vec<u8>,
    complete_behind: bool,
    deletes: bool,
    /// Armed when the device comes.
    at_download: Option<Fault>,
    problems: Vec<String>,
    failed_runs: HashSet<(String, i64)>,
}

/// A run of a job that failed.
struct Failed {
    run: (String, i64),
    problem: String,
}

impl<'a> Journey<'a> {
    async fn begin(app: &'a TestApp, name: &str, fault: Option<Fault>) -> Self {
        let admin = app.admin();
        // No two journeys share content.
        let content = [name.as_bytes(), &[7; 3000]].concat();
        let version = version(&admin, name, "1.0.0").await;
        let binary = prn(&binary(&admin, &version, "imx8", &content).await);
        if let Some(fault) = fault {
            app.sandbox.faults().add(fault);
        }
        Self {
            app,
            admin,
            binary,
            content,
            complete_behind: false,
            deletes: false,
            at_download: None,
            problems: Vec::new(),
            failed_runs: HashSet::new(),
        }
    }

    async fn whole_way(&mut self) {
        self.upload_and_prove().await;
        self.wait_for_jobs().await;
        self.download().await;
        self.patch("uploadable").await;
        self.wait_for_jobs().await;
        self.declare().await;
        let path = format!("/binaries/{}", self.binary);
        while self.admin.delete(&path).await.status != 204 {}
        self.wait_for_jobs().await;
        self.app.account.no_upload_is_left().await;
        if self.deletes {
            let hash = firmhold_core::Digest::of(&self.content).to_hex();
            let mut left = self.app.account.keys(&hash).await;
            left.retain(|key| !key.contains("/manifests/"));
            assert_eq!(left, [""; 0], "content that nobody needs");
        }
    }

    async fn upload_and_prove(&mut self) {
        loop {
            self.send().await;
            if std::mem::take(&mut self.complete_behind) {
                self.app.account.complete_upload().await;
            }
            self.patch("hashable").await;
            self.patch("hashing").await;
            self.wait_for_jobs().await;
            let binary = self.admin.get(&format!("/binaries/{}", self.binary)).await.ok(200);
            match binary["binary"]["state"].as_str() {
                Some("signable") => return,
                Some("uploadable") => self.noticed("refused".to_owned()),
                state => panic!("the binary is {state:?}"),
            }
        }
    }

    /// Straight to the store, where no fault of these is, or through the server.
    async fn send(&mut self) {
        loop {
            let part = self.declare().await;
            match within(sent(self.app, &part, &self.content)).await {
                (200, _) => return,
                (_, problem) => self.noticed(problem),
            }
        }
    }

    async fn declare(&mut self) -> Value {
        loop {
            let answer = within(declare(&self.admin, &self.binary, 1, &self.content)).await;
            if answer.status == 201 {
                return answer.body;
            }
            self.noticed(code(&answer));
        }
    }

    async fn patch(&mut self, state: &str) {
        loop {
            let answer = within(to_state(&self.admin, &self.binary, state)).await;
            if answer.status == 200 {
                return;
            }
            self.noticed(code(&answer));
        }
    }

    /// By the server itself, which must say it or break off.
    async fn download(&mut self) {
        self.app.set_backend(|backend| backend.delivery.mode = firmhold_core::DeliveryMode::Proxy).await;
        let url = link(&self.admin, &self.binary).await;
        if let Some(fault) = self.at_download.take() {
            self.app.sandbox.faults().add(fault);
        }
        loop {
            let response = within(self.app.http().get(&url).send()).await.unwrap();
            if response.status() != 200 {
                let body: Value = within(response.json()).await.unwrap();
                self.noticed(body["problem"]["code"].as_str().unwrap_or_default().to_owned());
                continue;
            }
            match within(response.bytes()).await {
                Ok(bytes) => {
                    assert!(bytes == self.content, "wrong bytes, and no error");
                    return;
                }
                Err(_) => self.noticed("store_failed".to_owned()),
            }
        }
    }

    /// Waits until all that goes on by itself is done. What keeps a job from it is noticed as a failure of the store or
    /// of STS, by the sentence that it left.
    async fn wait_for_jobs(&mut self) {
        loop {
            let jobs = self.jobs().await;
            if jobs.is_empty() {
                return;
            }
            for Failed { run, problem } in jobs.into_iter().flatten() {
                if self.failed_runs.insert(run) {
                    self.noticed(problem);
                    self.app.clock.advance(LATER);
                }
            }
            self.app.state().wake_jobs();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The jobs that are not done, each with how its last run failed, if it did.
    async fn jobs(&self) -> Vec<Option<Failed>> {
        let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
            "SELECT id, attempts, CASE WHEN lease_owner IS NULL THEN last_problem END FROM jobs
             WHERE kind <> 'reap'",
        )
        .fetch_all(self.app.state().db.reader())
        .await
        .unwrap();
        let code = |text: &str| if text.starts_with("STS") { "sts_failed" } else { "store_failed" };
        let failed = |(id, attempts, problem): (String, i64, Option<String>)| {
            Some(Failed { run: (id, attempts), problem: code(&problem?).to_owned() })
        };
        rows.into_iter().map(failed).collect()
    }

    /// A failure: the store is mended.
    fn noticed(&mut self, problem: String) {
        assert!(self.problems.len() < 20, "it fails for ever: {:?}", self.problems);
        self.problems.push(problem);
        self.app.sandbox.faults().clear();
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(END, work).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_dies_mid_push_is_renewed_unseen() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = vec![7; 3000];
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", &content).await);
    let part = declare(&admin, &one, 1, &content).await.ok(201);
    // The session is over before its time: AWS says so to the client, which asks for another URL.
    let before = sessions(&app);
    let dead = Fault::new().service("s3").then(FaultAction::ExpiredToken);
    app.sandbox.faults().add(dead.clone().operation("UploadPart").times(1));
    assert_eq!(send(&app, &part, &content).await, 400);
    app.sandbox.faults().add(dead.clone().operation("ListParts").times(1));
    let part = declare(&admin, &one, 1, &content).await.ok(201);
    assert_eq!(sessions(&app), before + 1, "the server found out by itself");
    assert_eq!(send(&app, &part, &content).await, 200);
    app.sandbox.faults().add(dead.clone().operation("CompleteMultipartUpload").times(1));
    to_state(&admin, &one, "hashable").await.ok(200);
    app.sandbox.faults().add(dead.operation("GetObject").times(1));
    to_state(&admin, &one, "hashing").await.ok(200);
    admin.wait_for(&one, &["signable"]).await;
    assert_eq!(json!(app.account.uploads().await), json!([]));
}

fn sessions(app: &TestApp) -> usize {
    let log = app.sandbox.request_log().entries();
    log.iter().filter(|entry| entry.operation == "AssumeRole").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_bucket_has_dropped_is_begun_anew_when_a_part_is_declared_again() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let content = vec![7; 3000];
    let version = version(&admin, "firmware", "1.0.0").await;
    let one = prn(&binary(&admin, &version, "imx8", &content).await);
    let part = declare(&admin, &one, 1, &content).await.ok(201);
    let key = app.account.uploads().await.remove(0);
    app.account.abort(&key).await;
    assert_eq!(send(&app, &part, &content).await, 404);
    let part = declare(&admin, &one, 1, &content).await.ok(201);
    assert_eq!(send(&app, &part, &content).await, 200);
    to_state(&admin, &one, "hashable").await.ok(200);
}
