//! A setup guide as documents and steps: what its JSON blocks and commands say, linted where they stand.
//!
//! ```
//! use firmhold_iam::guide;
//!
//! let page = "# Lifecycle\n\nOld images become cheap:\n\n{\"Rules\": [{\"Status\": \"Enabled\",\n\
//!     \"Transitions\": [{\"Days\": 90, \"StorageClass\": \"GLACIER\"}]}]}\n";
//! let found = guide::lint("page.md", page);
//! assert!(found.iter().any(|finding| finding.id == "T07" && finding.place.line == 6));
//! ```

mod page;
mod steps;
mod translate;

pub use page::{Block, MAX_BYTES, Page, Part, words};
pub use steps::{Action, Step, steps};
pub use translate::{statement_lines, wanted_headers, with_account, with_bucket, with_principal};

use crate::lint::{self, Document, DocumentKind, Finding, Setting};

/// Lints a page: each block by what it is, and the prose around them. Lines and columns are the page's.
pub fn lint(name: &str, text: &str) -> Vec<Finding> {
    let page = Page::read(text);
    let prose = page.prose();
    let lower = prose.to_ascii_lowercase();
    let setting = Setting {
        complete: true,
        backend_role: false,
        kms: lower.contains("sse-kms") || lower.contains("aws:kms"),
        announced: announced(prose),
        batch_replication: lower.contains("batch replication") || lower.contains("batch operations"),
        ..Setting::default()
    };
    let mut documents = vec![Document::new(name, DocumentKind::Prose, prose)];
    documents.extend(page.blocks().iter().filter_map(|block| document(name, block)));
    lint::lint(&documents, &setting)
}

/// A block as a document; `None` for JSON that is none we know.
pub fn document(name: &str, block: &Block) -> Option<Document> {
    let (kind, text) = match &block.part {
        Part::Command(text) => (DocumentKind::Command, text),
        // What is not JSON may have been any of them: it is read as a policy, and refused as such.
        Part::Json(text) => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => (DocumentKind::detect(text)?, text),
            Err(_) => (DocumentKind::detect(text).unwrap_or(DocumentKind::Identity), text),
        },
    };
    Some(Document::new(name, kind, text.as_str()).at(block.line, block.column))
}

/// More placeholders than any page has.
const MAX_ANNOUNCED: usize = 500;

/// Words of the prose that look like placeholders: the reader is told of them.
fn announced(prose: &str) -> Vec<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let shouted = |text: &&str| text.contains('_') && text.bytes().any(|b| b.is_ascii_uppercase());
    let mut words: Vec<String> = prose.split(word).filter(shouted).map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    words.truncate(MAX_ANNOUNCED);
    words
}
