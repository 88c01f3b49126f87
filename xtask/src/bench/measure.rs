//! One command, measured from outside: wall clock here, CPU and peak memory by GNU time, and the CPU that the
//! servers beside it took meanwhile by the kernel's account of them.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::process::{self, command, shown};

/// What a command took.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Seconds from its start to its end.
    pub wall: f64,
    /// Seconds of CPU, user and system, of it and its children.
    pub cpu: f64,
    /// Peak memory of the largest process among them, in KiB.
    pub peak_kib: u64,
    /// Seconds of CPU that each server took meanwhile, in the order given.
    pub servers: Vec<f64>,
    /// What it printed.
    pub said: String,
}

/// Runs a command that must succeed. `servers` are process ids; `scratch` is a folder for GNU time's figures.
pub fn measure(measured: &Command, servers: &[u32], scratch: &Path) -> Result<Sample> {
    let figures = scratch.join("time.txt");
    let mut time = command("/usr/bin/time");
    time.args(["-f", "%U %S %M", "-o"]).arg(&figures).arg(measured.get_program()).args(measured.get_args());
    for (name, value) in measured.get_envs() {
        match value {
            Some(value) => time.env(name, value),
            None => time.env_remove(name),
        };
    }
    if let Some(folder) = measured.get_current_dir() {
        time.current_dir(folder);
    }
    // Or the disk would be busy with what the tool before this one left in memory.
    process::capture(&mut command("sync"))?;
    let before = cpu_of_all(servers)?;
    let began = Instant::now();
    let output = process::output(&mut time)?;
    let wall = began.elapsed().as_secs_f64();
    let after = cpu_of_all(servers)?;
    if !output.status.success() {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("`{}` ended with {}: {out}{err}", shown(measured), output.status);
    }
    let (cpu, peak_kib) = parse(&std::fs::read_to_string(&figures)?).context("the figures of GNU time")?;
    Ok(Sample {
        wall,
        cpu,
        peak_kib,
        servers: after.iter().zip(before).map(|(after, before)| after - before).collect(),
        said: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}

/// `user system peak`
fn parse(text: &str) -> Option<(f64, u64)> {
    let mut words = text.lines().last()?.split_whitespace();
    let user: f64 = words.next()?.parse().ok()?;
    let system: f64 = words.next()?.parse().ok()?;
    Some((user + system, words.next()?.parse().ok()?))
}

fn cpu_of_all(servers: &[u32]) -> Result<Vec<f64>> {
    servers.iter().map(|server| cpu_of(*server)).collect()
}

/// Seconds of CPU that a running process has taken since it began.
fn cpu_of(process: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .with_context(|| format!("process {process} is gone"))?;
    ticks(&text).map(|ticks| ticks as f64 / TICKS_PER_SECOND).context("the form of /proc/PID/stat")
}

/// `USER_HZ`, which is 100 on every architecture that we build for (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// `utime` and `stime`, fields 14 and 15; the second field may hold spaces, but ends with the last parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_account_of_a_process() {
        let stat = "7 (a) name) S 1 7 7 0 -1 4194560 1 2 3 4 250 150 9 9 20 0 5 0 100 0 0";
        assert_eq!(ticks(stat), Some(400));
        assert!(cpu_of(std::process::id()).is_ok());
    }

    #[test]
    fn the_figures_of_gnu_time() {
        assert_eq!(parse("Command exited with non-zero status 1\n1.50 0.25 20480\n"), Some((1.75, 20480)));
        assert_eq!(parse(""), None);
    }
}
