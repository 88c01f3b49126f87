//! Which release wrote a document, and what a later one changes in it.
//!
//! Every document that is attached once and then stays carries a mark: an `Id` like `FirmholdRoleV1`. The `Sid`s stay
//! the same from version to version, so that what is merged by `Sid` replaces and never piles up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

/// The version of the documents that this release makes. Raised whenever one that was released changes.
pub const VERSION: u32 = 1;

/// The documents that are attached once and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Generated {
    /// [`permission_policy`](super::permission_policy)
    Role,
    /// [`trust_policy`](super::trust_policy)
    Trust,
    /// [`bucket_policy`](super::bucket_policy); merged into another document it loses its mark, not its `Sid`s.
    Bucket,
    /// [`platform_policy`](super::platform_policy)
    Platform,
    /// [`replication_permissions`](super::replication_permissions)
    Replication,
    /// [`replication_trust`](super::replication_trust)
    ReplicationTrust,
    /// [`key_policy`](super::key_policy)
    Key,
    /// [`installer_policy`](super::installer_policy)
    Installer,
}

impl Generated {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Role,
        Self::Trust,
        Self::Bucket,
        Self::Platform,
        Self::Replication,
        Self::ReplicationTrust,
        Self::Key,
        Self::Installer,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::Trust => "Trust",
            Self::Bucket => "Bucket",
            Self::Platform => "Platform",
            Self::Replication => "Replication",
            Self::ReplicationTrust => "ReplicationTrust",
            Self::Key => "Key",
            Self::Installer => "Installer",
        }
    }

    /// The mark of this release, e.g. `FirmholdRoleV1`.
    pub fn mark(self) -> String {
        format!("Firmhold{}V{VERSION}", self.name())
    }

    /// A document of this release.
    pub(super) fn document(self, statements: Vec<Value>) -> Value {
        json!({ "Version": "2012-10-17", "Id": self.mark(), "Statement": statements })
    }
}

/// What a document's mark says: which one it is, and of which version. `None` without a mark of ours.
///
/// ```
/// use firmhold_iam::generate::{Generated, version_of};
/// use serde_json::json;
///
/// let live = json!({ "Version": "2012-10-17", "Id": "FirmholdRoleV1", "Statement": [] });
/// assert_eq!(version_of(&live), Some((Generated::Role, 1)));
/// assert_eq!(version_of(&json!({ "Id": "SomebodyElses" })), None);
/// ```
pub fn version_of(document: &Value) -> Option<(Generated, u32)> {
    let mark = document.get("Id")?.as_str()?.strip_prefix("Firmhold")?;
    let (name, version) = mark.rsplit_once('V')?;
    let generated = Generated::ALL.into_iter().find(|generated| generated.name() == name)?;
    Some((generated, version.parse().ok()?))
}

/// What becomes of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementChange {
    /// It is not there yet.
    Added {
        /// Its `Sid`.
        sid: String,
    },
    /// It is not needed any more.
    Removed {
        /// Its `Sid`.
        sid: String,
    },
    /// It is there and says something else.
    Changed {
        /// Its `Sid`.
        sid: String,
        /// Actions that are needed besides.
        more: Vec<String>,
        /// Actions that are not needed any more.
        fewer: Vec<String>,
    },
}

/// How a live document differs from the one that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The version that the live document's mark tells.
    pub from: Option<u32>,
    /// Statement by statement, in the order of the `Sid`s. Statements without one of ours are left out: they are
    /// somebody else's.
    pub statements: Vec<StatementChange>,
    /// The statements that change, line by line, with `-` and `+` in front.
    pub diff: String,
}

impl Changes {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// A sentence for each change, e.g. `FirmholdObjects needs s3:GetObjectAttributes besides`.
    pub fn sentences(&self) -> Vec<String> {
        self.statements.iter().map(sentence).collect()
    }
}

fn sentence(change: &StatementChange) -> String {
    match change {
        StatementChange::Added { sid } => format!("{sid} is missing"),
        StatementChange::Removed { sid } => format!("{sid} is not needed any more"),
        StatementChange::Changed { sid, more, fewer } => {
            let mut said = Vec::new();
            if !more.is_empty() {
                said.push(format!("needs {} besides", more.join(", ")));
            }
            if !fewer.is_empty() {
                said.push(format!("does not need {} any more", fewer.join(", ")));
            }
            if said.is_empty() {
                said.push("has another resource, principal or condition".to_owned());
            }
            format!("{sid} {}", said.join(" and "))
        }
    }
}

/// Compares the statements of ours in a live document with those of the one that is wanted.
///
/// ```
/// use firmhold_iam::generate::changes;
/// use serde_json::json;
///
/// let document = |actions| json!({ "Version": "2012-10-17", "Id": "FirmholdRoleV1", "Statement": [
///     { "Sid": "FirmholdObjects", "Effect": "Allow", "Action": actions, "Resource": "arn:aws:s3:::b/*" }] });
/// let live = document(json!("s3:GetObject"));
/// let wanted = document(json!(["s3:GetObject", "s3:GetObjectAttributes"]));
/// let changes = changes(&live, &wanted);
/// assert_eq!(changes.sentences(), ["FirmholdObjects needs s3:GetObjectAttributes besides"]);
/// assert!(changes.diff.contains("+    \"s3:GetObjectAttributes\""));
/// ```
pub fn changes(live: &Value, wanted: &Value) -> Changes {
    let (before, after) = (ours(live), ours(wanted));
    let mut statements = Vec::new();
    let mut diff = String::new();
    let sids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for sid in sids {
        let change = match (before.get(sid), after.get(sid)) {
            (Some(there), Some(due)) if same(there, due) => continue,
            (Some(there), Some(due)) => {
                let (there, due) = (actions(there), actions(due));
                StatementChange::Changed {
                    sid: sid.clone(),
                    more: due.difference(&there).cloned().collect(),
                    fewer: there.difference(&due).cloned().collect(),
                }
            }
            (None, _) => StatementChange::Added { sid: sid.clone() },
            (_, None) => StatementChange::Removed { sid: sid.clone() },
        };
        statements.push(change);
        line_by_line(before.get(sid).copied(), after.get(sid).copied(), &mut diff);
    }
    Changes { from: version_of(live).map(|(_, version)| version), statements, diff }
}

fn ours(document: &Value) -> BTreeMap<String, &Value> {
    let all = match document.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let named = |statement: &'_ Value| statement.get("Sid").and_then(Value::as_str).map(str::to_owned);
    all.iter()
        .filter_map(|statement| Some((named(statement)?, statement)))
        .filter(|(sid, _)| sid.starts_with("Firmhold"))
        .collect()
}

fn actions(statement: &Value) -> BTreeSet<String> {
    strings(statement.get("Action")).collect()
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    let one = value.filter(|value| value.is_string());
    list.chain(one).filter_map(Value::as_str).map(str::to_owned)
}

/// The same but for order, and for one value written as a list: AWS hands documents back as it likes.
fn same(a: &Value, b: &Value) -> bool {
    plain(a) == plain(b)
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(plain).collect();
            list.sort_by_key(Value::to_string);
            match list.as_slice() {
                [one] => one.clone(),
                _ => Value::Array(list),
            }
        }
        Value::Object(members) => {
            let sorted: BTreeMap<&String, Value> =
                members.iter().map(|(name, member)| (name, plain(member))).collect();
            json!(sorted)
        }
        other => other.clone(),
    }
}

fn line_by_line(before: Option<&Value>, after: Option<&Value>, out: &mut String) {
    let text = |statement: Option<&Value>| {
        statement.and_then(|it| serde_json::to_string_pretty(it).ok()).unwrap_or_default()
    };
    let (before, after) = (text(before), text(after));
    let (mut there, mut due) = (before.lines().peekable(), after.lines().peekable());
    let missing = |line: &str, text: &str| !text.lines().any(|other| same_line(line, other));
    // Statements are short and keep their order, so a line that the other side has anywhere is where both meet.
    loop {
        match (there.peek().copied(), due.peek().copied()) {
            (None, None) => return,
            (Some(old), _) if missing(old, &after) => {
                let _ = writeln!(out, "-{old}");
                there.next();
            }
            (_, Some(new)) if missing(new, &before) => {
                let _ = writeln!(out, "+{new}");
                due.next();
            }
            (old, new) => {
                if let Some(line) = new.or(old) {
                    let _ = writeln!(out, " {line}");
                }
                there.next();
                due.next();
            }
        }
    }
}

fn same_line(a: &str, b: &str) -> bool {
    a.trim_end_matches(',') == b.trim_end_matches(',')
}
