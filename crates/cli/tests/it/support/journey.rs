//! A file's way from a release engineer to a device, with processes that are killed on the way, and what must hold
//! when the same commands are run again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use firmhold_core::Digest;
use serde_json::Value;

use super::world::{BUCKET, World};

/// How long what goes on by itself may take: jobs, aborts, a process that dies.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// Three parts, the last of them short.
pub const SIZE: usize = 17 * 1024 * 1024 + 3;

/// The signing key that [`keys`] made.
const KEY: &str = "release.pem";
const PUBLIC_KEY: &str = "release.pub.pem";

/// Makes the key that all journeys sign with.
pub fn keys(world: &World) {
    world.ok(&["signing-key", "generate", "--out", KEY, "--add", "release"]);
}

/// One file on its way.
pub struct Journey {
    name: String,
    bytes: Vec<u8>,
    hash: String,
}

/// What the second run of everything came to.
#[derive(Debug, serde::Serialize)]
pub struct Finished {
    /// Parts that the store acknowledged before the second run.
    pub parts_before: usize,
    /// Parts that the second run sent.
    pub parts_after: usize,
    /// Seconds of the second run.
    pub seconds: f64,
}

impl Journey {
    /// A file that no other journey has, made of `noise`.
    pub fn begin(world: &World, name: &str, noise: &[u8]) -> Self {
        let mut bytes = noise.to_vec();
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        world.file(&format!("{name}.img"), &bytes);
        world.sandbox.request_log().clear();
        Self { name: name.to_owned(), hash: Digest::of(&bytes).to_hex(), bytes }
    }

    /// The arguments of its push.
    pub fn push(&self) -> Vec<String> {
        let file = format!("{}.img", self.name);
        let names = ["push", &file, "--artifact", &self.name, "--version", "1.0.0", "--sign-key", KEY];
        names.map(str::to_owned).to_vec()
    }

    /// The arguments of its pull.
    pub fn pull(&self) -> Vec<String> {
        let out = self.out_name();
        let names =
            ["pull", "--artifact", &self.name, "--version", "1.0.0", "-o", &out, "--trust", PUBLIC_KEY];
        names.map(str::to_owned).to_vec()
    }

    /// Pushes a small binary and deletes it again, so that content is dropped. What it comes to shows later.
    pub fn drop_another(&self, world: &World) {
        let (file, artifact) = (format!("{}-other.img", self.name), format!("{}-other", self.name));
        world.file(&file, format!("another {}", self.name).as_bytes());
        let names = ["--artifact", &artifact, "--version", "1.0.0"];
        world.run(&[&["push", &file], &names[..]].concat());
        world.run(&[&["binary", "delete"], &names[..]].concat());
    }

    /// Waits until nothing of what a killed process has asked for is still being done.
    pub fn settle(world: &World) {
        wait("requests of a process that is gone", || world.sandbox.request_log().under_way() == 0);
    }

    /// Waits until its upload, which counts as abandoned, is gone from the bucket. What was acknowledged in it counts no
    /// more.
    pub fn is_reaped(&self, world: &World) {
        let sent: usize = self.acknowledged(world).values().sum();
        assert!(sent > 0, "{}: there was nothing to reap", self.name);
        wait("an abandoned upload", || self.open_uploads(world).is_empty());
        world.sandbox.request_log().clear();
    }

    /// INVARIANT of every moment: what has the file's name is the file.
    pub fn no_false_name(&self, world: &World) {
        if let Ok(found) = std::fs::read(self.out(world)) {
            assert!(found == self.bytes, "{}: a file has the name and is not the one", self.name);
        }
    }

    /// Runs everything again, nothing killed, and looks at what must hold then.
    pub fn finish(self, world: &World) -> Finished {
        let begun = Instant::now();
        let parts_before = self.acknowledged(world).values().sum();
        let pushed = ok(world, &self.push());
        assert_eq!(pushed["hash"], Value::from(self.hash.as_str()), "{}", self.name);
        assert_eq!(pushed["state"], "signed", "{}: {pushed}", self.name);
        ok(world, &self.pull());
        let seconds = begun.elapsed().as_secs_f64();
        self.no_false_name(world);
        assert!(self.out(world).exists(), "{}: pull wrote nothing", self.name);
        let acknowledged = self.acknowledged(world);
        for (part, times) in &acknowledged {
            assert_eq!(*times, 1, "{}: part {part} was acknowledged and sent again", self.name);
        }
        wait("uploads that are open", || self.open_uploads(world).is_empty());
        assert_eq!(self.drafts(world), [""; 0], "{}: something is left of a file in the making", self.name);
        let parts_after = acknowledged.values().sum::<usize>() - parts_before;
        self.clear_away(world);
        Finished { parts_before, parts_after, seconds }
    }

    /// How often the store has acknowledged each part of the file, in whichever attempt.
    fn acknowledged(&self, world: &World) -> BTreeMap<u32, usize> {
        let mut parts = BTreeMap::new();
        for entry in world.sandbox.request_log().entries() {
            if entry.operation == "UploadPart" && entry.status == 200 && entry.resource.contains(&self.hash) {
                *parts.entry(entry.part_number.expect("a part has a number")).or_default() += 1;
            }
        }
        parts
    }

    fn open_uploads(&self, world: &World) -> Vec<String> {
        world.sandbox.open_uploads(BUCKET).expect("the bucket is there")
    }

    fn drafts(&self, world: &World) -> Vec<String> {
        let names = std::fs::read_dir(world.folder())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        names.filter(|name| name.contains(&self.out_name()) && *name != self.out_name()).collect()
    }

    fn out_name(&self) -> String {
        format!("{}.out", self.name)
    }

    fn out(&self, world: &World) -> PathBuf {
        world.folder().join(self.out_name())
    }

    fn clear_away(&self, world: &World) {
        for name in [format!("{}.img", self.name), self.out_name()] {
            std::fs::remove_file(world.folder().join(name)).expect("it was there");
        }
    }
}

fn ok(world: &World, args: &[String]) -> Value {
    world.ok(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Waits until something is so.
#[track_caller]
pub fn wait(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "still there: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Waits for the end of a process.
pub fn end_of(child: &mut Child) -> std::process::ExitStatus {
    let mut ended = None;
    wait("a process", || {
        ended = child.try_wait().expect("it is ours");
        ended.is_some()
    });
    ended.expect("it has ended")
}
