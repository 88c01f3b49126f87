//! Pushes and pulls that are interrupted, meet each other, or work on lines and stores that fail.

use std::process::Output;

use firmhold_sandbox::{Fault, FaultAction};
use serde_json::{Value, json};

use crate::support::journey::wait;
use crate::support::noise;
use crate::support::world::{BUCKET, World};

const MIB: usize = 1 << 20;

fn push<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let names = ["--artifact", "gateway", "--version", "1.0.0", "--target", "imx8"];
    [&["push", file], &names[..], more].concat()
}

const PULL: [&str; 8] =
    ["pull", "--artifact", "gateway", "--version", "1.0.0", "-o", "out.img", "--allow-unsigned"];

fn fault(operation: &str) -> Fault {
    Fault::new().service("s3").operation(operation).key_contains("binaries/sha256/")
}

/// Lets two parts pass, refuses all others.
fn interrupt(world: &World, more: &[&str]) {
    let denied = FaultAction::Status(403, "AccessDenied");
    world.sandbox.faults().add(fault("UploadPart").skip(2).then(denied));
    let refused = world.json(&push("gateway.img", &[&["--parallel", "1"], more].concat()));
    assert_eq!((refused.status, &refused.json["problem"]["code"]), (1, &json!("store_denied")));
    world.sandbox.faults().clear();
}

fn text(output: &Output) -> (String, String) {
    let read = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (read(&output.stdout), read(&output.stderr))
}

/// The bucket's own word, and not that of our records. What is to be dropped is dropped by a job.
#[track_caller]
fn no_upload_is_left_open(world: &World) {
    wait("uploads that are open", || world.sandbox.open_uploads(BUCKET).expect("the bucket").is_empty());
}

#[test]
fn an_interrupted_push_sends_only_what_is_missing_also_from_elsewhere() {
    let world = World::start();
    let bytes = noise(33 * MIB);
    world.file("gateway.img", &bytes);
    interrupt(&world, &[]);
    // Another machine has the file under another path, and nothing of the first run.
    std::fs::create_dir(world.folder().join("elsewhere")).unwrap();
    world.file("elsewhere/copy.img", &bytes);
    let pushed = world.ok(&push("elsewhere/copy.img", &[]));
    assert_eq!(
        (&pushed["parts_sent"], &pushed["parts_reused"], &pushed["retries"]),
        (&json!(3), &json!(2), &json!(0))
    );
    assert_eq!(world.carried_out("UploadPart"), 5, "no part that was acknowledged is sent again");
    no_upload_is_left_open(&world);
}

#[test]
fn an_upload_that_was_begun_with_other_parts_is_gone_on_with_or_begun_anew() {
    let world = World::start();
    world.file("gateway.img", &noise(33 * MIB));
    interrupt(&world, &["--part-size", "5MiB"]);
    // Asked for: begun anew.
    world.sandbox.faults().add(fault("UploadPart").skip(1).then(FaultAction::Status(403, "AccessDenied")));
    let restarted = world.run(&push("gateway.img", &["--parallel", "1", "--part-size", "6MiB"]));
    world.sandbox.faults().clear();
    insta::assert_snapshot!(text(&restarted).1, @"
    warning: the open upload has other parts of 5.00 MiB: it is begun anew with parts of 6.00 MiB
    error: the bucket refused part 2 (403 Forbidden) [AccessDenied]
    hint: Run `firmhold backend verify`: it names the permission that is missing.
    problem: store_denied
    ");
    // Not asked for: gone on with.
    let pushed = world.run(&push("gateway.img", &[]));
    assert!(pushed.status.success(), "{:?}", text(&pushed));
    let (out, err) = text(&pushed);
    assert!(err.contains("The upload was begun with parts of 6.00 MiB: going on with these."), "{err}");
    assert!(out.contains("5 parts sent, 1 were there"), "{out}");
    no_upload_is_left_open(&world);
}

#[test]
fn pushes_of_one_file_with_different_parts_meet_in_one_object() {
    let world = World::start();
    world.file("gateway.img", &noise(40 * MIB));
    let sizes = ["5MiB", "8MiB", "16MiB"];
    let pushed: Vec<Value> = std::thread::scope(|scope| {
        let world = &world;
        let run = |size| scope.spawn(move || world.ok(&push("gateway.img", &["--part-size", size])));
        sizes.map(run).into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(pushed.iter().all(|one| one["prn"] == pushed[0]["prn"] && one["state"] == "signable"));
    assert_eq!(world.ok(&["binary", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(world.carried_out("CompleteMultipartUpload"), 1);
}

#[test]
fn a_store_that_fails_for_a_while_is_tried_again() {
    let world = World::start();
    world.file("gateway.img", &noise(33 * MIB));
    for (times, action) in [
        (3, FaultAction::Status(503, "SlowDown")),
        (1, FaultAction::Status(403, "RequestTimeTooSkewed")),
        (1, FaultAction::Status(500, "InternalError")),
        (1, FaultAction::Status(400, "XAmzContentChecksumMismatch")),
        (1, FaultAction::Status(400, "InvalidToken")),
        (1, FaultAction::ExpiredToken),
        (1, FaultAction::Reset(MIB as u64 / 2)),
    ] {
        world.sandbox.faults().add(fault("UploadPart").times(times).then(action));
    }
    // The upload is completed by the server, which hands the store's failure on.
    world.sandbox.faults().add(fault("CompleteMultipartUpload").times(1));
    let pushed = world.ok(&push("gateway.img", &[]));
    assert_eq!((&pushed["state"], &pushed["parts_sent"]), (&json!("signable"), &json!(5)));
    assert!(pushed["retries"].as_u64().unwrap() >= 9, "{pushed}");
    assert_eq!(world.carried_out("UploadPart"), 5);
}

#[test]
fn a_part_that_does_not_move_is_broken_off() {
    let world = World::start();
    world.file("gateway.img", &noise(MIB));
    world.sandbox.faults().add(fault("UploadPart").times(1).then(FaultAction::Delay(600_000)));
    let pushed = world.ok(&push("gateway.img", &["--stall-after", "2s"]));
    assert_eq!((&pushed["parts_sent"], &pushed["retries"]), (&json!(1), &json!(1)));
}

#[test]
fn giving_up_says_how_often_and_what_to_do() {
    let world = World::start();
    world.file("gateway.img", &noise(MIB));
    world.sandbox.faults().add(fault("UploadPart").then(FaultAction::Status(503, "SlowDown")));
    let refused = world.run(&push("gateway.img", &["--give-up-after", "1s"]));
    assert_eq!(refused.status.code(), Some(1));
    let (_, err) = text(&refused);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"tried \d+ times in \d+ s", "tried N times in T");
    settings.bind(|| {
        insta::assert_snapshot!(err, @"
        error: the bucket refused part 1 (503 Service Unavailable); tried N times in T [SlowDown]
        hint: The same command again goes on where this one stopped.
        problem: store_failed
        ");
    });
    world.sandbox.faults().clear();
    assert_eq!(world.ok(&push("gateway.img", &[]))["state"], "signable");
}

#[test]
fn a_proof_that_does_not_come_is_not_waited_for_for_ever() {
    let world = World::start();
    world.file("gateway.img", &noise(MIB));
    world.sandbox.faults().add(fault("GetObject").then(FaultAction::Status(500, "InternalError")));
    let left = world.run(&push("gateway.img", &["--give-up-after", "3s"]));
    assert_eq!(left.status.code(), Some(1));
    insta::assert_snapshot!(text(&left).1, @"
    error: the upload is in the bucket, and still being proved, and does not get through: the store did not read the object [InternalError]
    hint: the platform goes on by itself; the same command again waits for it, and sends nothing twice
    problem: unavailable
    ");
    assert_eq!(
        world.ok(&["binary", "list"])[0]["state_reason"],
        "the store did not read the object [InternalError]"
    );
    world.sandbox.faults().clear();
    let pushed = world.ok(&push("gateway.img", &[]));
    assert_eq!((&pushed["state"], &pushed["parts_sent"]), (&json!("signable"), &json!(0)));
    assert_eq!(world.ok(&["binary", "list"])[0]["state_reason"], json!(null));
}

#[test]
fn an_upload_that_the_bucket_has_lost_is_begun_anew() {
    let world = World::start();
    world.file("gateway.img", &noise(17 * MIB));
    interrupt(&world, &[]);
    // As after a lifecycle rule on abandoned uploads: the platform learns of it from the store only.
    let gone = FaultAction::Status(404, "NoSuchUpload");
    world.sandbox.faults().add(fault("ListParts").times(2).then(gone.clone()));
    world.sandbox.faults().add(fault("UploadPart").times(2).then(gone));
    let pushed = world.ok(&push("gateway.img", &["--parallel", "1"]));
    assert_eq!((&pushed["state"], &pushed["parts_sent"]), (&json!("signable"), &json!(3)));
}

#[test]
fn an_interrupted_pull_fetches_only_what_is_missing() {
    let world = World::start();
    let bytes = noise(33 * MIB);
    world.file("gateway.img", &bytes);
    world.ok(&push("gateway.img", &[]));
    // The first range arrives, the second is refused for good.
    let denied = FaultAction::Status(403, "AccessDenied");
    for mode in ["redirect", "proxy"] {
        world.ok(&["backend", "set", "prod", "--delivery", mode]);
        world.sandbox.faults().add(fault("GetObject").skip(2).then(denied.clone()));
        let one_at_a_time = [&PULL[..], &["--parallel", "2"]].concat();
        assert_eq!(world.json(&one_at_a_time).status, 1, "{mode}");
        assert!(!world.folder().join("out.img").exists());
        world.sandbox.faults().clear();
        let pulled = world.ok(&PULL);
        let reused = pulled["reused"].as_u64().unwrap();
        assert!(reused > 0 && reused < bytes.len() as u64, "{mode}: {pulled}");
        assert_eq!(std::fs::read(world.folder().join("out.img")).unwrap(), bytes);
        assert_eq!(drafts(&world), [""; 0], "{mode}");
        // The whole file is there: nothing is fetched.
        world.sandbox.request_log().clear();
        assert_eq!(world.ok(&PULL)["reused"], bytes.len());
        assert_eq!(world.carried_out("GetObject"), 0);
        std::fs::remove_file(world.folder().join("out.img")).unwrap();
    }
}

fn drafts(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.folder()).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.into_string().expect("UTF-8")).filter(|name| name.starts_with(".out.img")).collect()
}

#[test]
fn a_pull_over_a_line_that_is_cut_and_slowed_arrives() {
    let world = World::start();
    // No range is so short that it would end before it is cut.
    let bytes = noise(40 * MIB);
    world.file("gateway.img", &bytes);
    world.ok(&push("gateway.img", &[]));
    for action in [
        FaultAction::Reset(MIB as u64),
        FaultAction::TruncateBody(2 * MIB as u64),
        FaultAction::Status(503, "SlowDown"),
        FaultAction::Status(403, "RequestTimeTooSkewed"),
        FaultAction::Delay(600_000),
    ] {
        world.sandbox.faults().add(fault("GetObject").times(1).then(action));
    }
    let pulled = world.ok(&[&PULL[..], &["--stall-after", "2s"]].concat());
    assert_eq!(pulled["resumes"], 5, "{pulled}");
    assert_eq!(std::fs::read(world.folder().join("out.img")).unwrap(), bytes);
}

#[test]
fn many_files_go_in_and_come_out_under_their_names() {
    let world = World::start();
    let folder = world.folder().join("in");
    std::fs::create_dir(&folder).unwrap();
    let names: Vec<String> = (0..24).map(|n| format!("board-{n}.img")).collect();
    for (n, name) in names.iter().enumerate() {
        std::fs::write(folder.join(name), &noise(100_000)[n..]).unwrap();
    }
    let files: Vec<String> = names.iter().map(|name| format!("in/{name}")).collect();
    let files: &'static [String] = files.leak();
    let names_of = ["--artifact", "gateway", "--version", "1.0.0"];
    let push = |files: &'static [String]| -> Vec<&'static str> {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        [&["push"], &files[..], &names_of[..], &["--target-from", "board-{target}.img"]].concat()
    };
    world.ok(&["signing-key", "generate", "--out", "release.pem", "--add", "release"]);
    let signed = ["--sign-key", "release.pem"];
    let pushed = world.ok(&[&push(&files[..10])[..], &signed].concat());
    assert_eq!(pushed["pushed"].as_array().unwrap().len(), 10);
    let pushed = world.ok(&[&push(files)[..], &signed].concat());
    assert_eq!((&pushed["parts_sent"], &pushed["pushed"][7]["target"]), (&json!(14), &json!("7")));

    let pull = [&["pull"], &names_of[..], &["--into", "out", "--name", "board-{target}.img"]].concat();
    let pull = [&pull[..], &["--trust", "release.pub.pem"]].concat();
    let pulled = world.ok(&pull);
    assert_eq!((pulled["pulled"].as_array().unwrap().len(), &pulled["reused"]), (24, &json!(0)));
    for name in &names {
        let (put, got) = (folder.join(name), world.folder().join("out").join(name));
        assert_eq!(std::fs::read(put).unwrap(), std::fs::read(got).unwrap(), "{name}");
    }
    assert_eq!(world.ok(&pull)["reused"], pulled["size"]);

    // What would be ambiguous is refused before anything is made.
    for (files, more) in [
        (vec!["in/board-1.img", "in/board-2.img"], vec![]),
        (vec!["in/board-1.img", "release.pem"], vec!["--target-from", "board-{target}.img"]),
        (vec!["in/board-1.img", "out/board-1.img"], vec!["--target-from", "board-{target}.img"]),
    ] {
        let refused = world.json(&[&["push"], &files[..], &names_of[..], &more[..]].concat());
        assert_eq!((refused.status, &refused.json["problem"]["code"]), (2, &json!("usage")), "{files:?}");
    }
}
