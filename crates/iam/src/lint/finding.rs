//! What a rule found.

use std::fmt;

use serde::Serialize;

use super::mend::Mend;
use crate::decision::Place;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing has to change.
    Note,
    /// Works, and harms: costs, weakens, or breaks later.
    Warning,
    /// Fails on AWS, opens a door, or makes firmware unreadable.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A request that AWS refuses for what a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Its action, e.g. `s3:PutObject`.
    pub action: String,
    /// AWS's error code, e.g. `AccessDenied`.
    pub error: &'static str,
}

/// One thing that is wrong, or worth knowing, in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's: `T01` … `T44`, or a name.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The name of the document: a file, or the address of a Terraform resource.
    pub document: String,
    /// Where.
    pub place: Place,
    /// What is wrong here, in one or two sentences.
    pub message: String,
    /// What AWS does with it.
    pub aws: &'static str,
    /// The requests that AWS refuses for it, as far as the rule can name them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
    /// What to do.
    pub mend: Option<Mend>,
    /// The section of the documentation, e.g. `docs/lint.md#t01`.
    pub docs: String,
}

impl Finding {
    /// The order within a document: from top to bottom.
    pub(crate) fn order(&self) -> (usize, usize, &str) {
        (self.place.line, self.place.column, self.id)
    }
}
