//! A program that runs beside this one and says what it has to say as JSON on its standard output.

use std::io::BufReader;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Deserializer, StreamDeserializer, Value};

use crate::process::shown;

/// The running program. It is killed when this is dropped.
pub struct Background {
    child: Child,
    said: StreamDeserializer<'static, serde_json::de::IoRead<BufReader<ChildStdout>>, Value>,
    command: String,
}

impl Background {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Self> {
        let shown = shown(command);
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run `{shown}`"))?;
        let out = child.stdout.take().context("the child has no standard output")?;
        let said = Deserializer::from_reader(BufReader::new(out)).into_iter();
        Ok(Self { child, said, command: shown })
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
