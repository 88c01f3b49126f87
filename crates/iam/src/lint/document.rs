//! What is linted: a text, its kind, and where it stands.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::tree::{At, Tree};

/// What a document is, and so which rules speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A permission policy of a user or role.
    Identity,
    /// A session policy.
    Session,
    /// A role's trust policy.
    Trust,
    /// A bucket policy.
    Bucket,
    /// A KMS key's policy.
    Key,
    /// An S3 lifecycle configuration.
    Lifecycle,
    /// An S3 replication configuration.
    Replication,
    /// A CloudWatch alarm, as `put-metric-alarm --cli-input-json` takes it.
    Alarm,
    /// A bucket's default encryption.
    Encryption,
    /// The input of `create-bucket`.
    NewBucket,
    /// A shell command.
    Command,
    /// The prose of a guide.
    Prose,
}

impl DocumentKind {
    /// Whether it is a policy, of which kind ever.
    pub fn is_policy(self) -> bool {
        matches!(self, Self::Identity | Self::Session | Self::Trust | Self::Bucket | Self::Key)
    }

    /// What a JSON text is by its members. `None` if it is none of these, or not JSON.
    pub fn detect(text: &str) -> Option<Self> {
        detect(&Tree::read(text).ok()?.root())
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "permission policy",
            Self::Session => "session policy",
            Self::Trust => "trust policy",
            Self::Bucket => "bucket policy",
            Self::Key => "key policy",
            Self::Lifecycle => "lifecycle configuration",
            Self::Replication => "replication configuration",
            Self::Alarm => "alarm",
            Self::Encryption => "default encryption",
            Self::NewBucket => "new bucket",
            Self::Command => "command",
            Self::Prose => "prose",
        })
    }
}

fn detect(root: &At<'_>) -> Option<DocumentKind> {
    if let Some(inner) = wrapped(root) {
        return detect(&inner);
    }
    let has = |name: &str| root.get(name).is_some();
    if let Some(statements) = root.get("Statement") {
        return Some(policy_kind(&statements.items()));
    }
    let rules = root.get("Rules").or_else(|| root.get("Rule"));
    if let Some(rules) = rules {
        let any = |name: &str| rules.items().iter().any(|rule| rule.get(name).is_some());
        return Some(match () {
            () if has("Role") || any("Destination") => DocumentKind::Replication,
            () if any("ApplyServerSideEncryptionByDefault") => DocumentKind::Encryption,
            () => DocumentKind::Lifecycle,
        });
    }
    if has("MetricName") || has("AlarmName") {
        return Some(DocumentKind::Alarm);
    }
    None
}

/// What the AWS CLI prints and takes around a configuration.
pub fn wrapped<'a>(root: &At<'a>) -> Option<At<'a>> {
    ["ReplicationConfiguration", "ServerSideEncryptionConfiguration", "LifecycleConfiguration"]
        .iter()
        .find_map(|name| root.get(name))
        .filter(At::is_object)
}

/// A trust policy names who may assume, and no resource; a bucket policy names who, and what.
fn policy_kind(statements: &[At<'_>]) -> DocumentKind {
    let any = |names: [&str; 2]| {
        statements.iter().any(|statement| names.iter().any(|name| statement.get(name).is_some()))
    };
    let actions: Vec<&str> = statements
        .iter()
        .flat_map(|statement| ["Action", "NotAction"].map(|name| statement.get(name)))
        .flatten()
        .flat_map(|actions| actions.items())
        .filter_map(|action| action.as_text())
        .collect();
    let all = |service: &str| {
        !actions.is_empty() && actions.iter().all(|action| action.to_ascii_lowercase().starts_with(service))
    };
    let principals = any(["Principal", "NotPrincipal"]);
    match () {
        () if all("sts:") && !any(["Resource", "NotResource"]) => DocumentKind::Trust,
        () if principals && all("kms:") => DocumentKind::Key,
        () if principals => DocumentKind::Bucket,
        () => DocumentKind::Identity,
    }
}

/// A document to lint.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) name: String,
    pub(crate) kind: DocumentKind,
    pub(crate) text: String,
    /// Line and column, from 1, of its first byte in the file that it is a part of.
    pub(crate) origin: (usize, usize),
    /// Whose a permission policy is.
    pub(crate) holder: Holder,
    /// Why there is nothing to look at.
    pub(crate) missing: Option<Missing>,
}

/// Whose a permission policy is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Nothing says it: the policy counts together with every other.
    #[default]
    Anybody,
    /// These roles, each once, by what to call them.
    Roles(Vec<Arc<str>>),
    /// Users and groups, and no role.
    NoRole,
}

/// What Terraform prints in the place of a value that it does not know yet.
pub(crate) const KNOWN_AFTER_APPLY: &str = "(known after apply)";

/// Why there is nothing to look at in a document that there will be, or is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Terraform knows it once it has made what the document depends on.
    AfterApply,
    /// A policy that a role has and that is not among the documents; its ARN, if that is known.
    Elsewhere(Option<String>),
}

impl Document {
    /// A text of this kind; `name` is what findings call it by, e.g. the file's.
    pub fn new(name: impl Into<String>, kind: DocumentKind, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            text: text.into(),
            origin: (1, 1),
            holder: Holder::default(),
            missing: None,
        }
    }

    /// One that there is nothing of.
    pub(crate) fn missing(name: String, kind: DocumentKind, missing: Missing) -> Self {
        let text = match &missing {
            Missing::AfterApply => KNOWN_AFTER_APPLY.to_owned(),
            Missing::Elsewhere(arn) => arn.clone().unwrap_or_default(),
        };
        Self { missing: Some(missing), ..Self::new(name, kind, text) }
    }

    pub(crate) fn held_by(mut self, holder: Holder) -> Self {
        self.holder = holder;
        self
    }

    /// The same as a part of a larger file: findings have that file's lines and columns.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.origin = (line, column);
        self
    }

    /// Its kind.
    pub fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_members() {
        use DocumentKind as K;
        for (text, kind) in [
            (r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#, Some(K::Identity)),
            (r#"{"Statement": [{"Principal": "*", "Action": "sts:AssumeRole"}]}"#, Some(K::Trust)),
            (r#"{"Statement": [{"Action": "sts:AssumeRole"}]}"#, Some(K::Trust)),
            (r#"{"Statement": [{"Action": "sts:AssumeRole", "Resource": "*"}]}"#, Some(K::Identity)),
            (r#"{"Statement": [{"Principal": "*", "Action": "kms:*", "Resource": "*"}]}"#, Some(K::Key)),
            (r#"{"Statement": [{"Principal": "*", "Action": "s3:*", "Resource": "*"}]}"#, Some(K::Bucket)),
            (r#"{"Role": "r", "Rules": []}"#, Some(K::Replication)),
            (r#"{"ReplicationConfiguration": {"Role": "r", "Rules": []}}"#, Some(K::Replication)),
            (r#"{"Rules": [{"Transitions": []}]}"#, Some(K::Lifecycle)),
            (r#"{"Rules": [{"ApplyServerSideEncryptionByDefault": {}}]}"#, Some(K::Encryption)),
            (r#"{"AlarmName": "x"}"#, Some(K::Alarm)),
            (r#"{"a": 1}"#, None),
            ("{", None),
        ] {
            assert_eq!(K::detect(text), kind, "{text}");
        }
    }
}
