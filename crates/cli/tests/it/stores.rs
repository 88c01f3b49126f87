//! Every store through the whole journey: verify, push, link, pull. What a store lacks is found by verification, and
//! held against what boto3 finds; nothing of it is configured.
//!
//! `cargo xtask prove stores` makes a table of the findings: with `FIRMHOLD_FINDINGS` naming a folder, each test
//! leaves the backend as JSON there.

use serde_json::Value;

use crate::support::curl::curl;
use crate::support::keyed_platform::KeyedPlatform;
use crate::support::noise;
use crate::support::stores::ForeignStore;

/// Three parts, the last one short.
const SIZE: usize = 17 * 1024 * 1024 + 3;
const NAMES: [&str; 6] = ["--artifact", "gateway", "--version", "1.0.0", "--target", "imx8"];

#[test]
#[ignore = "needs moto; run by cargo xtask test"]
fn moto() {
    let backend = journey("moto", &ForeignStore::moto());
    insta::assert_snapshot!(found(&backend), @r"
    uploads proxy
    checksum_headers yes
    checksums_enforced no
    checksums_listed no
    trailing_checksums yes
    conditional_writes yes
    virtual_hosts no
    tags yes
    versions no
    list_versions yes
    list_uploads yes
    restore yes
    ");
}

#[test]
#[ignore = "needs boto3; run by cargo xtask test"]
fn s3s_fs() {
    let backend = journey("s3s-fs", &ForeignStore::s3s_fs());
    insta::assert_snapshot!(found(&backend), @r"
    uploads proxy
    checksum_headers yes
    checksums_enforced no
    checksums_listed no
    trailing_checksums yes
    conditional_writes yes
    virtual_hosts no
    tags no
    versions no
    list_versions no
    list_uploads no
    restore no
    ");
}

/// What fails only at keys as long as real ones must not wait for the first push.
#[test]
#[ignore = "needs boto3; run by cargo xtask test"]
fn keys_that_are_too_long_for_a_store_are_found_by_verification() {
    let store = ForeignStore::s3s_fs();
    let platform = KeyedPlatform::unverified(&store, None);
    let (status, report) = platform.json(&["backend", "verify", "own"]);
    assert_eq!(status, Some(3), "{report}");
    let checks = report["checks"].as_array().expect("checks");
    let failed: Vec<_> = checks.iter().filter(|check| check["status"] == "fail").collect();
    assert_eq!((failed.len(), &failed[0]["id"]), (1, &"V7".into()), "{report}");
    let reason = failed[0]["reason"].as_str().expect("a reason");
    insta::assert_snapshot!(reason.split(';').next().expect("a first"), @"begin an upload at a key of 129 characters, as there are below firmhold/: the store did not open the upload [InternalError]");
    assert!(failed[0]["fix"].as_str().expect("a fix").contains("a shorter prefix"), "{report}");
    assert_ne!(platform.ok(&["backend", "show", "own"])["state"], "active");
}

#[test]
#[ignore = "needs Ceph; run by cargo xtask test"]
fn ceph() {
    let backend = journey("ceph", &ForeignStore::ceph());
    insta::assert_snapshot!(found(&backend), @r"
    uploads proxy
    checksum_headers yes
    checksums_enforced no
    checksums_listed no
    trailing_checksums no
    conditional_writes yes
    virtual_hosts no
    tags yes
    versions no
    list_versions yes
    list_uploads yes
    restore no
    ");
}

#[test]
#[ignore = "needs boto3; run by cargo xtask test"]
fn sandbox() {
    let backend = journey("sandbox", &ForeignStore::sandbox());
    insta::assert_snapshot!(found(&backend), @r"
    uploads direct
    checksum_headers yes
    checksums_enforced yes
    checksums_listed yes
    trailing_checksums yes
    conditional_writes yes
    virtual_hosts no
    tags yes
    versions no
    list_versions yes
    list_uploads yes
    restore yes
    ");
}

/// All of it; answers the backend as verification left it.
fn journey(name: &str, store: &ForeignStore) -> Value {
    let probed = store.probe();
    let platform = KeyedPlatform::start(store);
    let backend = platform.ok(&["backend", "show", "own"]);
    assert_eq!(backend["state"], "active", "{backend}");
    let mode = if probed.is_direct() { "direct" } else { "proxy" };
    assert_eq!(backend["upload_mode"], mode, "{probed:?}: {backend}");
    let found = &backend["capabilities"];
    assert_eq!(found["checksums_enforced"], probed.refuses_a_wrong_part, "{probed:?}: {found}");
    assert_eq!(found["checksums_listed"], probed.lists_part_checksums, "{probed:?}: {found}");

    let firmware = noise(SIZE);
    platform.file("gateway.img", &firmware);
    platform.ok(&["signing-key", "generate", "--out", "release.pem", "--add", "release"]);
    let push = [&["push", "gateway.img", "--sign-key", "release.pem"], &NAMES[..]].concat();
    let pushed = platform.ok(&push);
    assert_eq!((&pushed["state"], &pushed["parts_sent"]), (&"signed".into(), &3.into()), "{pushed}");
    let again = platform.ok(&push);
    assert_eq!((&again["prn"], &again["parts_sent"]), (&pushed["prn"], &0.into()), "{again}");

    let link = platform.ok(&[&["link"], &NAMES[..]].concat());
    let link = link["download_url"].as_str().expect("a URL");
    let got = platform.path("downloaded");
    let reply = curl(platform.folder(), &got, ["--location"], link);
    assert_eq!((reply.exit, reply.status), (0, 200), "{reply:?}");
    assert!(platform.read("downloaded") == firmware, "the link leads to other bytes");
    let ranged = curl(platform.folder(), &got, ["--location", "--range", "8388600-8388615"], link);
    assert_eq!((ranged.exit, ranged.status), (0, 206), "{ranged:?}");
    assert_eq!(platform.read("downloaded"), firmware[8_388_600..=8_388_615]);

    let pull = ["pull", "--output", "pulled.img", "--trust", "release.pub.pem"];
    platform.ok(&[&pull[..], &NAMES[..]].concat());
    assert!(platform.read("pulled.img") == firmware, "pull wrote other bytes");

    if let Some(folder) = std::env::var_os("FIRMHOLD_FINDINGS") {
        let file = std::path::Path::new(&folder).join(format!("{name}.json"));
        std::fs::write(file, backend.to_string()).expect("the findings");
    }
    backend
}

/// What verification found: how parts are sent, and what the store can do.
fn found(backend: &Value) -> String {
    let capabilities = backend["capabilities"].as_object().expect("capabilities");
    let mut lines = vec![format!("uploads {}", backend["upload_mode"].as_str().expect("a mode"))];
    for (name, has) in capabilities {
        let has = has.as_bool().map_or("unknown", |has| if has { "yes" } else { "no" });
        lines.push(format!("{name} {has}"));
    }
    lines.join("\n")
}
