//! `firmhold import`: what is in the bucket already, laid out in three habits, with a server that is killed twice.
//!
//! Small here; `cargo xtask prove import` runs the same at full size by `FIRMHOLD_PROOF_IMPORT`, the file that the
//! figures go to.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use firmhold_core::Digest;
use firmhold_sandbox::{Fault, FaultAction};
use serde_json::{Value, json};

use crate::support::world::{BUCKET, Options, World};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const ARTIFACTS: [&str; 4] = ["gateway", "gateway-pro", "modem", "sensor"];

/// How much of it there is.
struct Scale {
    objects: usize,
    largest: u64,
    part: u64,
}

const SMALL: Scale = Scale { objects: 150, largest: 12 * MIB, part: 5 * MIB };
const FULL: Scale = Scale { objects: 2000, largest: 200 * MIB, part: 64 * MIB };

/// One way in which people lay firmware out.
struct Habit {
    name: &'static str,
    mapping: &'static str,
    /// The key of a version of an artifact for a target, after `legacy/NAME/`.
    key: fn(&str, usize, &str) -> String,
    version: fn(usize) -> String,
    /// Keys that say too little or too much.
    unmappable: &'static [&'static str],
}

const HABITS: [Habit; 3] = [
    Habit {
        name: "semver",
        mapping: "{artifact}/{version}/{target}.bin",
        key: |artifact, n, target| format!("{artifact}/{}/{target}.bin", semver(n)),
        version: semver,
        unmappable: &[
            "README.txt",
            "gateway/latest.bin",
            "gateway/1.0.0/debug/imx8.bin",
            "toaster/1.0.0/imx8.bin",
        ],
    },
    Habit {
        name: "dates",
        mapping: "{version}/{artifact}_{target}.img",
        key: |artifact, n, target| format!("{}/{artifact}_{target}.img", date(n)),
        version: date,
        unmappable: &["2019-01-01/notes.md", "2019-01-01/gateway.img", "old/2019-01-01/gateway_imx8.img"],
    },
    Habit {
        name: "flat",
        mapping: "{artifact}-{version}-{target}.fw",
        key: |artifact, n, target| format!("{artifact}-{}-{target}.fw", semver(n)),
        version: semver,
        // The first two can be read in two ways: is it "gateway-pro", or version "pro-…"?
        unmappable: &[
            "gateway-pro-1.0.0-imx8.fw",
            "gateway-pro-1.1.0-imx8.fw",
            "gateway-1.0.0.fw",
            "index.html",
        ],
    },
];

fn semver(n: usize) -> String {
    format!("{}.{}.{}", 1 + n / 100, n / 10 % 10, n % 10)
}

fn date(n: usize) -> String {
    format!("20{:02}-{:02}-{:02}", 10 + n / 336 % 80, 1 + n / 28 % 12, 1 + n % 28)
}

/// An object that is in the bucket before the import.
struct Source {
    artifact: &'static str,
    version: String,
    target: &'static str,
    hash: Digest,
    size: u64,
}

/// Few are large and most are small, as firmware is.
fn size(n: usize, scale: &Scale) -> u64 {
    match n {
        _ if n % 499 == 7 => scale.largest,
        _ if n % 97 == 5 => scale.largest / 10 + 13,
        _ if n % 19 == 3 => scale.largest / 100 + 1,
        _ => KIB + (n as u64 * 7919) % (150 * KIB),
    }
}

/// Bytes that depend on `seed` and have no pattern.
fn body(seed: usize, size: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ ((seed as u64 + 1) << 20);
    let size = usize::try_from(size).expect("the test laid it out so");
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Fills a habit's folder and tells what is in it, by key.
fn fill(
    world: &World,
    habit: &Habit,
    numbers: std::ops::Range<usize>,
    scale: &Scale,
) -> BTreeMap<String, Source> {
    // In flat names an artifact with a dash in its own name cannot be told from a version.
    let artifacts = if habit.name == "flat" { &ARTIFACTS[2..] } else { &ARTIFACTS[..] };
    let mut sources = BTreeMap::new();
    for n in numbers {
        let artifact = artifacts[n % artifacts.len()];
        let target = ["imx8", "esp32", "x86"][n / artifacts.len() % 3];
        let version = n / artifacts.len() / 3;
        let key = format!("legacy/{}/{}", habit.name, (habit.key)(artifact, version, target));
        // Now and then the same file lies in two places.
        let seed = if n % 50 == 49 { n - 1 } else { n };
        let bytes = body(seed, size(seed, scale));
        world.sandbox.place(BUCKET, &key, &bytes).expect("an object");
        let source = Source {
            artifact,
            version: (habit.version)(version),
            target,
            hash: Digest::of(&bytes),
            size: bytes.len() as u64,
        };
        assert!(sources.insert(key.clone(), source).is_none(), "{key} twice");
    }
    for name in habit.unmappable {
        let key = format!("legacy/{}/{name}", habit.name);
        world.sandbox.place(BUCKET, &key, b"not firmware").expect("an object");
    }
    sources
}

/// How often the sandbox has carried an operation out, by object.
fn carried_out(world: &World, operation: &str) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for entry in world.sandbox.request_log().entries() {
        if entry.operation == operation && entry.status == 200 {
            *counts.entry(entry.resource).or_insert(0) += 1;
        }
    }
    counts
}

/// Content objects below the backend's prefix, with their sizes; each key as often as it has versions.
fn contents(world: &World) -> Vec<(String, Option<u64>)> {
    let mut all = world.sandbox.versions(BUCKET, "firmhold/binaries/").expect("the bucket");
    all.retain(|(key, _)| !key.contains("/manifests/"));
    all
}

fn import_args(habit: &Habit) -> Vec<String> {
    let url = format!("s3://{BUCKET}/legacy/{}", habit.name);
    ["import", &url, "--backend", "prod", "--map", habit.mapping].map(str::to_owned).to_vec()
}

/// Runs the import, kills the server once `after` copies more were made, and then the command.
fn interrupt(world: &mut World, args: &[&str], after: usize) -> usize {
    let before = contents(world).len();
    let mut child = world.spawn(args);
    let deadline = Instant::now() + Duration::from_secs(600);
    while contents(world).len() < before + after {
        assert!(Instant::now() < deadline, "no copies are made");
        assert!(
            child.try_wait().expect("a child").is_none(),
            "the import ended before the server was killed"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let at = contents(world).len();
    world.restart_server(&[]);
    // As a CI job that is ended: it would go on asking at the old address for a while.
    child.kill().expect("a child");
    child.wait().expect("a child");
    at
}

#[test]
fn firmware_in_three_habits_is_adopted_although_the_server_is_killed_twice() {
    let figures = std::env::var_os("FIRMHOLD_PROOF_IMPORT");
    let scale = if figures.is_some() { FULL } else { SMALL };
    let begun = Instant::now();
    let mut world = World::start_with(Options {
        import_prefix: Some("legacy/"),
        request_log: Some(200_000),
        server: vec![("FIRMHOLD_COPY_PART_BYTES", scale.part.to_string())],
        bare: false,
    });
    for name in ARTIFACTS {
        world.ok(&["artifact", "create", name]);
    }
    let third = scale.objects / 3 + 1;
    let sources: Vec<_> = HABITS
        .iter()
        .enumerate()
        .map(|(at, habit)| fill(&world, habit, at * third..((at + 1) * third).min(scale.objects), &scale))
        .collect();
    let placed = begun.elapsed();
    let before = world.sandbox.versions(BUCKET, "legacy/").expect("the bucket");

    let (mut kills, mut peak, mut rows) = (Vec::new(), 0, Vec::new());
    for (at, (habit, sources)) in HABITS.iter().zip(&sources).enumerate() {
        let args = import_args(habit);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let started = Instant::now();
        if at != 1 {
            let copies = interrupt(&mut world, &args, sources.len() / 3);
            kills.push(json!({ "habit": habit.name, "after_copies": copies }));
        }
        let imported = world.json(&args);
        assert_eq!(imported.status, 3, "there are names that cannot be mapped: {}", imported.json);
        peak = peak.max(world.server_peak_memory());
        check_entries(&world, habit, sources, &imported.json);
        rows.push(json!({
            "habit": habit.name,
            "mapping": habit.mapping,
            "objects": sources.len(),
            "bytes": sources.values().map(|source| source.size).sum::<u64>(),
            "seconds": started.elapsed().as_secs_f64(),
            "counts": imported.json["imports"][0]["counts"],
            "unmapped": imported.json["unmapped"],
        }));
    }
    let distinct = check_bucket(&world, &scale, &sources, &before);

    // The same again copies nothing.
    let args = import_args(&HABITS[0]);
    let again = world.json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(again.json["imports"][0]["counts"]["skipped"], sources[0].len());
    assert_eq!(contents(&world).len(), distinct);

    if let Some(file) = figures {
        let copies = |operation: &str| carried_out(&world, operation).values().sum::<u64>();
        let figures = json!({
            "objects": sources.iter().map(BTreeMap::len).sum::<usize>(),
            "contents": distinct,
            "largest": scale.largest,
            "part_bytes": scale.part,
            "imports": rows,
            "kills": kills,
            "copy_object": copies("CopyObject"),
            "upload_part_copy": copies("UploadPartCopy"),
            "server_peak_kib": peak,
            "seconds_to_fill": placed.as_secs_f64(),
            "seconds": begun.elapsed().as_secs_f64(),
        });
        std::fs::write(file, figures.to_string()).expect("the figures' file");
    }
}

/// Every mappable key is done with the right names and hash, and exactly the others are unmapped.
fn check_entries(world: &World, habit: &Habit, sources: &BTreeMap<String, Source>, imported: &Value) {
    assert_eq!(imported["failed"], json!([]), "{}", habit.name);
    let unmapped: Vec<&str> = imported["unmapped"]
        .as_array()
        .expect("the test laid it out so")
        .iter()
        .map(|entry| entry["key"].as_str().expect("the test laid it out so"))
        .collect();
    let mut expected: Vec<String> =
        habit.unmappable.iter().map(|name| format!("legacy/{}/{name}", habit.name)).collect();
    expected.sort();
    assert_eq!(unmapped, expected);
    let import = imported["imports"][0]["meta"]["prn"]
        .as_str()
        .or(imported["imports"][0]["prn"].as_str())
        .expect("the test laid it out so");
    let shown = world.ok(&["import", "show", import]);
    // The import that was interrupted may have ended before the command came again: then all of it was there.
    let is_there = |entry: &&Value| entry["state"] == "done" || entry["state"] == "skipped";
    let entries: Vec<&Value> =
        shown["entries"].as_array().expect("the test laid it out so").iter().filter(is_there).collect();
    assert_eq!(entries.len(), sources.len());
    let artifacts = world.ok(&["artifact", "list"]);
    for entry in entries {
        let source = &sources[entry["key"].as_str().expect("the test laid it out so")];
        let artifact = artifacts
            .as_array()
            .expect("the test laid it out so")
            .iter()
            .find(|artifact| artifact["prn"] == entry["artifact_prn"]);
        assert_eq!(artifact.expect("the test laid it out so")["name"], source.artifact, "{entry}");
        assert_eq!(
            (&entry["version"], &entry["target"], &entry["hash"], &entry["size"]),
            (&json!(source.version), &json!(source.target), &json!(source.hash), &json!(source.size)),
        );
    }
}

/// Each content is there once, made by one copy; nothing is left open; the sources are as they were.
fn check_bucket(
    world: &World,
    scale: &Scale,
    sources: &[BTreeMap<String, Source>],
    before: &[(String, Option<u64>)],
) -> usize {
    let distinct: HashMap<Digest, u64> =
        sources.iter().flat_map(BTreeMap::values).map(|source| (source.hash, source.size)).collect();
    let contents = contents(world);
    let keys: std::collections::HashSet<&String> = contents.iter().map(|(key, _)| key).collect();
    assert_eq!(
        (keys.len(), contents.len()),
        (distinct.len(), distinct.len()),
        "a content or a version too many"
    );
    for (key, size) in &contents {
        let hash: Digest =
            key.split('/').nth(4).expect("the test laid it out so").parse().expect("the test laid it out so");
        assert_eq!(distinct[&hash], size.expect("the test laid it out so"), "{key}");
    }
    for (operation, most) in [("CopyObject", 1), ("CompleteMultipartUpload", 1), ("UploadPartCopy", u64::MAX)]
    {
        for (object, times) in carried_out(world, operation) {
            let key = object.split_once(&format!("{BUCKET}/")).expect("the test laid it out so").1;
            let parts = contents
                .iter()
                .find(|(found, _)| found == key)
                .map(|(_, size)| size.expect("the test laid it out so").div_ceil(scale.part));
            assert!(times <= most.min(parts.unwrap_or(0).max(1)), "{operation} {times} times for {key}");
        }
    }
    let binaries = world.ok(&["binary", "list"]);
    let binaries = binaries.as_array().expect("the test laid it out so");
    assert_eq!(binaries.len(), sources.iter().map(BTreeMap::len).sum::<usize>());
    assert!(
        binaries.iter().all(|binary| binary["state"] == "signable" && binary["content_state"] == "present")
    );
    assert_eq!(world.sandbox.open_uploads(BUCKET).expect("the bucket"), Vec::<String>::new());
    assert_eq!(
        world.sandbox.versions(BUCKET, "legacy/").expect("the bucket"),
        before,
        "a source was touched"
    );
    distinct.len()
}

#[test]
fn an_import_says_what_is_wrong_before_it_asks_for_anything() {
    let world = World::start_with(Options { import_prefix: Some("legacy/"), ..Options::default() });
    let refused = |args: &[&str]| {
        let answer = world.json(&[&["import"], args].concat());
        let code = answer.json["problem"]["code"].as_str().unwrap_or_default().to_owned();
        let detail = answer.json["errors"]["detail"].as_str().unwrap_or_default();
        format!("{} {code}: {detail}", answer.status)
    };
    let map = ["--map", "{artifact}/{version}/{target}.bin"];
    insta::assert_snapshot!(refused(&[&["s3://other/legacy"], &map[..]].concat()), @"2 usage: the backend prod is the bucket acme-firmware, not other");
    insta::assert_snapshot!(refused(&[&["acme-firmware/legacy"], &map[..]].concat()), @r#"2 usage: "acme-firmware/legacy" is no place in a bucket: expected s3://BUCKET/PREFIX"#);
    insta::assert_snapshot!(refused(&["s3://acme-firmware/legacy", "--map", "{product}"]), @r#"2 usage: --map "{product}" "{product}" is none of {artifact}, {version} and {target}"#);
    insta::assert_snapshot!(refused(&["s3://acme-firmware/legacy", "--entries", "none.csv"]), @"1 local_file: cannot read none.csv");
    world.file("e.csv", b"key,version,target\nlegacy/a.bin,1.0.0,imx8\n");
    insta::assert_snapshot!(refused(&["s3://acme-firmware/legacy", "--entries", "e.csv"]), @r#"2 usage: the entry of "legacy/a.bin" has no artifact"#);

    world.sandbox.place(BUCKET, "legacy/a.bin", b"a").expect("the test laid it out so");
    let answer =
        world.json(&["import", "s3://acme-firmware/legacy", "--entries", "e.csv", "--artifact", "gateway"]);
    assert_eq!(
        (answer.status, &answer.json["imports"][0]["counts"]["done"]),
        (0, &json!(1)),
        "{}",
        answer.json
    );
    let dry = world.json(&[
        "import",
        "s3://acme-firmware/legacy/",
        "--map",
        "{version}.bin",
        "--artifact",
        "gateway",
        "--target",
        "x86",
        "--dry-run",
    ]);
    assert_eq!((dry.status, &dry.json["pending"][0]["version"]), (0, &json!("a")), "{}", dry.json);
    assert_eq!(world.ok(&["import", "list"]).as_array().expect("the test laid it out so").len(), 2);
}

/// An import that cannot go on is left to the platform, and found again by the same command.
#[test]
fn an_import_that_stands_still_is_left_and_gone_on_with() {
    let world = World::start_with(Options { import_prefix: Some("legacy/"), ..Options::default() });
    for name in ["a", "b"] {
        world
            .sandbox
            .place(BUCKET, &format!("legacy/{name}.bin"), name.as_bytes())
            .expect("the test laid it out so");
    }
    world.file("e.csv", b"key,version,target\nlegacy/a.bin,1.0.0,imx8\nlegacy/b.bin,1.0.0,x86\n");
    // The copies cannot be read, so that nothing is proved.
    let reads = Fault::new().service("s3").operation("GetObject").key_contains("binaries/sha256/");
    world.sandbox.faults().add(reads.then(FaultAction::Status(500, "InternalError")));
    let import = ["import", "s3://acme-firmware/legacy", "--entries", "e.csv", "--artifact", "gateway"];
    let left = world.json(&[&import[..], &["--give-up-after", "2s"]].concat());
    assert_eq!((left.status, &left.json["problem"]["code"]), (1, &json!("unavailable")), "{}", left.json);
    let hint = left.json["problem"]["hint"].as_str().expect("a hint");
    assert!(hint.contains("The same command again goes on with the import that runs."), "{hint}");
    world.sandbox.faults().clear();
    let done = world.ok(&import);
    assert_eq!(done["imports"][0]["counts"]["done"], 2, "{done}");
    assert_eq!(world.ok(&["import", "list"]).as_array().expect("a list").len(), 1);
}
