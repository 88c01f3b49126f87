//! What a backend's role is really asked for, against the catalogue that its policies are generated and proved from.

use std::collections::BTreeSet;
use std::path::Path;

use firmhold_sandbox::{Fault, FaultAction, RequestEntry};

use crate::support::journey::wait;
use crate::support::noise;
use crate::support::world::{BUCKET, Options, ROLE, World};

/// `ACTION PLACE` for each; the catalogue of `firmhold-iam` is held to the same file.
const SENT: &str = "../iam/tests/fixtures/sent.txt";
const PUSH: [&str; 7] = ["push", "--artifact", "gateway", "--target", "imx8", "--parallel", "1"];

/// What a request is about, as the catalogue has it. What is not a deletion may be done to firmware and probes alike.
fn place(action: &str, resource: &str) -> &'static str {
    let Some((_, key)) = resource.split_once(&format!("{BUCKET}/")) else { return "bucket" };
    match () {
        () if key.starts_with("firmhold/.probe/") && action.contains("Delete") => "probe",
        () if key.starts_with("firmhold/") => "object",
        () if key.starts_with("legacy/") => "import",
        () => "elsewhere",
    }
}

/// What the role was allowed: `s3:PutObject on ARN: allow by …`, several in one line.
fn allowed(entry: &RequestEntry) -> impl Iterator<Item = String> + '_ {
    entry.decision.split("; ").filter_map(|decision| {
        let (action, rest) = decision.split_once(" on ")?;
        let (resource, outcome) = rest.rsplit_once(": ")?;
        let ours = resource.contains(&format!(":s3:::{BUCKET}"));
        (ours && outcome.starts_with("allow")).then(|| format!("{action} {}", place(action, resource)))
    })
}

#[test]
fn the_role_is_asked_for_what_the_catalogue_of_its_policies_says() {
    let world = World::start_with(Options { import_prefix: Some("legacy/"), ..Options::default() });
    world.file("small.img", &noise(1000));
    world.file("large.img", &noise(33 << 20));
    world.ok(&[&PUSH[..], &["small.img", "--version", "1.0.0"]].concat());
    // One that is interrupted and gone on with, and one that is interrupted for good.
    for version in ["2.0.0", "3.0.0"] {
        let denied = FaultAction::Status(403, "AccessDenied");
        world.sandbox.faults().add(Fault::new().service("s3").operation("UploadPart").skip(2).then(denied));
        world.json(&[&PUSH[..], &["large.img", "--version", version]].concat());
        world.sandbox.faults().clear();
        if version == "2.0.0" {
            world.ok(&[&PUSH[..], &["large.img", "--version", version]].concat());
            world.file("large.img", &noise(34 << 20));
        }
    }
    world.ok(&["pull", "--artifact", "gateway", "--version", "2.0.0", "-o", "out.img", "--allow-unsigned"]);
    world.sandbox.place(BUCKET, "legacy/a.bin", b"a").expect("the test laid it out so");
    world.file("e.csv", b"key,version,target\nlegacy/a.bin,1.0.0,x86\n");
    world.ok(&["import", "s3://acme-firmware/legacy", "--entries", "e.csv", "--artifact", "gateway"]);
    let mut world = world;
    world.kill_server();
    world.age_uploads();
    world.restart_server(&[]);
    wait("uploads that are open", || world.sandbox.open_uploads(BUCKET).expect("the bucket").is_empty());

    let session = format!(":assumed-role/{ROLE}/");
    let log = world.sandbox.request_log().entries();
    let sent: BTreeSet<String> =
        log.iter().filter(|entry| entry.caller.contains(&session)).flat_map(allowed).collect();
    let sent = sent.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(SENT);
    if std::env::var_os("FIRMHOLD_WRITE_DOCS").is_some() {
        std::fs::write(&file, &sent).expect("the fixture");
    }
    assert_eq!(
        std::fs::read_to_string(&file).expect("the fixture"),
        sent,
        "FIRMHOLD_WRITE_DOCS=1 writes it anew"
    );
}
