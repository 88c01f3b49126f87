//! The independent simulator: another program, spoken to line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde::Deserialize;

use super::case::Case;

/// What it says to one case.
#[derive(Debug, Deserialize)]
pub struct Answer {
    pub outcome: Option<String>,
    pub error: Option<String>,
    #[serde(default)]
    pub ignored: Vec<String>,
}

/// Asks it about all cases, in their order.
pub fn ask(cases: &[Case]) -> Vec<Answer> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulator/decide.mjs");
    let mut child = Command::new("node")
        .arg(script)
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut input = child.stdin.take().expect("piped");
    let lines: Vec<String> = cases.iter().map(|case| case.for_simulator().to_string()).collect();
    // Beside the reading: both pipes would fill up else.
    let writer = thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").expect("the simulator reads");
        }
    });
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let answers = output
        .lines()
        .map(|line| serde_json::from_str(&line.expect("a line")).expect("an answer"))
        .collect::<Vec<Answer>>();
    writer.join().expect("all cases were sent");
    assert!(child.wait().expect("it ends").success(), "the simulator failed");
    assert_eq!(answers.len(), cases.len(), "an answer for every case");
    answers
}

/// Where `cargo xtask` has installed it.
fn folder() -> PathBuf {
    let tools = std::env::var_os("FIRMHOLD_TOOLS").expect(
        "FIRMHOLD_TOOLS names the tools folder: `cargo xtask test` or `cargo xtask differential` fills it",
    );
    Path::new(&tools).join("iam-simulate")
}
