//! A CI job without a stored key: it pushes with its CI system's token, into its own product and no other.

use serde_json::json;

use crate::support::issuer::Issuer;
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
