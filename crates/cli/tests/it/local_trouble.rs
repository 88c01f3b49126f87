//! What goes wrong on this machine is one clear sentence, and leaves nothing half done.

use std::process::{Command, Output};

use serde_json::json;

use crate::support::child::{Running, firmhold};
use crate::support::noise;
use crate::support::world::World;

fn said(output: &Output) -> String {
    format!("{}\nexit {}", String::from_utf8_lossy(&output.stderr), output.status.code().unwrap_or(-1))
}

const NAMES: [&str; 4] = ["--artifact", "gateway", "--version", "1.0.0"];

fn push(world: &World, file: &str) -> String {
    said(&world.run(&[&["push", file], &NAMES[..]].concat()))
}

#[test]
fn files_that_cannot_be_pushed() {
    let world = World::start();
    world.file("empty.img", b"");
    world.file("gateway.img", b"firmware");
    insta::assert_snapshot!(push(&world, "missing.img"), @"
    error: cannot read missing.img: there is no such file or folder
    problem: local_file

    exit 1
    ");
    insta::assert_snapshot!(push(&world, "gateway.img/x"), @"
    error: cannot read gateway.img/x: a part of its path is no folder
    problem: local_file

    exit 1
    ");
    insta::assert_snapshot!(push(&world, "empty.img"), @"
    error: empty.img is empty
    hint: some device clients never finish an empty download
    problem: usage

    exit 2
    ");
    insta::assert_snapshot!(push(&world, "."), @"
    error: . is a folder
    hint: name files; with several, --target-from says what each one runs on
    problem: usage

    exit 2
    ");
    insta::assert_snapshot!(push(&world, "/dev/null"), @"
    error: /dev/null is not a regular file
    hint: a push reads twice, so pipes and devices cannot be pushed
    problem: usage

    exit 2
    ");
    let small = world.run(&[&["push", "gateway.img", "--part-size", "1MiB"], &NAMES[..]].concat());
    insta::assert_snapshot!(said(&small), @"
    error: parts of 1.00 MiB do not do
    hint: for this file a part has 5 MiB to 5 GiB: S3 takes 10,000 parts
    problem: usage

    exit 2
    ");
    assert_nothing_was_made(&world);
}

fn assert_nothing_was_made(world: &World) {
    assert_eq!(world.ok(&["binary", "list"]), json!([]));
    assert_eq!(world.carried_out("CreateMultipartUpload"), 0);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    let world = World::start();
    let path = world.file("secret.img", b"firmware");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Where cargo builds need not be a place that somebody else may enter.
    let binary = world.folder().join("firmhold");
    std::fs::copy(env!("CARGO_BIN_EXE_firmhold"), &binary).unwrap();
    let mut push = Command::new(&binary);
    crate::support::child::clean(&mut push, world.folder());
    world.configure(&mut push);
    push.args([&["push", "secret.img"], &NAMES[..]].concat());
    if path.metadata().unwrap().uid() == 0 {
        // Root may read everything: so somebody else tries.
        std::fs::set_permissions(world.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
        push.uid(65_534);
    }
    let refused = push.output().expect("the binary starts");
    insta::assert_snapshot!(said(&refused), @"
    error: cannot read secret.img: permission denied
    problem: local_file

    exit 1
    ");
    assert_nothing_was_made(&world);
}

#[test]
fn a_pull_that_finds_no_room_leaves_nothing() {
    let world = World::start();
    world.file("gateway.img", &noise(3 << 20));
    world.ok(&[&["push", "gateway.img"], &NAMES[..]].concat());
    // No disk is needed that is full: the shell allows files of 512 KiB at most, and that no signal tells.
    let mut limited = Command::new("sh");
    let script = r#"trap '' XFSZ; ulimit -f 1024; exec "$0" "$@""#;
    limited.args(["-c", script, env!("CARGO_BIN_EXE_firmhold"), "pull", "-o", "out.img"]);
    crate::support::child::clean(&mut limited, world.folder());
    world.configure(&mut limited);
    let refused = limited.args(NAMES).arg("--allow-unsigned").output().expect("a shell");
    insta::assert_snapshot!(said(&refused), @"
    error: cannot write out.img: the file would be larger than is allowed here (3.00 MiB are needed)
    hint: make room, or write to another disk: the same command again goes on where it was
    problem: local_file

    exit 1
    ");
    let left: Vec<String> = std::fs::read_dir(world.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("out.img"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn places_that_a_pull_cannot_write_to() {
    let world = World::start();
    world.file("gateway.img", b"firmware");
    world.ok(&[&["push", "gateway.img"], &NAMES[..]].concat());
    let pull = |output| said(&world.run(&[&["pull", "--allow-unsigned", "-o", output], &NAMES[..]].concat()));
    insta::assert_snapshot!(pull("no/such/out.img"), @"
    error: cannot write no/such/out.img: there is no such file or folder
    hint: make the folder no/such
    problem: local_file

    exit 1
    ");
    insta::assert_snapshot!(pull("."), @"
    error: . is a folder
    hint: name the file to write; --into takes a folder and all binaries of a version
    problem: usage

    exit 2
    ");
}

#[test]
fn a_server_that_is_down() {
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(home.path().join("gateway.img"), b"firmware").expect("a file");
    let mut push = firmhold(home.path());
    push.current_dir(home.path()).args([&["push", "gateway.img"], &NAMES[..]].concat());
    // Nothing listens on the discard port of loopback.
    push.args(["--url", "http://127.0.0.1:9", "--api-key", "fhk_x"]);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"tried \d+ times in \d+ s", "tried N times in T");
    settings.add_filter(r"(?m)^  caused by: .*\n", "");
    settings.bind(|| {
        insta::assert_snapshot!(said(&push.output().expect("the binary starts")), @"
        error: cannot reach 127.0.0.1; tried N times in T
        hint: Check the URL (`--url` or FIRMHOLD_URL) and that the server runs. The same command again goes on where this one stopped.
        problem: unreachable

        exit 1
        ");
    });
}

#[test]
fn a_port_in_use() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let serve = |listen: &str, data: &str| {
        let mut serve = firmhold(home.path());
        serve.current_dir(home.path()).args(["serve", "--ops-listen", "127.0.0.1:0", "--json"]);
        serve.args(["--listen", listen, "--data", data]);
        serve.env("FIRMHOLD_AWS_PLATFORM_ROLE_ARN", "arn:aws:iam::999999999999:role/firmhold-platform");
        serve
    };
    let first = Running::start(&mut serve("127.0.0.1:0", "one"));
    let address = first.said("url").trim_start_matches("http://").to_owned();
    let second = serve(&address, "two").output().expect("the binary starts");
    assert_eq!(second.status.code(), Some(2));
    let body: serde_json::Value = serde_json::from_slice(&second.stdout).expect("JSON");
    let detail = body["errors"]["detail"].as_str().expect("a sentence");
    assert!(detail.contains(&address) && body["problem"]["hint"].is_string(), "{body}");
}

#[test]
fn a_profile_that_cannot_be_read() {
    let home = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(home.path().join("config.toml")).expect("a folder");
    for config in ["missing.toml", "config.toml"] {
        let mut list = firmhold(home.path());
        list.current_dir(home.path()).args(["binary", "list", "--config", config]);
        let output = list.output().expect("the binary starts");
        let said = said(&output);
        assert!(said.starts_with(&format!("error: cannot read {config}")), "{said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
}
