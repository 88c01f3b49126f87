//! Every kind of request that a command sends for bytes × every fault of the store: parts of a push, ranges of a pull,
//! each straight to the store and through the server. Against a store that fails for good the command ends as the table
//! says; against one that fails twice it completes; never with wrong bytes, never without an end.
//!
//! (What the server sends by itself: the same in `crates/server/tests/it/store_faults.rs`.)

use std::time::{Duration, Instant};

use firmhold_sandbox::{Fault, FaultAction};
use serde_json::Value;

use self::End::{Completes, Fails};
use crate::support::journey::{self, Journey};
use crate::support::noise;
use crate::support::world::World;

/// Two parts, and two ranges; the second of each is short.
const SIZE: usize = 9 * 1024 * 1024 + 3;
/// Bytes after which a line is cut or falls silent: in the middle of a part, and of a range.
const MIDDLE: u64 = 1_000_000;

/// How long a command goes on against a store that fails for good, and how long it waits on a silent line.
const IMPATIENT: [(&str, &str); 2] = [("FIRMHOLD_GIVE_UP_AFTER", "4s"), ("FIRMHOLD_STALL_AFTER", "2s")];
/// The same against one that fails now and then, on a machine that is busy.
const PATIENT: [(&str, &str); 2] = [("FIRMHOLD_GIVE_UP_AFTER", "120s"), ("FIRMHOLD_STALL_AFTER", "4s")];
/// No command may take longer, whatever the store does: longer than all patience together.
const END: Duration = Duration::from_secs(100);

/// What a command comes to while the store fails for good.
#[derive(Clone, Copy)]
enum End {
    Completes,
    /// With one of these codes.
    Fails(&'static [&'static str]),
}

const STORE_FAILED: End = Fails(&["store_failed"]);
/// Whoever breaks off first names it: the store's line to the server, or the server's to the command.
const LINE: End = Fails(&["unreachable", "store_failed"]);

/// A kind of request, and its column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A part's PUT to the bucket.
    Part,
    /// A part's PUT to `/u/{token}`, from where the server sends it on.
    PartThroughUs,
    /// A range's GET from the bucket.
    Range,
    /// A range's GET from the server, which reads it from the bucket.
    RangeThroughUs,
}

/// The faults, and what a part, a part through the server, a range, and a range through the server come to.
///
/// - A part's answer has no body that could be cut short, and its checksum headers are nobody's proof: the bucket was told
///   the SHA-256 with the part, and the platform reads the whole back.
/// - A range that breaks off in the middle has still brought bytes, so the next request asks for the rest.
/// - Checksum headers of an object are not asked for: the whole file's SHA-256 is compared.
fn table() -> [(&'static str, FaultAction, [End; 4]); 9] {
    use FaultAction::{Delay, ExpiredToken, Reset, Stall, Status, TruncateBody, WrongChecksum};
    let failed = STORE_FAILED;
    [
        ("internal-error", Status(500, "InternalError"), [failed, failed, failed, failed]),
        ("slow-down", Status(503, "SlowDown"), [failed, failed, failed, failed]),
        ("line-cut", Reset(MIDDLE), [failed, failed, Completes, Completes]),
        ("line-cut-at-once", Reset(0), [failed, failed, failed, LINE]),
        ("cut-short", TruncateBody(MIDDLE), [Completes, Completes, Completes, failed]),
        ("line-stalled", Stall(MIDDLE), [failed, failed, Completes, Completes]),
        ("no-answer", Delay(3_600_000), [failed, failed, failed, failed]),
        ("wrong-checksum", WrongChecksum, [Completes, Completes, Completes, Completes]),
        ("expired-token", ExpiredToken, [failed, failed, failed, failed]),
    ]
}

#[test]
fn parts_to_the_bucket() {
    column(Kind::Part);
}

#[test]
fn parts_through_the_server() {
    column(Kind::PartThroughUs);
}

#[test]
fn ranges_from_the_bucket() {
    column(Kind::Range);
}

#[test]
fn ranges_through_the_server() {
    column(Kind::RangeThroughUs);
}

/// AWS allows a quarter of an hour. The clock of whoever runs the command counts nowhere: the server signs. (A store that
/// is behind the server: `crates/server/tests/it/store_faults.rs`.)
#[test]
fn a_store_ten_minutes_ahead() {
    let world = World::start();
    world.sandbox.clock().advance(Duration::from_secs(600));
    journey::keys(&world);
    let noise = noise(SIZE);
    for kind in [Kind::Part, Kind::PartThroughUs, Kind::RangeThroughUs] {
        kind.set_up(&world);
        let journey = Journey::begin(&world, kind.name(), &noise);
        for args in [journey.push(), journey.pull()] {
            assert_eq!(run(&world, &args, &PATIENT), "", "{args:?}");
        }
        journey.finish(&world);
    }
}

fn column(kind: Kind) {
    let world = World::start();
    journey::keys(&world);
    kind.set_up(&world);
    let noise = noise(SIZE);
    for (name, action, ends) in table() {
        let journey = Journey::begin(&world, name, &noise);
        let args = if kind.is_pull() {
            assert_eq!(run(&world, &journey.push(), &PATIENT), "", "{name}");
            journey.pull()
        } else {
            journey.push()
        };
        let fault = Fault::new().service("s3").operation(kind.operation()).then(action);
        world.sandbox.faults().add(fault.clone());
        let problem = run(&world, &args, &IMPATIENT);
        match ends[kind as usize] {
            Completes => assert_eq!(problem, "", "{name}"),
            Fails(codes) => {
                let code = problem.split(' ').next().unwrap_or_default();
                assert!(codes.contains(&code), "{name}: {problem:?}");
            }
        }
        journey.no_false_name(&world);
        world.sandbox.faults().clear();
        world.sandbox.faults().add(fault.times(2));
        assert_eq!(run(&world, &args, &PATIENT), "", "{name}, twice");
        world.sandbox.faults().clear();
        journey.finish(&world);
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::PartThroughUs => "part-through-us",
            Self::Range => "range",
            Self::RangeThroughUs => "range-through-us",
        }
    }

    const fn operation(self) -> &'static str {
        if self.is_pull() { "GetObject" } else { "UploadPart" }
    }

    const fn is_pull(self) -> bool {
        matches!(self, Self::Range | Self::RangeThroughUs)
    }

    fn set_up(self, world: &World) {
        match self {
            Self::Part | Self::Range => {}
            Self::PartThroughUs => world.send_parts_through_the_server(),
            Self::RangeThroughUs => {
                world.ok(&["backend", "set", "prod", "--delivery", "proxy"]);
            }
        }
    }
}

/// Runs a command; answers its problem, code first, or nothing if it has none.
#[track_caller]
fn run(world: &World, args: &[String], patience: &[(&str, &str)]) -> String {
    let args: Vec<&str> = args.iter().map(String::as_str).chain(["--json"]).collect();
    let begun = Instant::now();
    let output = world.run_with(&args, patience);
    assert!(begun.elapsed() < END, "{args:?} took {:?}", begun.elapsed());
    let out = String::from_utf8_lossy(&output.stdout);
    let said: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"));
    match output.status.code() {
        Some(0) => String::new(),
        Some(1) => {
            let code = said["problem"]["code"].as_str().expect("a problem has a code");
            format!("{code} {said}")
        }
        status => panic!("{args:?}: {status:?} {said}"),
    }
}
