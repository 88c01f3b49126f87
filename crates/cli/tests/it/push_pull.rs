//! A release engineer's half of the true path, from outside.

use serde_json::json;

use crate::support::noise;
use crate::support::world::World;

const PUSH: [&str; 6] = ["--artifact", "gateway", "--version", "1.0.0", "--target", "imx8"];

fn push<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["push", file], &PUSH[..], more].concat()
}

#[test]
fn a_file_goes_in_signed_and_comes_out_verified() {
    let world = World::start();
    let bytes = noise(20 * 1024 * 1024 + 7);
    let hash = firmhold_core::Digest::of(&bytes).to_hex();
    world.file("gateway.img", &bytes);
    let key = world.ok(&["signing-key", "generate", "--out", "release.pem", "--add", "release"]);

    let pushed = world.ok(&push("gateway.img", &["--sign-key", "release.pem"]));
    assert_eq!(
        (&pushed["hash"], &pushed["state"], &pushed["parts_sent"]),
        (&json!(hash), &json!("signed"), &json!(3))
    );
    assert_eq!(pushed["signed_by"], key["keyid"]);

    let pull = [
        "pull",
        "--artifact",
        "gateway",
        "--version",
        "1.0.0",
        "-o",
        "out.img",
        "--trust",
        "release.pub.pem",
    ];
    let pulled = world.ok(&pull);
    assert_eq!(pulled["trusted_keyid"], key["keyid"]);
    assert_eq!(std::fs::read(world.folder().join("out.img")).unwrap(), bytes);

    // The same again uploads nothing.
    let again = world.ok(&push("gateway.img", &["--sign-key", "release.pem"]));
    assert_eq!((&again["prn"], &again["parts_sent"]), (&pushed["prn"], &json!(0)));

    // The same content under another name is there already.
    let other = ["push", "gateway.img", "--artifact", "gateway", "--version", "1.0.1", "--target", "imx8"];
    let other = world.ok(&other);
    assert_eq!((&other["state"], &other["parts_sent"]), (&json!("signable"), &json!(0)));
}

#[test]
fn another_file_under_the_same_version_is_refused() {
    let world = World::start();
    world.file("one.img", b"one");
    world.file("two.img", b"two");
    world.ok(&push("one.img", &[]));
    let refused = world.json(&push("two.img", &[]));
    assert_eq!((refused.status, &refused.json["problem"]["code"]), (1, &json!("duplicate")));
    assert!(refused.json["problem"]["hint"].as_str().unwrap().contains("new version"), "{}", refused.json);
}

#[test]
fn two_pushes_at_once_meet_in_one_binary() {
    let world = World::start();
    world.file("gateway.img", &noise(12 * 1024 * 1024));
    let results: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..2).map(|_| scope.spawn(|| world.ok(&push("gateway.img", &[])))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results[0]["prn"], results[1]["prn"]);
    assert_eq!(world.ok(&["binary", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn pull_refuses_a_changed_byte_and_a_foreign_key_and_leaves_no_file() {
    let world = World::start();
    let bytes = noise(3_000_000);
    let file = world.file("gateway.img", &bytes);
    world.ok(&["signing-key", "generate", "--out", "release.pem", "--add", "release"]);
    world.ok(&["signing-key", "generate", "--out", "foreign.pem"]);
    let pushed = world.ok(&push(file.to_str().unwrap(), &["--sign-key", "release.pem"]));
    let pull = |trust| {
        world.json(&[
            "pull",
            "--artifact",
            "gateway",
            "--version",
            "1.0.0",
            "-o",
            "out.img",
            "--trust",
            trust,
        ])
    };

    let foreign = pull("foreign.pub.pem");
    assert_eq!((foreign.status, &foreign.json["problem"]["code"]), (1, &json!("untrusted_signature")));

    world.tamper(pushed["hash"].as_str().unwrap(), bytes.len() as u64);
    for mode in ["redirect", "proxy"] {
        world.ok(&["backend", "set", "prod", "--delivery", mode]);
        let tampered = pull("release.pub.pem");
        assert_eq!(
            (tampered.status, &tampered.json["problem"]["code"]),
            (1, &json!("digest_mismatch")),
            "{mode}"
        );
        let left: Vec<_> = std::fs::read_dir(world.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("out.img"))
            .collect();
        assert_eq!(left, [""; 0], "{mode}");
    }
}

#[test]
fn what_cannot_be_pushed_is_said_before_anything_is_sent() {
    let world = World::start();
    world.file("empty.img", b"");
    world.file("gateway.img", b"firmware");
    for (file, more, status, code) in [
        ("-", vec![], 2, "usage"),
        ("empty.img", vec![], 2, "usage"),
        (".", vec![], 2, "usage"),
        ("missing.img", vec![], 1, "local_file"),
        ("gateway.img", vec!["--sign-key", "missing.pem"], 1, "local_file"),
        ("gateway.img", vec!["--backend", "nowhere"], 1, "not_found"),
    ] {
        let refused = world.json(&push(file, &more));
        assert_eq!(
            (refused.status, &refused.json["problem"]["code"]),
            (status, &json!(code)),
            "{file} {more:?}"
        );
    }
    assert_eq!(world.ok(&["binary", "list"]), json!([]));
}

#[test]
fn a_key_that_the_platform_does_not_know_is_explained() {
    let world = World::start();
    world.file("gateway.img", b"firmware");
    world.ok(&["signing-key", "generate", "--out", "release.pem"]);
    let refused = world.json(&push("gateway.img", &["--sign-key", "release.pem"]));
    assert_eq!((refused.status, &refused.json["problem"]["code"]), (1, &json!("invalid_fields")));
    assert!(
        refused.json["problem"]["hint"].as_str().unwrap().contains("signing-key add"),
        "{}",
        refused.json
    );
}
