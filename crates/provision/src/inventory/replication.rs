//! The bucket's replication configuration, byte for byte, with what it needs: the other bucket and the role.

use firmhold_core::Problem;
use serde::Serialize;

use super::{BucketFacts, Fact, RoleFacts};
use crate::journal::Journal;
use crate::owner::Owner;
use crate::spec::Spec;

/// What the read needs.
pub(crate) const LOOKS: &[&str] = &["s3:GetReplicationConfiguration"];

/// What is known of replication.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicationFacts {
    /// The XML, as AWS gave it.
    pub document: Fact<String>,
    /// The bucket that it goes to, if the spec has one.
    pub replica: Option<BucketFacts>,
    /// The role that S3 does it as, if the spec has one.
    pub role: Option<RoleFacts>,
}

impl ReplicationFacts {
    pub(super) fn none() -> Self {
        Self { document: Fact::Absent, replica: None, role: None }
    }

    pub(super) async fn read(
        owner: &Owner,
        spec: &Spec,
        journal: &Journal,
        bucket_is_there: bool,
    ) -> Result<Self, Problem> {
        let document = if bucket_is_there { read(owner, spec).await? } else { Fact::Absent };
        let Some(replication) = &spec.replication else {
            return Ok(Self { document, ..Self::none() });
        };
        let home = spec.of_replica(replication);
        let there = owner.in_region(&replication.region).await?;
        let role = spec.of_replication_role();
        let (replica, role) =
            tokio::try_join!(BucketFacts::read(&there, &home, journal), RoleFacts::read(owner, &role))?;
        Ok(Self { document, replica: Some(replica), role: Some(role) })
    }
}

pub(crate) async fn read(owner: &Owner, spec: &Spec) -> Result<Fact<String>, Problem> {
    let (signed, arn) = (&owner.clients.signed, spec.bucket_arn());
    let mut call = signed.bucket(&spec.bucket.name, "replication", "s3:GetReplicationConfiguration", &arn);
    call.headers.push(("x-amz-expected-bucket-owner", spec.account.clone()));
    let found = signed.read(call, &["ReplicationConfigurationNotFoundError"]).await?;
    Ok(found.map(|answer| answer.text))
}
