//! All output goes through this one door: results to standard output, everything else to standard error.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the printer is the one place that prints")]

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use firmhold_core::Problem;
use serde::Serialize;

/// Prints for people, or JSON for programs.
#[derive(Debug, Clone)]
pub struct Printer {
    json: bool,
    quiet: bool,
    progress: bool,
}

/// Colours by meaning.
#[derive(Debug, Clone, Copy)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Worth a look.
    Warn,
    /// Beside the point.
    Dim,
    /// A heading.
    Strong,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// `text` in a tone; the codes are stripped where the output is no terminal.
pub fn toned(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

impl Printer {
    /// With the options of the command line.
    pub fn new(json: bool, quiet: bool, color: ColorChoice) -> Self {
        match color {
            ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
            ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
            ColorChoice::Auto => anstream::ColorChoice::Auto.write_global(),
        }
        Self { json, quiet, progress: !json && !quiet && std::io::stderr().is_terminal() }
    }

    /// One that shows neither progress nor notes: for work inside a larger command.
    #[cfg(all(feature = "sandbox", feature = "server", feature = "account"))]
    pub const fn silent(&self) -> Self {
        Self { json: self.json, quiet: true, progress: false }
    }

    /// Whether results are JSON.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether progress bars are shown: on a terminal only.
    pub const fn shows_progress(&self) -> bool {
        self.progress
    }

    /// A result: as JSON, or as the text that `human` makes of it.
    pub fn result<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) {
        if self.json {
            self.json_document(value);
        } else {
            self.text(&human(value));
        }
    }

    /// A JSON document on standard output, whatever the mode.
    pub fn json_document<T: Serialize>(&self, value: &T) {
        let text =
            serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        self.text(&text);
    }

    /// One line of JSON on standard output, for programs that read line by line.
    pub fn json_line<T: Serialize>(&self, value: &T) {
        let text = serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
        self.text(&text);
    }

    /// Text on standard output.
    pub fn text(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        // A reader that went away (`firmhold … | head`) is not our failure.
        let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
        let _ = out.flush();
    }

    /// A line on how it goes, for a person only.
    pub fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Something the person should know, also when quiet.
    pub fn warning(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{} {text}", toned(Tone::Warn, "warning:"));
    }

    /// A question, to be answered in the same line.
    #[cfg(feature = "account")]
    pub fn prompt(&self, question: &str) {
        let mut err = anstream::stderr().lock();
        let _ = write!(err, "{question} ");
        let _ = err.flush();
    }

    /// What is wrong in a file, with its lines.
    #[cfg(feature = "account")]
    pub fn snippet(&self, snippet: &crate::snippet::Snippet<'_>) {
        let _ = writeln!(anstream::stderr(), "{}", snippet.render().trim_end());
    }

    /// What went wrong, with the hint apart; in JSON mode the same document that the server sends.
    pub fn failure(&self, problem: &Problem) {
        if self.json {
            self.json_document(&problem.to_body());
            return;
        }
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "{} {}", toned(Tone::Bad, "error:"), problem.detail());
        for (field, texts) in &problem.field_errors().0 {
            for text in texts {
                let _ = writeln!(err, "  {field}: {text}");
            }
        }
        let mut cause = std::error::Error::source(problem);
        while let Some(error) = cause {
            let _ = writeln!(err, "  {} {error}", toned(Tone::Dim, "caused by:"));
            cause = error.source();
        }
        for (name, value) in &problem.to_body().extra {
            let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
            let _ = writeln!(err, "{}\n{pretty}", toned(Tone::Strong, &format!("{name}:")));
        }
        if let Some(hint) = problem.hint() {
            let _ = writeln!(err, "{} {hint}", toned(Tone::Warn, "hint:"));
        }
        let _ = writeln!(err, "{}", toned(Tone::Dim, &format!("problem: {}", problem.code())));
    }
}

/// Rows in columns, two spaces apart; the first row is the heading. Widths count characters.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| visible(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let padding = width - visible(cell);
            let cell = if index == 0 { toned(Tone::Strong, cell) } else { cell.clone() };
            line.push_str(&format!("{cell}{}  ", " ".repeat(padding)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Characters that are seen: escape sequences are not.
fn visible(cell: &str) -> usize {
    anstream::adapter::strip_str(cell).to_string().chars().count()
}

/// Bytes as a person reads them: `1.0 GiB`.
pub fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up_with_colours() {
        let rows = [
            vec!["id".to_owned(), "status".to_owned()],
            vec!["V1".to_owned(), toned(Tone::Good, "pass")],
            vec!["V10".to_owned(), "skipped".to_owned()],
        ];
        let plain = anstream::adapter::strip_str(&table(&rows)).to_string();
        insta::assert_snapshot!(plain, @r"
        id   status
        V1   pass
        V10  skipped
        ");
    }
}
