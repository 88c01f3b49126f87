//! What is there in the owner's account, a file for each kind of thing. Documents are kept byte for byte as AWS gave
//! them.

mod bucket;
mod fact;
mod key;
mod lifecycle;
mod replication;
mod role;
mod settings;

use firmhold_core::Problem;
use serde::Serialize;

pub use bucket::{BucketFacts, DefaultEncryption, Found, Holdings};
pub use fact::Fact;
pub use key::KeyFound;
pub use lifecycle::LifecycleDocument;
pub use replication::ReplicationFacts;
pub use role::{RoleFacts, RoleFound};
pub use settings::{LogTarget, SettingsFacts};

use crate::journal::Journal;
use crate::owner::Owner;
use crate::spec::Spec;

pub(crate) use bucket::{LOOKS as BUCKET_LOOKS, reads as bucket_reads};
pub(crate) use key::{LOOKS as KEY_LOOKS, read as read_key, reads as key_reads};
pub(crate) use lifecycle::{LOOKS as LIFECYCLE_LOOKS, MINIMUM_SIZE, read as read_lifecycle};
pub(crate) use replication::{LOOKS as REPLICATION_LOOKS, read as read_replication};
pub(crate) use role::{LOOKS as ROLE_LOOKS, reads as role_reads};
pub(crate) use settings::{LOOKS as SETTINGS_LOOKS, METRICS_ID, reads as settings_reads};

/// All that a plan depends on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inventory {
    /// The key.
    pub key: Fact<KeyFound>,
    /// The bucket.
    pub bucket: BucketFacts,
    /// Its lifecycle rules.
    pub lifecycle: Fact<LifecycleDocument>,
    /// Settings that a spec may leave to the owner.
    pub settings: SettingsFacts,
    /// Its replication.
    pub replication: ReplicationFacts,
    /// The bucket that takes its access logs, if the spec has one.
    pub log_bucket: Option<BucketFacts>,
    /// The role.
    pub role: RoleFacts,
}

impl Inventory {
    /// Of an account that has nothing yet.
    pub fn empty() -> Self {
        Self {
            key: Fact::Absent,
            bucket: BucketFacts::none(Found::Nothing),
            lifecycle: Fact::Absent,
            settings: SettingsFacts::none(),
            replication: ReplicationFacts::none(),
            log_bucket: None,
            role: RoleFacts::none(),
        }
    }

    /// Of an account that has nothing but what `spec` expects to be there: a bucket for its access logs.
    pub(crate) fn empty_for(spec: &Spec) -> Self {
        let replication = ReplicationFacts {
            document: Fact::Absent,
            replica: spec.replication.as_ref().map(|_| BucketFacts::none(Found::Nothing)),
            role: spec.replication.as_ref().map(|_| RoleFacts::none()),
        };
        let log_bucket = spec.access_logs.as_ref().map(|_| BucketFacts::none(Found::Ours));
        Self { replication, log_bucket, ..Self::empty() }
    }

    /// Looks at everything that `spec` is about. `journal` remembers what we began to make.
    ///
    /// # Errors
    /// [`Code::Usage`](firmhold_core::Code::Usage) for credentials of another account,
    /// [`Code::StoreFailed`](firmhold_core::Code::StoreFailed) when AWS fails. What is denied is no error: it is a
    /// [`Fact::Denied`].
    pub async fn read(owner: &Owner, spec: &Spec, journal: &Journal) -> Result<Self, Problem> {
        owner.must_own(spec)?;
        let (key, bucket, role) = tokio::try_join!(
            read_key(owner, spec),
            BucketFacts::read(owner, spec, journal),
            RoleFacts::read(owner, spec)
        )?;
        let is_there = bucket.found == Found::Ours;
        let (lifecycle, settings) = if is_there {
            tokio::try_join!(read_lifecycle(owner, spec), SettingsFacts::read(owner, spec))?
        } else {
            (Fact::Absent, SettingsFacts::none())
        };
        let replication = ReplicationFacts::read(owner, spec, journal, is_there).await?;
        let log_bucket = match &spec.access_logs {
            None => None,
            Some(logs) => {
                let home = spec.of_bucket(&logs.bucket, &spec.bucket.region);
                Some(BucketFacts::read(owner, &home, journal).await?)
            }
        };
        Ok(Self { key, bucket, lifecycle, settings, replication, log_bucket, role })
    }
}
