//! One step of a plan: what is done to which thing, why, and with whose leave.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use firmhold_core::{Code, Problem};
use serde::{Deserialize, Serialize};

use crate::owner::Owner;
use crate::spec::{KEY_TO_COME, Spec};

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

text_enum! {
    /// Kinds of things in the owner's account.
    Kind {
        /// The KMS key.
        Key "key",
        /// Its name.
        KeyAlias "key alias",
        /// How often KMS renews what is in it.
        KeyRotation "key rotation",
        /// The bucket itself.
        Bucket "bucket",
        /// Its public-access block.
        PublicAccess "public access",
        /// Its object ownership: whether ACLs count.
        Ownership "ownership",
        /// Its default encryption.
        Encryption "encryption",
        /// Its versioning.
        Versioning "versioning",
        /// Its tags.
        Tags "tags",
        /// Its policy.
        BucketPolicy "bucket policy",
        /// Its lifecycle rules.
        Lifecycle "lifecycle",
        /// Figures of its requests.
        RequestMetrics "request metrics",
        /// Its second address.
        Acceleration "acceleration",
        /// How long versions are kept whatever anybody wants.
        ObjectLock "object lock",
        /// Where its access logs go.
        AccessLogs "access logs",
        /// Its replication rules.
        Replication "replication",
        /// The role that the platform assumes.
        Role "role",
        /// That role's permissions.
        RolePolicy "role policy",
    }
}

text_enum! {
    /// What is done to a thing.
    Verb {
        /// It is not there and is made.
        Create "create",
        /// It is there and is changed.
        Change "change",
        /// It is ours and is removed.
        Remove "remove",
    }
}

text_enum! {
    /// Changes that concern what others keep in the bucket: each must be accepted by its name.
    Switch {
        /// From now on every overwritten or deleted object of theirs stays as a version, which costs.
        Versioning "versioning",
        /// Their ACLs stop to count.
        Ownership "ownership",
        /// What they made public is not public any more.
        PublicAccess "public-access",
        /// New objects of theirs are encrypted in another way.
        Encryption "encryption",
        /// Their requests on plain HTTP or old TLS are refused.
        Tls "tls",
        /// New versions of theirs cannot be deleted before their time.
        ObjectLock "object-lock",
    }
}

impl FromStr for Switch {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|switch| switch.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|switch| switch.as_str()).collect();
            format!("no such switch; there are {}", names.join(", "))
        })
    }
}

/// One step of a plan.
#[derive(Debug, Serialize)]
pub struct Change {
    /// What kind of thing.
    pub kind: Kind,
    /// Which one: an ARN.
    pub target: String,
    /// What is done to it.
    pub verb: Verb,
    /// What exactly, with what was there before.
    pub says: String,
    /// Why.
    pub why: String,
    /// The name by which it must be accepted, if it concerns others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Switch>,
    /// The IAM actions that it needs on its target.
    pub needs: Vec<String>,
    #[serde(skip)]
    pub(crate) operation: Box<dyn Operation>,
}

impl Change {
    pub(crate) fn new(
        verb: Verb,
        kind: Kind,
        target: impl Into<String>,
        says: impl Into<String>,
        operation: impl Operation + 'static,
    ) -> Self {
        Self {
            kind,
            target: target.into(),
            verb,
            says: says.into(),
            why: String::new(),
            accept: None,
            needs: Vec::new(),
            operation: Box::new(operation),
        }
    }

    /// With its reason.
    #[must_use]
    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// With the IAM actions that it needs, those that read it back included.
    #[must_use]
    pub(crate) fn needing(mut self, actions: &[&str]) -> Self {
        self.needs = actions.iter().map(|action| (*action).to_owned()).collect();
        self
    }

    /// To be accepted by name, if `concerned`.
    #[must_use]
    pub(crate) fn accepted_by(mut self, switch: Switch, concerned: bool) -> Self {
        self.accept = concerned.then_some(switch);
        self
    }
}

/// What carries a change out. INVARIANT: it may run again at any time: a run that was killed in it, or right behind it,
/// is followed by one that plans anew, and what is as it should be is never made twice.
#[async_trait]
pub(crate) trait Operation: fmt::Debug + Send + Sync {
    /// Writes, and reads back.
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem>;
}

/// Where an operation runs.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) owner: &'a Owner,
    pub(crate) spec: &'a Spec,
    /// The key that this run has made.
    made_key: Mutex<Option<String>>,
}

impl<'a> Site<'a> {
    pub(crate) const fn new(owner: &'a Owner, spec: &'a Spec) -> Self {
        Self { owner, spec, made_key: Mutex::new(None) }
    }

    /// Another bucket's or role's, in the same run.
    pub(crate) fn with<'b>(&self, owner: &'b Owner, spec: &'b Spec) -> Site<'b> {
        Site { owner, spec, made_key: Mutex::new(self.made_key()) }
    }

    /// Notes the ARN of the key that was made.
    pub(crate) fn note_key(&self, arn: &str) {
        *self.made_key.lock().unwrap_or_else(PoisonError::into_inner) = Some(arn.to_owned());
    }

    fn made_key(&self) -> Option<String> {
        self.made_key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key's ARN: as it was found, or of the one that was made.
    pub(crate) fn key(&self, found: Option<&str>) -> Result<String, Problem> {
        let key = found.map(str::to_owned).or_else(|| self.made_key());
        key.ok_or_else(|| Problem::new(Code::StateForbids, "the plan's key has not been made"))
    }

    /// `text` with the ARN of the key that was made in the place that waits for it.
    pub(crate) fn fill(&self, text: &str) -> Result<String, Problem> {
        if !text.contains(KEY_TO_COME) {
            return Ok(text.to_owned());
        }
        Ok(text.replace(KEY_TO_COME, &self.key(None)?))
    }
}
