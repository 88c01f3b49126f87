//! `cargo xtask bench push`: the same files to the same store and back, by Firmhold and by what people use now.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::client::{Clients, Task, Tool};
use super::load::Load;
use super::measure::{Sample, measure};
use super::platform::Platform;
use super::statistics::Spread;
use super::store::{Kind, Store};
use crate::facts;
use crate::marked;
use crate::report::say;
use crate::system;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Where the README and the page hold the table.
const MARK: &str = "cargo xtask bench push";
/// Firmhold takes at most this many times as long as the quickest of the others.
const BUDGET: f64 = 1.1;
/// Peak memory of Firmhold, at any size of file.
const PEAK_KIB: f64 = 64.0 * 1024.0;

/// Options of `cargo xtask bench push`.
#[derive(clap::Args)]
pub struct Args {
    /// How often everything is repeated; the medians are reported
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Size of the large file in MiB
    #[arg(long, default_value_t = 1024)]
    mib: u64,
    /// How many small files; 0 leaves them out
    #[arg(long, default_value_t = 1000)]
    files: u32,
    /// On which stores; the first one's figures make the README's table
    #[arg(long, value_delimiter = ',', default_value = "ceph,sandbox")]
    stores: Vec<Kind>,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Push,
    Pull,
}

impl Way {
    const BOTH: [Self; 2] = [Self::Push, Self::Pull];

    fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
        }
    }
}

/// One measurement.
struct Measured {
    load: usize,
    way: Way,
    tool: Tool,
    sample: Sample,
    /// Seconds from the start to the server's word that the upload is complete; of our pushes of one file.
    acknowledged: Option<f64>,
}

/// All measurements on one store.
struct OnStore {
    name: String,
    direct: bool,
    loads: Vec<Load>,
    versions: Vec<String>,
    measured: Vec<Measured>,
}

/// Runs all of it, writes the page and the README's table.
pub fn run(args: Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let tools = Tools::ensure(&workspace)?;
    system::ensure(&[system::RCLONE])?;
    let binary = workspace.release_binary()?;
    let folder = workspace.target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let large = Load::one(&folder, args.mib)?;
    let small = (args.files > 1).then(|| Load::many(&folder, args.files)).transpose()?;
    let load_before = facts::load();
    let mut all = Vec::new();
    for (place, kind) in args.stores.iter().enumerate() {
        // The small files say the same on every store; they are sent to the first.
        let loads: Vec<Load> =
            [Some(large.clone()), small.clone().filter(|_| place == 0)].into_iter().flatten().collect();
        let bench =
            Bench { tools: &tools, root: &workspace.root, binary: &binary, folder: &folder, kind: *kind };
        all.push(bench.run(loads, args.runs)?);
    }
    write_pages(&workspace, &args, load_before, &all)
}

struct Bench<'a> {
    tools: &'a Tools,
    root: &'a Path,
    binary: &'a Path,
    folder: &'a Path,
    kind: Kind,
}

impl Bench<'_> {
    /// Every run has a store and a server of its own, so that none finds what an earlier one left.
    fn run(&self, loads: Vec<Load>, runs: u32) -> Result<OnStore> {
        let mut done =
            OnStore { name: String::new(), direct: false, loads, versions: Vec::new(), measured: Vec::new() };
        for run in 0..runs {
            say(format_args!("\n== {} · run {} of {runs}", self.kind.title(), run + 1));
            let scratch = self.folder.join("run");
            if scratch.exists() {
                std::fs::remove_dir_all(&scratch)?;
            }
            std::fs::create_dir_all(&scratch)?;
            let store = Store::start(self.kind, self.tools, self.root, self.binary, &scratch)?;
            let platform = Platform::start(self.binary, &store, &scratch)?;
            let clients = Clients::new(self.tools, &store, &platform, &scratch);
            if run == 0 {
                done.name = store.name().to_owned();
                done.direct = platform.is_direct();
                done.versions =
                    Tool::ALL.into_iter().map(|tool| clients.version(tool)).collect::<Result<_>>()?;
            }
            let mut servers = vec![platform.process()];
            servers.extend(store.processes());
            // Each run begins with another tool.
            let mut order = Tool::ALL;
            order.rotate_left(run as usize % Tool::ALL.len());
            for load in 0..done.loads.len() {
                for tool in order {
                    let measured = round(&clients, tool, &done.loads[load], run, &servers, &scratch)?;
                    done.measured.extend(measured.into_iter().map(|(way, sample)| Measured {
                        load,
                        way,
                        tool,
                        acknowledged: acknowledged(&sample),
                        sample,
                    }));
                    store.empty(self.tools)?;
                }
            }
            drop(platform);
            drop(store);
            std::fs::remove_dir_all(&scratch)?;
        }
        Ok(done)
    }
}

/// A push and a pull of one load by one tool.
fn round(
    clients: &Clients<'_>,
    tool: Tool,
    load: &Load,
    run: u32,
    servers: &[u32],
    scratch: &Path,
) -> Result<Vec<(Way, Sample)>> {
    load.renew()?;
    let name = format!("{}-{run}", tool.name().to_lowercase().replace(' ', "-"));
    let task = Task { load, name, into: scratch.join("pulled") };
    let mut samples = Vec::new();
    for way in Way::BOTH {
        let command = match way {
            Way::Push => clients.push(tool, &task)?,
            Way::Pull => clients.pull(tool, &task)?,
        };
        let sample = measure(&command, servers, scratch)?;
        say(format_args!("{:>10} {} {}: {:.2} s", tool.name(), way.name(), load.title, sample.wall));
        samples.push((way, sample));
    }
    must_be_equal(load, &task.into)?;
    if load.is_folder() {
        std::fs::remove_dir_all(&task.into)?;
    } else {
        std::fs::remove_file(&task.into)?;
    }
    Ok(samples)
}

/// A tool that is quick but wrong is none.
fn must_be_equal(load: &Load, pulled: &Path) -> Result<()> {
    for path in load.paths() {
        let pulled = if load.is_folder() {
            pulled.join(path.file_name().context("a file has a name")?)
        } else {
            pulled.to_owned()
        };
        crate::process::capture(crate::process::command("cmp").arg(&path).arg(&pulled))?;
    }
    Ok(())
}

/// What is left of the wall clock without what `push` did after the acknowledgement.
fn acknowledged(sample: &Sample) -> Option<f64> {
    let said: serde_json::Value = serde_json::from_str(&sample.said).ok()?;
    let after = said["seconds"].as_f64()? - said["upload_seconds"].as_f64()?;
    Some(sample.wall - after)
}

impl OnStore {
    fn of(&self, load: usize, way: Way, tool: Tool) -> impl Iterator<Item = &Measured> {
        self.measured
            .iter()
            .filter(move |measured| measured.load == load && measured.way == way && measured.tool == tool)
    }

    fn spread(
        &self,
        load: usize,
        way: Way,
        tool: Tool,
        figure: impl Fn(&Measured) -> Option<f64>,
    ) -> Option<Spread> {
        Spread::of(self.of(load, way, tool).filter_map(figure))
    }

    fn wall(&self, load: usize, way: Way, tool: Tool) -> Option<Spread> {
        self.spread(load, way, tool, |measured| Some(measured.sample.wall))
    }

    /// Ours up to the acknowledgement where the push says it, else in whole.
    fn compared(&self, load: usize, way: Way, tool: Tool) -> Option<Spread> {
        self.spread(load, way, tool, |measured| measured.acknowledged).or_else(|| self.wall(load, way, tool))
    }

    /// The median of the quickest of the others.
    fn fastest(&self, load: usize, way: Way) -> f64 {
        let others = Tool::ALL.into_iter().filter(|tool| *tool != Tool::Firmhold);
        others
            .filter_map(|tool| self.wall(load, way, tool))
            .map(|spread| spread.median)
            .fold(f64::INFINITY, f64::min)
    }
}

fn write_pages(
    workspace: &Workspace,
    args: &Args,
    load_before: Option<f64>,
    all: &[OnStore],
) -> Result<ExitCode> {
    let command =
        format!("cargo xtask bench push --runs {} --mib {} --files {}", args.runs, args.mib, args.files);
    let mut text = String::from("# Bench: push and pull\n\nWritten by a run, not by hand.\n\n");
    for line in facts::lines(workspace, &command)? {
        writeln!(text, "{line}")?;
    }
    if let Some(load) = load_before {
        writeln!(text, "- load average before the first run: {load:.1}")?;
    }
    text.push_str(INTRODUCTION);
    let first = all.first().context("no store was named")?;
    text.push_str("\n| tool | version | called as |\n|---|---|---|\n");
    for (tool, version) in Tool::ALL.into_iter().zip(&first.versions) {
        writeln!(text, "| {} | {version} | {} |", tool.name(), tool.settings())?;
    }
    let summary = summary(first);
    write!(text, "\n## In short\n\n{}", marked::mark(MARK, &summary))?;
    for on_store in all {
        let way = if on_store.direct {
            "straight to it: it refuses a wrong part"
        } else {
            "through the server, which checks what it does not"
        };
        writeln!(text, "\n## On {}\n\nFirmhold's parts go {way}.", on_store.name)?;
        for load in 0..on_store.loads.len() {
            details(&mut text, on_store, load)?;
        }
    }
    let failures = over_budget(first);
    text.push_str("\n## Verdict\n\n");
    if failures.is_empty() {
        text.push_str("Within the budgets.\n");
    }
    for failure in &failures {
        writeln!(text, "- OVER: {failure}")?;
        say(format_args!("OVER: {failure}"));
    }
    let folder = workspace.root.join("docs/bench");
    std::fs::create_dir_all(&folder)?;
    let file: PathBuf = folder.join("push.md");
    std::fs::write(&file, &text).with_context(|| file.display().to_string())?;
    marked::replace(&workspace.root.join("README.md"), MARK, &summary)?;
    say(format_args!("\nwrote {}", file.display()));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const INTRODUCTION: &str = "
Client, server and store share this machine, and nothing is encrypted on the line. Every run has a new store and a \
new server; the files are changed before each push, so that no store and no server can know any of it. The tools take \
turns, and each run begins with another one. What was pulled is compared byte by byte.

A push of Firmhold's is compared from its start to the server's word that the upload is complete, which is where the \
others end too. What it does after that, and the others do not, is reported beside it: the server reads the whole \
object back and compares its SHA-256, and the release engineer's signature is stored and verified. A pull verifies \
digest and signature, and syncs the file before it gets its name.
";

/// The README's table: ratios only.
fn summary(on: &OnStore) -> String {
    let mut text = String::from("|  ");
    for (tool, version) in Tool::ALL.into_iter().zip(&on.versions) {
        let version = if tool == Tool::Firmhold { String::new() } else { format!(" {version}") };
        let _ = write!(text, "| {}{version} ", tool.name());
    }
    text.push_str("|\n|---|---|---|---|---|\n");
    for load in 0..on.loads.len() {
        let title = &on.loads[load].title;
        for way in Way::BOTH {
            let fastest = on.fastest(load, way);
            row(&mut text, &format!("{} {title}", way.name()), |tool| {
                on.compared(load, way, tool).map(|spread| format!("{:.2} ×", spread.median / fastest))
            });
            let whole = on.wall(load, way, Tool::Firmhold).map(|spread| spread.median);
            let compared = on.compared(load, way, Tool::Firmhold).map(|spread| spread.median);
            if way == Way::Push && whole != compared {
                row(&mut text, "… until proved and signed", |tool| {
                    let whole = whole.filter(|_| tool == Tool::Firmhold);
                    Some(
                        whole.map_or_else(|| "never".to_owned(), |whole| format!("{:.2} ×", whole / fastest)),
                    )
                });
            }
        }
        if !on.loads[load].is_folder() {
            for way in Way::BOTH {
                row(&mut text, &format!("… peak memory of the {}", way.name()), |tool| {
                    let peak =
                        on.spread(load, way, tool, |measured| Some(measured.sample.peak_kib as f64))?;
                    Some(format!("{:.0} MiB", peak.highest / 1024.0))
                });
            }
        }
    }
    let _ = writeln!(text, "\nTime, as multiples of the quickest other tool's, on {}.", on.name);
    text
}

fn row(text: &mut String, title: &str, cell: impl Fn(Tool) -> Option<String>) {
    let _ = write!(text, "| {title} ");
    for tool in Tool::ALL {
        let _ = write!(text, "| {} ", cell(tool).unwrap_or_default());
    }
    text.push_str("|\n");
}

fn details(text: &mut String, on: &OnStore, load: usize) -> Result<()> {
    for way in Way::BOTH {
        writeln!(text, "\n### {} {}\n", capitalized(way.name()), on.loads[load].title)?;
        text.push_str("| tool | seconds, median | lowest–highest | × the quickest other | CPU seconds | of Firmhold's server | of the store | peak memory |\n|---|---|---|---|---|---|---|---|\n");
        let fastest = on.fastest(load, way);
        for tool in Tool::ALL {
            let (whole, compared) = (on.wall(load, way, tool), on.compared(load, way, tool));
            let (Some(whole), Some(compared)) = (whole, compared) else { continue };
            let median = |figure: &dyn Fn(&Measured) -> Option<f64>| {
                on.spread(load, way, tool, figure).map_or(0.0, |spread| spread.median)
            };
            let cpu = median(&|measured| Some(measured.sample.cpu));
            let server = median(&|measured| measured.sample.servers.first().copied());
            let store = median(&|measured| Some(measured.sample.servers.iter().skip(1).sum()));
            let peak = on.spread(load, way, tool, |measured| Some(measured.sample.peak_kib as f64));
            let peak = peak.map_or(0.0, |peak| peak.highest) / 1024.0;
            let mut line = |name: &str, spread: Spread, rest: &str| {
                writeln!(
                    text,
                    "| {name} | {:.2} | {:.2}–{:.2} | {:.2} | {rest} |",
                    spread.median,
                    spread.lowest,
                    spread.highest,
                    spread.median / fastest
                )
            };
            let rest = format!("{cpu:.2} | {server:.2} | {store:.2} | {peak:.0} MiB");
            if whole == compared {
                line(tool.name(), whole, &rest)?;
            } else {
                line("Firmhold, until acknowledged", compared, " |  |  | ")?;
                line("Firmhold, until proved and signed", whole, &rest)?;
            }
        }
    }
    Ok(())
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// The budgets hold for the large file.
fn over_budget(on: &OnStore) -> Vec<String> {
    let mut failures = Vec::new();
    for way in Way::BOTH {
        let ratio =
            on.compared(0, way, Tool::Firmhold).map_or(f64::INFINITY, |s| s.median) / on.fastest(0, way);
        if ratio > BUDGET {
            failures.push(format!(
                "{} takes {ratio:.2} times as long as the quickest other, more than {BUDGET}",
                way.name()
            ));
        }
        let peak = on.spread(0, way, Tool::Firmhold, |measured| Some(measured.sample.peak_kib as f64));
        if let Some(peak) = peak.filter(|peak| peak.highest > PEAK_KIB) {
            failures.push(format!(
                "{} took {:.0} KiB at its peak, more than {PEAK_KIB}",
                way.name(),
                peak.highest
            ));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wall: f64) -> Sample {
        Sample { wall, cpu: 1.0, peak_kib: 20 * 1024, servers: vec![0.5, 2.0], said: String::new() }
    }

    fn measurements() -> OnStore {
        let load = Load { title: "1 GiB".to_owned(), path: PathBuf::new(), files: 1, each: 1 << 30 };
        let mut on = OnStore {
            name: "a store".to_owned(),
            direct: true,
            loads: vec![load],
            versions: Tool::ALL.into_iter().map(|tool| format!("1.{}", tool as u8)).collect(),
            measured: Vec::new(),
        };
        for way in Way::BOTH {
            for (place, tool) in Tool::ALL.into_iter().enumerate() {
                for wall in [3.0, 1.0, 2.0] {
                    let ours = tool == Tool::Firmhold && way == Way::Push;
                    let sample = sample(wall * (place + 1) as f64);
                    on.measured.push(Measured {
                        load: 0,
                        way,
                        tool,
                        acknowledged: ours.then_some(wall - 0.5),
                        sample,
                    });
                }
            }
        }
        on
    }

    #[test]
    fn ratios_are_to_the_quickest_of_the_others() {
        assert_eq!(
            summary(&measurements()).lines().take(7).collect::<Vec<_>>(),
            [
                "|  | Firmhold | s5cmd 1.1 | rclone 1.2 | AWS CLI 1.3 |",
                "|---|---|---|---|---|",
                "| push 1 GiB | 0.38 × | 1.00 × | 1.50 × | 2.00 × |",
                "| … until proved and signed | 0.50 × | never | never | never |",
                "| pull 1 GiB | 0.50 × | 1.00 × | 1.50 × | 2.00 × |",
                "| … peak memory of the push | 20 MiB | 20 MiB | 20 MiB | 20 MiB |",
                "| … peak memory of the pull | 20 MiB | 20 MiB | 20 MiB | 20 MiB |",
            ]
        );
        assert!(over_budget(&measurements()).is_empty());
    }

    #[test]
    fn what_is_over_a_budget_is_said() {
        let mut on = measurements();
        for measured in on.measured.iter_mut().filter(|measured| measured.tool == Tool::Firmhold) {
            measured.sample.wall = 9.0;
            measured.sample.peak_kib = 65 * 1024;
        }
        let failures = over_budget(&on);
        assert_eq!(failures.len(), 3, "{failures:?}");
        assert!(failures[1].starts_with("pull takes 2.25 times as long"), "{failures:?}");
    }

    #[test]
    fn the_acknowledgement_is_taken_from_what_push_says() {
        let mut sample = sample(5.0);
        sample.said = r#"{"seconds": 4.5, "upload_seconds": 3.0}"#.to_owned();
        assert_eq!(acknowledged(&sample), Some(3.5));
        sample.said = "{}\n{}".to_owned();
        assert_eq!(acknowledged(&sample), None);
    }
}
