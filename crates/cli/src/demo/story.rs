//! The demo as it is told: a line per step, for a person or as JSON at the end.

use std::time::Instant;

use firmhold_core::{Check, Digest, Problem};
use serde::Serialize;

use crate::commands::backend;
use crate::printer::{Printer, Tone, toned};

/// A step that happened.
#[derive(Debug, Serialize)]
pub struct Step {
    /// What it is about.
    pub title: String,
    /// What was seen.
    pub detail: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// All that happened; printed as JSON.
#[derive(Debug, Default, Serialize)]
pub struct Record {
    /// The file that was pushed.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, as the platform and the device found it.
    pub sha256: Option<Digest>,
    /// The journey.
    pub journey: Vec<Step>,
    /// The thirteen checks.
    pub checks: Vec<Check>,
    /// Attacks that failed, as they should.
    pub attacks: Vec<Step>,
    /// From the first step to the last.
    pub seconds: f64,
}

/// Tells the story while it happens.
pub struct Story<'a> {
    printer: &'a Printer,
    begun: Instant,
    /// What happened so far.
    pub record: Record,
}

impl<'a> Story<'a> {
    /// A story that is told through `printer`.
    pub fn new(printer: &'a Printer) -> Self {
        Self { printer, begun: Instant::now(), record: Record::default() }
    }

    /// A heading.
    pub fn heading(&self, text: &str) {
        self.say(&format!("\n{}", toned(Tone::Strong, text)));
    }

    /// A step of the journey: what `work` found out, if it works.
    ///
    /// # Errors
    /// The work's.
    pub async fn step<T>(
        &mut self,
        title: &str,
        work: impl Future<Output = Result<(T, String), Problem>>,
    ) -> Result<T, Problem> {
        let (value, step) = self.told(title, work).await?;
        self.record.journey.push(step);
        Ok(value)
    }

    /// An attack: `work` fails unless the attack was refused in the way it should be.
    ///
    /// # Errors
    /// The work's.
    pub async fn attack(
        &mut self,
        title: &str,
        work: impl Future<Output = Result<((), String), Problem>>,
    ) -> Result<(), Problem> {
        let ((), step) = self.told(title, work).await?;
        self.record.attacks.push(step);
        Ok(())
    }

    async fn told<T>(
        &self,
        title: &str,
        work: impl Future<Output = Result<(T, String), Problem>>,
    ) -> Result<(T, Step), Problem> {
        let begun = Instant::now();
        let (value, detail) = work.await.inspect_err(|_| {
            self.say(&format!("{} {title}", toned(Tone::Bad, "✗")));
        })?;
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let time = toned(Tone::Dim, &format!("{:.2} s", begun.elapsed().as_secs_f64()));
        self.say(&format!("{} {title:<34} {detail}  {time}", toned(Tone::Good, "✓")));
        Ok((value, Step { title: title.to_owned(), detail, milliseconds }))
    }

    /// The table of checks, a line each.
    pub fn checks(&mut self, checks: Vec<Check>) {
        let mut short = checks.clone();
        for check in &mut short {
            if let Some((at, _)) = check.reason.char_indices().nth(72) {
                check.reason.truncate(at);
                check.reason.push('…');
            }
        }
        for line in backend::check_table(&short).lines() {
            self.say(&format!("    {line}"));
        }
        self.record.checks = checks;
    }

    /// The end: all of it as JSON, or a last line.
    pub fn end(&mut self) {
        self.record.seconds = self.begun.elapsed().as_secs_f64();
        let last = format!(
            "\n{} in {:.1} s. No AWS account was harmed: nothing left this machine.",
            toned(Tone::Good, "All of it happened"),
            self.record.seconds
        );
        self.printer.result(&self.record, |_| last);
    }

    fn say(&self, line: &str) {
        if !self.printer.is_json() {
            self.printer.text(line);
        }
    }
}
