//! Running other programs: always without standard input, always naming the command that failed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::report::{complain, say};

/// Which of a child's two streams is read; the other goes to the terminal as it is.
#[derive(Clone, Copy)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A command without standard input and without what `cargo run` told this program about itself
/// (`CARGO_PKG_NAME` and the like): build scripts that track those would build everything again.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let told_by_cargo = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|p| name.starts_with(p))
        });
        if told_by_cargo {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// The cargo that runs this program, in the workspace's root.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        line.push(' ');
        if arg.is_empty() || arg.contains(|c: char| c.is_whitespace() || "'\"$&|;()<>*".contains(c)) {
            line.push_str(&format!("'{}'", arg.replace('\'', r"'\''")));
        } else {
            line.push_str(&arg);
        }
    }
    line
}

/// Runs with the output on the terminal; a status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs with the output on the terminal and answers the status.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    say(format_args!("$ {}", shown(command)));
    command.status().with_context(|| format!("cannot run `{}`", shown(command)))
}

/// Runs quietly and answers everything, whatever the status.
pub fn output(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot run `{}`", shown(command)))
}

/// Runs quietly and answers standard output; a status other than 0 is an error with the end of what it said.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", shown(command), output.status, tail(&said));
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something that is not UTF-8", shown(command)))
}

/// Runs with the output on the terminal, and hands each line of `stream` to `look` on its way.
pub fn watch(command: &mut Command, stream: Stream, mut look: impl FnMut(&str)) -> Result<ExitStatus> {
    say(format_args!("$ {}", shown(command)));
    match stream {
        Stream::Out => command.stdout(Stdio::piped()),
        Stream::Err => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().with_context(|| format!("cannot run `{}`", shown(command)))?;
    let reader: Option<Box<dyn std::io::Read>> = match stream {
        Stream::Out => child.stdout.take().map(|out| Box::new(out) as _),
        Stream::Err => child.stderr.take().map(|err| Box::new(err) as _),
    };
    for line in BufReader::new(reader.context("the child has no such stream")?).split(b'\n') {
        let line = line.context("reading what the child says")?;
        let line = String::from_utf8_lossy(&line);
        look(&line);
        complain(line);
    }
    child.wait().with_context(|| format!("waiting for `{}`", shown(command)))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_so_that_it_can_be_pasted() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["nextest", "run", "-E", "package(firmhold)", "it's"]);
        assert_eq!(shown(&command), r"cargo nextest run -E 'package(firmhold)' 'it'\''s'");
    }

    #[test]
    fn a_failure_names_the_command_and_ends_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo why >&2; exit 3"]);
        let error = capture(&mut command).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("why"), "{error}");
    }

    #[test]
    fn watching_sees_each_line_and_the_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one >&2; echo two >&2; exit 1"]);
        let mut seen = Vec::new();
        let status = watch(&mut command, Stream::Err, |line| seen.push(line.to_owned())).unwrap();
        assert_eq!((seen, status.code()), (vec!["one".to_owned(), "two".to_owned()], Some(1)));
    }
}
