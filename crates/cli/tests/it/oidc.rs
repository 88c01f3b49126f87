//! A CI job without a stored key: it pushes with its CI system's token, into its own product and no other.

use firmhold_sandbox::{Fault, FaultAction};
use serde_json::json;

use crate::support::issuer::Issuer;
use crate::support::journey::wait;
use crate::support::noise;
use crate::support::world::World;

const SUBJECT: &str = "repo:acme/gateway:ref:refs/tags/v1.0.0";

#[test]
fn a_ci_job_pushes_into_its_product_only() {
    let world = World::start();
    let issuer = Issuer::start();
    world.ok(&["product", "create", "gateway"]);
    world.ok(&["product", "create", "sensor"]);
    world.ok(&["artifact", "create", "sensor-firmware", "--product", "sensor"]);
    let trusted = world.ok(&[
        "oidc-issuer",
        "add",
        "ci",
        "--issuer",
        &issuer.url,
        "--subject",
        "repo:acme/gateway:*",
        "--scope",
        "upload",
        "--product",
        "gateway",
    ]);
    let audience = trusted["audience"].as_str().expect("an audience").to_owned();
    let token = || issuer.token(&audience, SUBJECT);
    world.file("gateway.img", &noise(6 * 1024 * 1024));

    let push = |artifact| ["push", "gateway.img", "--artifact", artifact, "--version", "1.0.0"];
    let into = [&push("gateway-firmware")[..], &["--product", "gateway"]].concat();
    let pushed = world.as_ci(&token(), &into);
    assert_eq!((pushed.status, &pushed.json["state"]), (0, &json!("signable")), "{}", pushed.json);
    let artifacts = world.ok(&["artifact", "list"]);
    let made = artifacts.as_array().unwrap().iter().find(|one| one["name"] == "gateway-firmware").unwrap();
    assert!(!made["product_prn"].is_null());

    // Another product's artifact, and none at all.
    for wrong in [&push("sensor-firmware")[..], &push("stray")[..]] {
        let refused = world.as_ci(&token(), wrong);
        assert_eq!((refused.status, &refused.json["problem"]["code"]), (4, &json!("scope_denied")));
    }
    // Nobody else's tokens, and no token twice.
    let stranger = issuer.token(&audience, "repo:evil/gateway:ref:refs/tags/v1.0.0");
    assert_eq!(world.as_ci(&stranger, &["artifact", "list"]).json["problem"]["code"], "unauthenticated");
    let once = token();
    world.file("token.jwt", format!("{once}\n").as_bytes());
    let exchanged = world.without_key(&["oidc", "exchange", "--oidc-token-file", "token.jwt", "--ttl", "60"]);
    assert_eq!((exchanged.status, &exchanged.json["scope"]), (0, &json!("upload")));
    assert_eq!(world.as_ci(&once, &["artifact", "list"]).status, 4);
    // The key goes on where the token does not.
    let secret = exchanged.json["secret"].as_str().expect("a secret");
    let listed = world.without_key(&["artifact", "list", "--api-key", secret]);
    assert_eq!((listed.status, listed.json.as_array().map(Vec::len)), (0, Some(2)));

    world.ok(&["oidc-issuer", "remove", "ci"]);
    assert_eq!(world.without_key(&["artifact", "list", "--api-key", secret]).status, 4);
}

/// The key of a job's token ends in the middle of its push.
#[test]
fn a_push_outlives_its_key_if_there_is_another_token() {
    let world = World::start();
    let issuer = Issuer::start();
    let trust = || {
        let subject = ["--subject", SUBJECT, "--scope", "upload"];
        let add = ["oidc-issuer", "add", "ci", "--issuer", &issuer.url];
        let trusted = world.ok(&[&add[..], &subject].concat());
        trusted["audience"].as_str().expect("an audience").to_owned()
    };
    let audience = trust();
    let token = || world.file("token.jwt", issuer.token(&audience, SUBJECT).as_bytes());
    world.file("gateway.img", &noise(17 * 1024 * 1024));
    for (version, has_another) in [("1.0.0", false), ("2.0.0", true)] {
        token();
        // The second part takes a while, in which the key is ended.
        let slow = Fault::new().service("s3").operation("UploadPart").key_contains("binaries/sha256/");
        world.sandbox.faults().add(slow.skip(1).times(1).then(FaultAction::Delay(8_000)));
        world.sandbox.request_log().clear();
        let names = ["--artifact", "gateway", "--version", version, "--parallel", "1"];
        let push = [&["push", "gateway.img", "--oidc-token-file", "token.jwt"], &names[..]].concat();
        let pushed = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| world.without_key(&push));
            wait("the first part", || world.carried_out("UploadPart") > 0);
            // Its keys go with it.
            world.ok(&["oidc-issuer", "remove", "ci"]);
            assert_eq!(trust(), audience);
            if has_another {
                token();
            }
            pushing.join().unwrap()
        });
        if has_another {
            assert_eq!((pushed.status, &pushed.json["state"]), (0, &json!("signable")), "{}", pushed.json);
        } else {
            let problem = &pushed.json["problem"];
            assert_eq!((pushed.status, &problem["code"]), (4, &json!("unauthenticated")), "{}", pushed.json);
            let hint = problem["hint"].as_str().expect("a hint");
            assert!(hint.contains("--max-ttl") && hint.contains("a new token"), "{hint}");
        }
        world.sandbox.faults().clear();
    }
}

#[test]
fn an_artifact_is_moved_to_another_product() {
    let world = World::start();
    world.ok(&["product", "create", "gateway", "--delivery", "proxy"]);
    let renamed = world.ok(&["product", "set", "gateway", "--name", "router", "--delivery", "backend"]);
    assert_eq!((&renamed["name"], &renamed["delivery_mode"]), (&json!("router"), &json!(null)));
    world.ok(&["artifact", "create", "firmware"]);
    let moved = world.ok(&["artifact", "set", "firmware", "--product", "router"]);
    assert_eq!(moved["product_prn"], renamed["prn"]);
    let limited = world.ok(&["key", "create", "ci", "--scope", "upload", "--product", "router"]);
    assert_eq!(limited["product_prns"], json!([renamed["prn"]]));
    assert_eq!(world.ok(&["artifact", "set", "firmware", "--no-product"])["product_prn"], json!(null));
    let missing = world.json(&["product", "show", "gateway"]);
    assert_eq!((missing.status, &missing.json["problem"]["code"]), (1, &json!("not_found")));
}
