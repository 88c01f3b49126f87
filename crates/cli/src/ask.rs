//! Asking the person in front of the terminal.

use std::io::{BufRead as _, IsTerminal as _};

use firmhold_core::{Code, Problem};

use crate::printer::Printer;

/// Whether the person says yes. Anything else than `y` or `yes` is no.
///
/// # Errors
/// [`Code::Usage`] where nobody can be asked; `instead` is what to add to the command line.
pub fn yes(printer: &Printer, question: &str, instead: &str) -> Result<bool, Problem> {
    let answer = line(printer, &format!("{question} [y/N]"), instead)?;
    Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// What the person answers, trimmed.
///
/// # Errors
/// As [`yes`].
pub fn line(printer: &Printer, question: &str, instead: &str) -> Result<String, Problem> {
    let nobody = || {
        Problem::new(Code::Usage, format!("there is no terminal to ask at: {question}"))
            .with_hint(format!("Say it on the command line: {instead}"))
    };
    if printer.is_json() || !std::io::stdin().is_terminal() {
        return Err(nobody());
    }
    printer.prompt(question);
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read {
        Ok(0) | Err(_) => Err(nobody()),
        Ok(_) => Ok(answer.trim().to_owned()),
    }
}
