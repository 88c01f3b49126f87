//! Policies from files and from standard input.

use std::io::Read as _;
use std::path::Path;

use firmhold_core::{Code, Problem};
use firmhold_iam::lint::{Document, DocumentKind, documents_of_plan};

/// No document or plan that people write is larger.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The text of a file; `-` is standard input.
///
/// # Errors
/// [`Code::LocalFile`] if it cannot be read, is too large or no UTF-8.
pub fn read(path: &Path) -> Result<String, Problem> {
    let shown = path.display();
    let failed = |error| Problem::new(Code::LocalFile, format!("{shown} cannot be read")).caused_by(error);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Problem::new(Code::LocalFile, format!("{shown} is longer than {MAX_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| Problem::new(Code::LocalFile, format!("{shown} is not UTF-8 text")))?;
    // Editors on Windows put a byte order mark in front.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// What to call a file in findings.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// The documents of a file: those of a Terraform plan, or the one that it is. What is none that we know is read as
/// a permission policy, so that its fault becomes a finding with a place.
pub fn of_file(path: &Path, kind: Option<DocumentKind>) -> Result<Vec<Document>, Problem> {
    let text = read(path)?;
    if kind.is_none() && is_plan(&text) {
        return documents_of_plan(&text).map_err(|error| {
            Problem::new(Code::Usage, format!("{} is not a Terraform plan", path.display())).caused_by(error)
        });
    }
    let kind = kind.or_else(|| DocumentKind::detect(&text)).unwrap_or(DocumentKind::Identity);
    Ok(vec![Document::new(name(path), kind, text)])
}

/// `terraform show -json` says its version first.
fn is_plan(text: &str) -> bool {
    let head: String = text.chars().take(4096).collect();
    text.trim_start().starts_with('{')
        && (head.contains("\"terraform_version\"") || head.contains("\"planned_values\""))
}
