//! `push`, `pull` and the server, killed at every kill point and at random moments, and then run again (design D10).
//!
//! `cargo xtask prove interrupted` runs the same with more random moments (`FIRMHOLD_PROVE_MOMENTS`) from a seed that it
//! prints (`FIRMHOLD_PROVE_SEED`), and takes what happened from files in `FIRMHOLD_PROVE_OUT`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use firmhold_store::failpoint::{self, Point};
use serde_json::{Value, json};

use crate::support::journey::{self, Finished, Journey, SIZE, end_of, wait};
use crate::support::noise;
use crate::support::world::World;

/// Random moments in a run of the tests.
const MOMENTS: usize = 6;
/// Milliseconds after the request that a moment is counted from, at most.
const MILLIS: u64 = 60;
/// Moments in a row that may come after the end of a command; then something is wrong with how they are drawn.
const MISSES: usize = 20;
/// How long a command that is to be interrupted waits for a server that is gone.
const SHORT: (&str, &str) = ("FIRMHOLD_GIVE_UP_AFTER", "2s");
/// `SIGABRT`, by which a kill point ends its process.
const ABORTED: i32 = 6;
/// `SIGKILL`.
const KILLED: i32 = 9;

/// Points of this process, by the first part of their names.
fn points(of: &[&str]) -> Vec<Point> {
    let is_of = |point: &Point| of.iter().any(|place| point.name().split('.').next() == Some(place));
    failpoint::ALL.iter().copied().filter(is_of).collect()
}

const CLI: [&str; 2] = ["push", "pull"];
const UPLOAD: [&str; 3] = ["upload", "part", "complete"];
/// The places whose points are reached by other tests than these.
const ELSEWHERE: [&str; 2] = ["import", "apply"];
/// Those of the job that reaps abandoned uploads, which comes up once an hour and looks for what is days old.
const REAPER: [&str; 1] = ["reap"];

#[test]
fn a_command_is_killed_at_each_of_its_points() {
    let mut report = Report::new("commands");
    let world = World::start();
    journey::keys(&world);
    let noise = noise(SIZE);
    for point in points(&CLI) {
        let journey = Journey::begin(&world, &point.name().replace('.', "-"), &noise);
        let args = if point.name().starts_with("pull.") {
            world.ok(&texts(&journey.push()));
            journey.pull()
        } else {
            journey.push()
        };
        let killed = world.run_with(&texts(&args), &[SHORT, ("FIRMHOLD_FAILPOINT", point.name())]);
        assert_eq!(killed.status.signal(), Some(ABORTED), "{} is not reached", point.name());
        Journey::settle(&world);
        journey.no_false_name(&world);
        report.case(point.name(), "the command", killed.status, &journey.finish(&world));
    }
    report.write();
}

#[test]
fn the_server_is_killed_at_each_point_of_an_upload() {
    kill_server_at(&points(&UPLOAD), Report::new("uploads"));
}

#[test]
fn the_server_is_killed_at_each_of_its_other_points() {
    let others: Vec<Point> = failpoint::ALL
        .iter()
        .copied()
        .filter(|point| {
            let place = point.name().split('.').next().unwrap_or_default();
            ![&CLI[..], &UPLOAD, &REAPER, &ELSEWHERE].iter().any(|places| places.contains(&place))
        })
        .collect();
    kill_server_at(&others, Report::new("server"));
}

fn kill_server_at(points: &[Point], mut report: Report) {
    let mut world = World::start();
    journey::keys(&world);
    let noise = noise(SIZE);
    for point in points {
        world.restart_server(&[("FIRMHOLD_FAILPOINT", point.name())]);
        let journey = Journey::begin(&world, &point.name().replace(['.', '_'], "-"), &noise);
        // What they come to depends on when the server dies; that it does is what counts.
        world.run_with(&texts(&journey.push()), &[SHORT]);
        if world.server_status().is_none() {
            world.run_with(&texts(&journey.pull()), &[SHORT]);
        }
        if world.server_status().is_none() {
            journey.drop_another(&world);
        }
        let died = server_end(&mut world, *point);
        Journey::settle(&world);
        journey.no_false_name(&world);
        world.restart_server(&[]);
        report.case(point.name(), "the server", died, &journey.finish(&world));
    }
    report.write();
}

/// How the server ended at this point.
fn server_end(world: &mut World, point: Point) -> ExitStatus {
    let mut died = None;
    wait(&format!("the server, armed with {}", point.name()), || {
        died = world.server_status();
        died.is_some()
    });
    let died = died.expect("it has ended");
    assert_eq!(died.signal(), Some(ABORTED), "{}", point.name());
    died
}

#[test]
fn the_server_is_killed_as_it_reaps_abandoned_uploads() {
    let mut report = Report::new("reaper");
    let mut world = World::start();
    journey::keys(&world);
    let noise = noise(SIZE);
    for point in points(&REAPER) {
        let journey = Journey::begin(&world, &point.name().replace('.', "-"), &noise);
        let begun =
            world.run_with(&texts(&journey.push()), &[SHORT, ("FIRMHOLD_FAILPOINT", "push.part_sent")]);
        assert_eq!(begun.status.signal(), Some(ABORTED));
        Journey::settle(&world);
        world.kill_server();
        world.age_uploads();
        world.restart_server(&[("FIRMHOLD_FAILPOINT", point.name())]);
        let died = server_end(&mut world, point);
        world.restart_server(&[]);
        // What is reaped is gone, and only that may be sent again.
        journey.is_reaped(&world);
        report.case(point.name(), "the server", died, &journey.finish(&world));
    }
    report.write();
}

#[test]
fn commands_and_server_are_killed_at_random_moments() {
    let seed = setting("FIRMHOLD_PROVE_SEED").unwrap_or_else(random_seed);
    let moments = setting("FIRMHOLD_PROVE_MOMENTS").map_or(MOMENTS, |moments| moments as usize);
    let mut dice = Dice(seed | 1);
    let mut report = Report::new("random");
    report.fact("seed", json!(seed));
    let mut world = World::start();
    journey::keys(&world);
    let noise = noise(SIZE);
    let unkilled = requests_of_an_unkilled_run(&world, &noise);
    let (mut moment, mut misses, mut run) = (0, 0, 0);
    while moment < moments {
        run += 1;
        let journey = Journey::begin(&world, &format!("moment-{run}"), &noise);
        let victim = ["push", "server during push", "pull", "server during pull"][moment % 4];
        let (args, requests) = if victim.ends_with("pull") {
            world.ok(&texts(&journey.push()));
            (journey.pull(), dice.below(unkilled.pull))
        } else {
            (journey.push(), dice.below(unkilled.push))
        };
        let millis = dice.below(MILLIS);
        let told =
            format!("seed {seed}, moment {moment}: {victim} after {requests} requests and {millis} ms");
        let log = world.sandbox.request_log();
        let before = log.entries().len() as u64;
        let mut command = world.command();
        command.args(&args).env(SHORT.0, SHORT.1);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        while (log.entries().len() as u64) < before + requests
            && child.try_wait().expect("it is ours").is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(millis));
        let in_time = child.try_wait().expect("it is ours").is_none();
        let of_server = victim.starts_with("server");
        if of_server {
            world.kill_server();
        } else {
            // It may have ended by itself just now.
            let _ = child.kill();
        }
        let status = end_of(&mut child);
        Journey::settle(&world);
        journey.no_false_name(&world);
        if of_server {
            world.restart_server(&[]);
        }
        let finished = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| journey.finish(&world)));
        let finished = finished.unwrap_or_else(|panic| {
            let why = panic.downcast_ref::<String>().map_or("", String::as_str);
            panic!("{told}: {why}");
        });
        // What has ended before is no moment of anything: another one is drawn.
        if in_time && (of_server || status.signal() == Some(KILLED)) {
            report.case(&told, victim, status, &finished);
            (moment, misses) = (moment + 1, 0);
        } else {
            misses += 1;
            assert!(misses <= MISSES, "seed {seed}: {misses} moments in a row came after the end");
        }
    }
    report.write();
}

/// Requests to the bucket by which moments are counted.
struct Requests {
    push: u64,
    pull: u64,
}

fn requests_of_an_unkilled_run(world: &World, noise: &[u8]) -> Requests {
    let journey = Journey::begin(world, "unkilled", noise);
    let count = |args: Vec<String>| {
        let before = world.sandbox.request_log().entries().len();
        world.ok(&texts(&args));
        let after = world.sandbox.request_log().entries().len();
        // The last of them comes when there is hardly anything left to interrupt.
        (after.saturating_sub(before) as u64).max(1)
    };
    let requests = Requests { push: count(journey.push()), pull: count(journey.pull()) };
    journey.finish(world);
    requests
}

fn texts(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn random_seed() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("randomness");
    u64::from_le_bytes(bytes)
}

/// xorshift64: good enough to choose moments, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What happened, for the page of the proof.
struct Report {
    name: &'static str,
    facts: Value,
}

impl Report {
    fn new(name: &'static str) -> Self {
        Self { name, facts: json!({ "cases": [] }) }
    }

    fn fact(&mut self, name: &str, value: Value) {
        self.facts[name] = value;
    }

    fn case(&mut self, at: &str, killed: &str, status: ExitStatus, finished: &Finished) {
        let case = json!({
            "at": at,
            "killed": killed,
            "ended": status.to_string(),
            "parts_before": finished.parts_before,
            "parts_after": finished.parts_after,
            "seconds": finished.seconds,
        });
        self.facts["cases"].as_array_mut().expect("an array").push(case);
    }

    fn write(self) {
        if let Some(folder) = std::env::var_os("FIRMHOLD_PROVE_OUT") {
            let file = std::path::Path::new(&folder).join(format!("{}.json", self.name));
            std::fs::write(file, self.facts.to_string()).expect("the folder of the proof");
        }
    }
}
