//! What is wrong with a `backend.toml`, with file, line and field.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use firmhold_core::{Code, FieldErrors, Problem};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The field, with dots: `bucket.region`. Empty when the text is no TOML.
    pub field: String,
    /// Where it stands, in bytes.
    pub span: Range<usize>,
    /// A sentence.
    pub says: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// All that is wrong with a file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecErrors {
    /// The file's path, as it was given.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// At least one.
    pub errors: Vec<SpecError>,
}

impl SpecErrors {
    /// Line and column, from 1, at which an error begins; the column in characters.
    pub fn place(&self, error: &SpecError) -> (usize, usize) {
        let before = self.text.get(..error.span.start).unwrap_or(&self.text);
        let (line, column) = before.rsplit_once('\n').map_or((0, before), |(above, rest)| {
            (above.bytes().filter(|byte| *byte == b'\n').count() + 1, rest)
        });
        (line + 1, column.chars().count() + 1)
    }

    fn line(&self, error: &SpecError) -> usize {
        self.place(error).0
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            let field = if error.field.is_empty() { String::new() } else { format!("{}: ", error.field) };
            write!(f, "{gap}{}:{}: {field}{}", self.file.display(), self.line(error), error.says)?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecErrors {}

impl From<SpecErrors> for Problem {
    fn from(errors: SpecErrors) -> Self {
        let mut fields = FieldErrors::new();
        for error in &errors.errors {
            let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let field = if error.field.is_empty() { "toml" } else { &error.field };
            fields.add(field, format!("line {}: {}{hint}", errors.line(error), error.says));
        }
        Self::new(Code::Usage, format!("{} cannot be used", errors.file.display())).with_fields(fields)
    }
}
