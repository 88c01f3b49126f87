//! What is wrong in a document, shown at its place: by `miette`, the same for policies, guides and spec files.

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError,
    MietteSpanContents, Report, Severity, SourceCode, SourceSpan, SpanContents,
};

/// Characters in a line of a report.
const WIDTH: usize = 100;
/// Characters of a document's line that are shown: a minified document is one line.
const SHOWN: usize = 90;

/// One thing that is wrong, and where.
pub struct Snippet<'a> {
    /// How bad.
    pub severity: Severity,
    /// Stable, e.g. `error[T17]`.
    pub code: &'a str,
    /// What is wrong, in a sentence.
    pub message: &'a str,
    /// The document's name.
    pub name: &'a str,
    /// The document.
    pub text: &'a str,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What stands there, e.g. `Statement[0].Principal`.
    pub path: &'a str,
    /// What to know and what to do; may have several lines.
    pub help: Option<String>,
}

impl Snippet<'_> {
    /// As text, coloured: the printer strips the colours where the output is no terminal.
    pub fn render(&self) -> String {
        let excerpt = Excerpt::of(self);
        let place = if self.path.is_empty() { "here" } else { self.path };
        let mut diagnostic =
            MietteDiagnostic::new(harmless(self.message)).with_code(self.code).with_severity(self.severity);
        diagnostic = diagnostic.with_label(LabeledSpan::new_primary_with_span(
            Some(harmless(place)),
            excerpt.offset..excerpt.offset,
        ));
        if let Some(help) = &self.help {
            diagnostic = diagnostic.with_help(harmless(help));
        }
        let report = Report::new(diagnostic).with_source_code(excerpt);
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
            .with_width(WIDTH)
            .with_context_lines(0)
            .with_links(false);
        match handler.render_report(&mut text, AsRef::<dyn Diagnostic>::as_ref(&report)) {
            Ok(()) => text,
            Err(_) => format!("{}:{}:{}: {}\n", self.name, self.line, self.column, self.message),
        }
    }
}

/// What a document says, without the codes that would steer a terminal; as many characters as before.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

/// The line that a snippet shows, cut around its place.
#[derive(Debug)]
struct Excerpt {
    name: String,
    shown: String,
    /// From 0, as `miette` counts.
    line: usize,
    column: usize,
    /// Of the place in what is shown, in bytes.
    offset: usize,
}

impl Excerpt {
    fn of(snippet: &Snippet<'_>) -> Self {
        let line = snippet.line.saturating_sub(1);
        let whole = harmless(snippet.text.lines().nth(line).unwrap_or_default());
        let length = whole.chars().count();
        let column = snippet.column.saturating_sub(1).min(length);
        let start = column.saturating_sub(SHOWN / 4).min(length.saturating_sub(SHOWN));
        let lead = if start > 0 { "…" } else { "" };
        let tail = if length > start + SHOWN { "…" } else { "" };
        let cut: String = whole.chars().skip(start).take(SHOWN).collect();
        let before: usize = cut.chars().take(column - start).map(char::len_utf8).sum();
        let offset = lead.len() + before;
        Self { name: harmless(snippet.name), shown: format!("{lead}{cut}{tail}"), line, column, offset }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = SourceSpan::from(0..self.shown.len());
        let data = self.shown.as_bytes();
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, whole, self.line, self.column, 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippet<'a>(text: &'a str, line: usize, column: usize, path: &'a str) -> Snippet<'a> {
        Snippet {
            severity: Severity::Error,
            code: "error[T17]",
            message: "Everybody may do this",
            name: "trust.json",
            text,
            line,
            column,
            path,
            help: Some("AWS: as it says\nmend: name one role".to_owned()),
        }
    }

    fn plain(text: &str, line: usize, column: usize, path: &str) -> String {
        anstream::adapter::strip_str(&snippet(text, line, column, path).render()).to_string()
    }

    #[test]
    fn the_place_is_shown() {
        insta::assert_snapshot!(plain("{\n  \"Größe\": \"*\"}\n", 2, 12, "Größe"), @r#"
        error[T17]

          × Everybody may do this
           ╭─[trust.json:2:12]
         2 │   "Größe": "*"}
           ·            ▲
           ·            ╰── Größe
           ╰────
          help: AWS: as it says
                mend: name one role
        "#);
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        insta::assert_snapshot!(plain(&format!("{}HERE{}", "x".repeat(400), "y".repeat(400)), 1, 401, ""), @r#"
        error[T17]

          × Everybody may do this
           ╭─[trust.json:1:401]
         1 │ …xxxxxxxxxxxxxxxxxxxxxxHEREyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
           ·                        ▲
           ·                        ╰── here
           ╰────
          help: AWS: as it says
                mend: name one role
        "#);
        let end = plain(&format!("{}END", "x".repeat(400)), 1, 401, "");
        assert!(end.contains(" │ …xxx") && end.contains("xxxEND\n"), "{end}");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let mut hostile = snippet("{\"\u{1b}[2J\u{7}\": 1}", 1, 2, "\u{1b}[2J");
        (hostile.message, hostile.name) = ("\u{1b}[2J", "\u{7}");
        let text = hostile.render();
        assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{7}'), "{text:?}");
    }

    #[test]
    fn a_place_outside_the_document_is_survived() {
        for (line, column) in [(0, 0), (1, 9), (7, 1), (1, usize::MAX)] {
            assert!(plain("{}", line, column, "").contains("Everybody may do this"));
        }
    }
}
