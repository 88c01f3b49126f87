//! A role of a sandbox account, as IAM keeps it.

use std::collections::{BTreeMap, BTreeSet};

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};

/// A role: who may assume it, and what a session of it may do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    /// `/` or `/a/b/`.
    pub(crate) path: String,
    /// `AROA…`, new for each creation: a session of a deleted role does not work for its namesake.
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    /// Seconds, 3,600 to 43,200.
    pub(crate) max_session_duration: u32,
    pub(crate) created: Timestamp,
    /// The trust policy's text, as it was given.
    pub(crate) trust: String,
    /// Inline policies by name, as they were given.
    #[serde(default)]
    pub(crate) policies: BTreeMap<String, String>,
    /// ARNs of attached managed policies.
    #[serde(default)]
    pub(crate) attached: BTreeSet<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

impl Role {
    /// The role's ARN in its account.
    pub(crate) fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:role{}{}", self.path, self.name)
    }
}
