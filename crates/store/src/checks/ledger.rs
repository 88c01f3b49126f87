//! The operations of V7, and how each went.

use firmhold_core::Problem;

use super::finding::{Finding, is_refusal};
use super::fix;
use crate::Target;

/// One operation: what it is called, and the action that the role needs for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation(pub &'static str, pub &'static str);

/// Collects results, so that one refusal does not hide the next.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    refused: Vec<(Operation, Problem)>,
    broken: Vec<String>,
    first_problem_code: Option<String>,
    notes: Vec<String>,
    /// Whether keys as long as ours are more than the store can take.
    too_long: bool,
    worked: Option<&'static str>,
}

impl Ledger {
    /// Takes a result down.
    pub fn take<T>(&mut self, operation: Operation, result: Result<T, Problem>) -> Option<T> {
        match result {
            Ok(value) => {
                self.worked.get_or_insert(operation.0);
                Some(value)
            }
            Err(problem) => {
                self.problem(operation, problem);
                None
            }
        }
    }

    pub fn problem(&mut self, operation: Operation, problem: Problem) {
        self.first_problem_code = self.first_problem_code.take().or(problem.aws_code().map(str::to_owned));
        if is_refusal(&problem) {
            self.refused.push((operation, problem));
        } else {
            self.broken.push(format!("{}: {}", operation.0, problem.detail()));
        }
    }

    /// Something is wrong that no single call reports.
    pub fn wrong(&mut self, what: impl Into<String>) {
        self.broken.push(what.into());
    }

    /// The store cannot take keys as long as ours.
    pub fn too_long(&mut self, what: impl Into<String>) {
        self.too_long = true;
        self.wrong(what);
    }

    /// Something worth telling that is no failure.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// An operation that the bucket answered.
    pub fn worked(&self) -> Option<&'static str> {
        self.worked
    }

    /// The check, with `done` as what passed.
    pub fn finding(&self, target: &Target, done: &str) -> Finding {
        let mut parts = Vec::new();
        if !self.refused.is_empty() {
            let list: Vec<String> = self
                .refused
                .iter()
                .map(|(Operation(name, action), _)| format!("{name} ({action})"))
                .collect();
            parts.push(format!("refused: {}", list.join(", ")));
        }
        parts.extend(self.broken.iter().cloned());
        let failed = !parts.is_empty();
        if !failed {
            parts.push(done.to_owned());
        }
        parts.extend(self.notes.iter().cloned());
        let reason = parts.join("; ");
        if !failed {
            return Finding::pass(reason);
        }
        let mut finding = Finding::fail(reason);
        finding.aws_error_code.clone_from(&self.first_problem_code);
        match self.lacking().as_slice() {
            [] if self.too_long => finding.fix(fix::SHORTER_KEYS),
            [] => finding,
            lacking => finding.fix(fix::permissions(target, lacking)),
        }
    }

    /// Actions that the role lacks, each once.
    pub fn lacking(&self) -> Vec<&'static str> {
        let mut actions = Vec::new();
        for (Operation(_, action), _) in &self.refused {
            if !actions.contains(action) {
                actions.push(*action);
            }
        }
        actions
    }
}
