//! Managed policies: those of an account, and the few of AWS's own that a guide tells people to attach.

use std::collections::BTreeMap;

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};

/// AWS's own, by ARN
/// (<https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>).
const OF_AWS: [(&str, &str); 3] = [
    (
        "arn:aws:iam::aws:policy/AdministratorAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    ),
    (
        "arn:aws:iam::aws:policy/AmazonS3FullAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}"#,
    ),
    (
        "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*","s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]}"#,
    ),
];

/// The document of a policy of AWS's own.
pub(crate) fn of_aws(arn: &str) -> Option<&'static str> {
    OF_AWS.iter().find(|(known, _)| *known == arn).map(|(_, document)| *document)
}

/// One version of a policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    pub(crate) document: String,
    pub(crate) created: Timestamp,
}

/// A customer managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    pub(crate) name: String,
    /// `/` or `/a/b/`.
    pub(crate) path: String,
    /// `ANPA…`
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// By number: `v1` is 1. Never used again.
    pub(crate) versions: BTreeMap<u32, PolicyVersion>,
    pub(crate) default: u32,
    /// The number of the next one.
    pub(crate) next: u32,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

impl ManagedPolicy {
    pub(crate) fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:policy{}{}", self.path, self.name)
    }

    /// The document that has effect.
    pub(crate) fn default_document(&self) -> Option<&str> {
        self.versions.get(&self.default).map(|version| version.document.as_str())
    }
}
