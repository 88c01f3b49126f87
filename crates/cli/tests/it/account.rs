//! `firmhold account`: the owner's half, from an empty account to an active backend and back.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;

use serde_json::Value;

use crate::support::world::{BUCKET, Options, World};

/// `SIGABRT`, by which a kill point ends its process.
const ABORTED: i32 = 6;
/// The kill points of a run.
const POINTS: [&str; 3] = ["apply.step_begun", "apply.step_not_noted", "apply.step_noted"];

fn bare() -> World {
    World::start_with(Options { bare: true, ..Options::default() })
}

fn init(world: &World) {
    let args = ["account", "init", "--name", "prod", "--bucket", BUCKET, "--region", "us-west-2"];
    assert!(world.owner(&args).output().expect("the binary starts").status.success());
}

fn run(world: &World, args: &[&str]) -> Output {
    world.owner(args).output().expect("the binary starts")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", out(output), err(output)))
}

#[test]
fn one_command_leads_from_an_empty_account_to_active() {
    let world = bare();
    init(&world);
    let applied = run(&world, &["account", "apply", "--platform", "--yes", "--json"]);
    assert_eq!(applied.status.code(), Some(0), "{}{}", out(&applied), err(&applied));
    let applied = json(&applied);
    assert_eq!(applied["backend"]["state"], "active");
    assert_eq!(applied["role_arn"], "arn:aws:iam::111122223333:role/FirmholdBackend");
    let again = run(&world, &["account", "plan", "--platform", "--check", "--json"]);
    assert_eq!((again.status.code(), json(&again)["changes"].clone()), (Some(0), serde_json::json!([])));
    let twice = run(&world, &["account", "apply", "--platform", "--yes", "--json"]);
    assert_eq!(json(&twice)["steps"], serde_json::json!([]));
    world.file("a.img", b"firmware");
    world.ok(&["push", "a.img", "--artifact", "gateway", "--version", "1.0.0"]);
}

/// The key is made after the backend is registered, and its ARN is known to nobody before.
#[test]
fn the_platform_hears_of_the_key_that_is_made() {
    let world = bare();
    let args = ["account", "init", "--name", "prod", "--bucket", BUCKET, "--region", "us-west-2"];
    let kms = ["--encryption", "sse-kms", "--key", "make"];
    assert_eq!(run(&world, &[&args[..], &kms[..]].concat()).status.code(), Some(0));
    let applied = run(&world, &["account", "apply", "--platform", "--yes", "--json"]);
    assert_eq!(applied.status.code(), Some(0), "{}{}", out(&applied), err(&applied));
    let backend = &json(&applied)["backend"];
    assert_eq!((&backend["state"], &backend["encryption"]["mode"]), (&"active".into(), &"sse-kms".into()));
    world.file("a.img", b"firmware");
    world.ok(&["push", "a.img", "--artifact", "gateway", "--version", "1.0.0"]);
}

/// Killed at a further place of every run, at each kind of place in turn, it gets there, and makes nothing twice.
#[test]
fn the_one_command_is_killed_at_every_step_and_run_again() {
    let world = bare();
    init(&world);
    let mut kills = 0;
    for turn in 0.. {
        let point = POINTS[turn % POINTS.len()];
        let mut command = world.owner(&["account", "apply", "--platform", "--yes", "--json"]);
        let ended = command.env("FIRMHOLD_FAILPOINT", point).output().expect("the binary starts");
        if ended.status.signal() != Some(ABORTED) {
            assert_eq!(json(&ended)["backend"]["state"], "active", "{}", err(&ended));
            break;
        }
        kills += 1;
        assert!(kills < 60, "it makes no way");
    }
    assert!(kills >= 6, "killed {kills} times only");
    let backends = world.ok(&["backend", "list"]);
    assert_eq!(backends.as_array().map(Vec::len), Some(1), "{backends}");
    let log = world.sandbox.request_log().entries();
    let made = log.iter().filter(|entry| entry.status < 300).map(|entry| entry.operation.as_str());
    let made: Vec<&str> =
        made.filter(|operation| ["CreateBucket", "CreateRole"].contains(operation)).collect();
    assert_eq!(made, ["CreateBucket", "CreateRole"]);
}

#[test]
fn a_plan_is_shown_kept_and_applied() {
    let world = bare();
    init(&world);
    let plan = run(&world, &["account", "plan", "--out", "prod.plan"]);
    assert_eq!(plan.status.code(), Some(0), "{}", err(&plan));
    let shown = out(&plan);
    let (shown, _) = shown.rsplit_once(" Plan ").expect("a last line");
    insta::assert_snapshot!(shown, @r"
    Plan for acme-firmware in account 111122223333, us-west-2

      + bucket           make acme-firmware in us-west-2
                         firmware is kept in a bucket that you own

      + tags             set firmhold=acme-firmware/firmhold/
                         one tag marks the bucket as ours; the others tell its costs apart

      ~ public access    block all of it
                         devices get links; nobody reads firmware without one

      ~ versioning       turn it on (is off)
                         overwriting or deleting an object keeps what was there before as a version

      + bucket policy    add FirmholdDenyPlainHttp, add FirmholdDenyOldTls
                         these requests must fail whoever sends them and whatever else allows them

      + lifecycle        add firmhold-old-versions, add firmhold-abandoned-uploads
                         what no release needs any more is moved to a cheaper class, then removed; what is in use stays where it is

      + role             make it, trusting nobody until the platform is known
                         the platform reaches the bucket through this role, and in no other way

      + role policy      add firmhold-bucket
                         the role may keep firmware below the prefix, and nothing else

    6 to create, 2 to change, 0 to remove.
    ");
    assert_eq!(run(&world, &["account", "plan", "--check"]).status.code(), Some(3));
    let unasked = run(&world, &["account", "apply", "prod.plan"]);
    assert_eq!(unasked.status.code(), Some(2));
    insta::assert_snapshot!(err(&unasked), @r"
    error: there is no terminal to ask at: Apply it? [y/N]
    hint: Say it on the command line: --yes
    problem: usage
    ");
    let applied = run(&world, &["account", "apply", "prod.plan", "--yes"]);
    assert_eq!(applied.status.code(), Some(0), "{}", err(&applied));
    let stale = run(&world, &["account", "apply", "prod.plan", "--yes"]);
    assert_eq!(stale.status.code(), Some(1));
    assert!(err(&stale).contains("has changed since the plan was made"), "{}", err(&stale));
    let gone = run(&world, &["account", "teardown", "--yes", "--json"]);
    assert_eq!(gone.status.code(), Some(0), "{}", err(&gone));
    assert_eq!(run(&world, &["account", "plan", "--check"]).status.code(), Some(3));
}

#[test]
fn what_is_wrong_with_a_spec_is_shown_in_its_lines() {
    let world = bare();
    world.file(
        "backend.toml",
        b"version = 1\nname = \"prod-binary-backend\"\n\n[bucket]\nname = \"acme-fw\"\nregion = \"mars-1\"\n",
    );
    let wrong = run(&world, &["account", "plan"]);
    assert_eq!(wrong.status.code(), Some(2));
    insta::assert_snapshot!(err(&wrong), @r#"
    spec

      × must have at most 10 characters, and `prod-binary-backend` has 19
       ╭─[backend.toml:2:8]
     2 │ name = "prod-binary-backend"
       ·        ▲
       ·        ╰── name
       ╰────
      help: a short name for the platform, such as prod (not the role's)
    spec

      × `mars-1` is no region
       ╭─[backend.toml:6:10]
     6 │ region = "mars-1"
       ·          ▲
       ·          ╰── bucket.region
       ╰────
      help: such as us-west-2
    error: 2 errors in backend.toml
    problem: usage
    "#);
    let wrong = json(&run(&world, &["account", "plan", "--json"]));
    assert!(wrong["errors"]["bucket.region"][0].as_str().expect("a text").starts_with("line 6"), "{wrong}");
}

#[test]
fn init_asks_nobody_where_there_is_no_terminal_and_replaces_nothing() {
    let world = bare();
    let unasked = run(&world, &["account", "init", "--name", "prod"]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(err(&unasked).contains("--bucket NAME"), "{}", err(&unasked));
    init(&world);
    let again =
        run(&world, &["account", "init", "--name", "prod", "--bucket", "b-b", "--region", "us-west-2"]);
    assert!(err(&again).contains("is there already"), "{}", err(&again));
}

#[test]
fn init_makes_a_name_for_the_bucket_and_handoff_takes_it_over() {
    let world = bare();
    let args = ["account", "init", "--name", "prod", "--company", "Acme", "--region", "us-west-2", "--json"];
    let bucket = json(&run(&world, &args))["bucket"].as_str().expect("a name").to_owned();
    assert!(bucket.starts_with("acme-firmhold-firmware-prod-"), "{bucket}");
    let missing = run(&world, &["account", "handoff", "--spec", "backend.toml", "--json"]);
    let errors = json(&missing)["errors"].clone();
    assert!(errors["role_arn"].is_array() && errors["bucket"].is_null(), "{errors}");
    let whole =
        ["--role-arn", "arn:aws:iam::111122223333:role/FirmholdBackend", "--organization", "org-4711"];
    let person =
        ["--name", "Ada", "--contact", "ada@acme.example", "--traffic", "2 TB", "--go-live", "2199-01-01"];
    let args = [&["account", "handoff", "--spec", "backend.toml"], &whole[..], &person[..]].concat();
    let message = run(&world, &args);
    assert!(out(&message).contains(&bucket), "{}{}", out(&message), err(&message));
}

#[test]
fn the_installer_policy_is_printed() {
    let world = bare();
    init(&world);
    let policy = json(&run(&world, &["account", "installer-policy"]));
    let sids: Vec<&str> =
        policy["Statement"].as_array().expect("a list").iter().filter_map(|it| it["Sid"].as_str()).collect();
    assert_eq!(sids, ["FirmholdInstallRole", "FirmholdInstallBucket"]);
}
