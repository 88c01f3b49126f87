//! What a page of figures must say about where they come from: enough to repeat them, nothing that names the
//! machine.

use anyhow::Result;

use crate::workspace::Workspace;

/// The lines: command, commit, machine.
pub fn lines(workspace: &Workspace, command: &str) -> Result<Vec<String>> {
    Ok(vec![
        format!("- command: `{command}`"),
        format!("- commit: `{}`", workspace.commit()?),
        format!("- machine: {}", machine()),
    ])
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut facts =
        vec![std::env::consts::OS.to_owned(), std::env::consts::ARCH.to_owned(), format!("{cores} cores")];
    facts.extend(memory());
    facts.join(", ")
}

fn memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    Some(format!("{:.0} GiB of memory", kib as f64 / (1024.0 * 1024.0)))
}

/// What else the machine was doing in the last minute, where it says so.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
