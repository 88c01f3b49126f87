//! A program that runs beside this one and says what it has to say as JSON on its standard output.

use std::io::BufReader;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Deserializer, StreamDeserializer, Value};

use crate::process::shown;

/// The running program. It is ended when this is dropped.
pub struct Background {
    child: Child,
    /// Of a program that ends itself when this does.
    held: Option<ChildStdin>,
    said: StreamDeserializer<'static, serde_json::de::IoRead<BufReader<ChildStdout>>, Value>,
    command: String,
}

impl Background {
    /// Starts a program that is killed in the end.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::spawn(command)
    }

    /// Starts a program that has others to end, and does so when its standard input ends.
    pub fn start_held(command: &mut Command) -> Result<Self> {
        Self::spawn(command.stdin(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let shown = shown(command);
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run `{shown}`"))?;
        let out = child.stdout.take().context("the child has no standard output")?;
        let said = Deserializer::from_reader(BufReader::new(out)).into_iter();
        Ok(Self { held: child.stdin.take(), child, said, command: shown })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next document that it prints; an error if it ends first.
    pub fn next(&mut self) -> Result<Value> {
        let next = self.said.next().with_context(|| format!("`{}` ended without a word", self.command))?;
        next.with_context(|| format!("what `{}` says is not JSON", self.command))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself; either way nobody is left to be told.
        if self.held.take().is_none() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
