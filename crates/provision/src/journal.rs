//! What was done, step by step, in a file beside the spec: it is written, synced and renamed before and after each
//! step, so that a run that was killed is known to have been, and what it had begun to make is known to be ours.
//!
//! A run does not go on from its journal: it plans anew, by what is there. The journal adds what AWS cannot tell: that a
//! bucket without a tag yet was made by us.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use firmhold_core::{Clock, Code, Problem, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::{Change, Kind, Verb};
use crate::plan::{Plan, Purpose};

/// Runs that are remembered.
const RUNS: usize = 50;
/// The largest file that is taken for a journal.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The journal.
#[derive(Debug)]
pub struct Journal {
    path: Option<PathBuf>,
    clock: Clock,
    record: Record,
}

/// What the file holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Record {
    format: u32,
    /// What we began to make and have not removed since: its kind and ARN.
    made: BTreeSet<String>,
    runs: Vec<Run>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// [`Plan::hash`]
    pub plan: String,
    /// [`Plan::purpose`]
    pub purpose: Purpose,
    /// Who ran it.
    pub by: String,
    /// When it began.
    pub begun: Timestamp,
    /// When its last step was done; `None` if it never came to that.
    pub ended: Option<Timestamp>,
    /// Steps, as far as it came.
    pub steps: Vec<Step>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// [`Change::kind`]
    pub kind: Kind,
    /// [`Change::target`]
    pub target: String,
    /// [`Change::says`]
    pub says: String,
    /// When it began.
    pub begun: Timestamp,
    /// How it ended; `None` if nobody knows.
    pub outcome: Option<String>,
}

impl Journal {
    const FORMAT: u32 = 1;

    /// One that is not kept: for an account that lives no longer than this process.
    pub fn in_memory(clock: Clock) -> Self {
        Self { path: None, clock, record: Record { format: Self::FORMAT, ..Record::default() } }
    }

    /// The journal in this file; a new one if there is none.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if it cannot be read, or is none of ours.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, Problem> {
        let unusable = |error: io::Error| {
            Problem::new(Code::LocalFile, format!("cannot read the journal {}: {error}", path.display()))
        };
        let mut journal = Self { path: Some(path.to_owned()), ..Self::in_memory(clock) };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(journal),
            Err(error) => return Err(unusable(error)),
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                return Err(unusable(io::Error::other("it is too large to be one")));
            }
            Ok(_) => {}
        }
        let text = fs::read(path).map_err(unusable)?;
        journal.record = serde_json::from_slice(&text).map_err(|error| unusable(error.into()))?;
        if journal.record.format != Self::FORMAT {
            return Err(unusable(io::Error::other("it was written by a later release")));
        }
        Ok(journal)
    }

    /// Whether we began to make this, and have not removed it since.
    pub(crate) fn has_made(&self, kind: Kind, target: &str) -> bool {
        self.record.made.contains(&name(kind, target))
    }

    /// The runs, the oldest first.
    pub fn runs(&self) -> &[Run] {
        &self.record.runs
    }

    /// The last run, if it did not come to its end.
    pub fn unfinished(&self) -> Option<&Run> {
        self.record.runs.last().filter(|run| run.ended.is_none())
    }

    pub(crate) fn begin_run(&mut self, plan: &Plan, by: &str) -> Result<(), Problem> {
        let begun = self.clock.now();
        self.record.runs.push(Run {
            plan: plan.hash.clone(),
            purpose: plan.purpose,
            by: by.to_owned(),
            begun,
            ended: None,
            steps: Vec::new(),
        });
        let surplus = self.record.runs.len().saturating_sub(RUNS);
        self.record.runs.drain(..surplus);
        self.save()
    }

    /// INVARIANT: a step is in the journal before it is carried out.
    pub(crate) fn begin_step(&mut self, change: &Change) -> Result<(), Problem> {
        if change.verb == Verb::Create {
            self.record.made.insert(name(change.kind, &change.target));
        }
        let begun = self.clock.now();
        if let Some(run) = self.record.runs.last_mut() {
            run.steps.push(Step {
                kind: change.kind,
                target: change.target.clone(),
                says: change.says.clone(),
                begun,
                outcome: None,
            });
        }
        self.save()
    }

    pub(crate) fn end_step(&mut self, change: &Change, outcome: Result<(), &Problem>) -> Result<(), Problem> {
        if change.verb == Verb::Remove && outcome.is_ok() {
            self.record.made.remove(&name(change.kind, &change.target));
        }
        let said = outcome.map_or_else(|problem| problem.detail(), |()| "done".to_owned());
        if let Some(step) = self.record.runs.last_mut().and_then(|run| run.steps.last_mut()) {
            step.outcome = Some(said);
        }
        self.save()
    }

    pub(crate) fn end_run(&mut self) -> Result<(), Problem> {
        let now = self.clock.now();
        if let Some(run) = self.record.runs.last_mut() {
            run.ended = Some(now);
        }
        self.save()
    }

    fn save(&self) -> Result<(), Problem> {
        let Some(path) = &self.path else { return Ok(()) };
        let text = serde_json::to_vec_pretty(&self.record).map_err(Problem::internal)?;
        replace(path, &text).map_err(|error| {
            Problem::new(Code::LocalFile, format!("cannot write the journal {}: {error}", path.display()))
        })
    }
}

/// Several things have the same ARN: a bucket and its policy.
fn name(kind: Kind, target: &str) -> String {
    format!("{kind} {target}")
}

/// Writes, syncs, renames.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = folder.join(name);
    let mut file = File::create(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}
