//! The bucket and its settings.

use std::collections::BTreeMap;

use firmhold_core::Problem;
use serde::Serialize;

use super::Fact;
use crate::change::Kind;
use crate::journal::Journal;
use crate::owner::Owner;
use crate::spec::{MARK, Spec};

/// What the reads need.
pub(crate) const LOOKS: &[&str] = &[
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:ListBucket",
    "s3:ListBucketVersions",
];

/// What is known of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketFacts {
    /// Whether there is one of this name, and whose.
    pub found: Found,
    /// Whether a run of ours made it: its tag says so, or the journal does.
    pub made_by_us: bool,
    /// What lies in it.
    pub holds: Fact<Holdings>,
    /// `BlockPublicAcls`, `IgnorePublicAcls`, `BlockPublicPolicy`, `RestrictPublicBuckets`.
    pub public_access_block: Fact<[bool; 4]>,
    /// `BucketOwnerEnforced` and its like.
    pub ownership: Fact<String>,
    /// Default encryption.
    pub encryption: Fact<DefaultEncryption>,
    /// `Enabled` or `Suspended`; absent if it was never on.
    pub versioning: Fact<String>,
    /// Tags.
    pub tags: Fact<BTreeMap<String, String>>,
    /// The policy, as AWS gave it.
    pub policy: Fact<String>,
}

/// Whose a bucket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// There is none.
    Nothing,
    /// The account's, in the right region.
    Ours,
    /// The account's, in this region.
    Elsewhere(String),
    /// Somebody else's, or one that we may not see.
    Foreign,
}

/// What lies in a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Holdings {
    /// Objects below our prefix.
    pub ours: bool,
    /// Others.
    pub foreign: bool,
}

/// A bucket's default encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DefaultEncryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The key, as it was named.
    pub key: Option<String>,
    /// Whether there is one data key for the whole bucket.
    pub bucket_key: bool,
}

impl DefaultEncryption {
    /// For a person.
    pub(crate) fn describe(&self) -> String {
        match &self.key {
            Some(key) => format!("{} with {key}", self.algorithm),
            None => self.algorithm.clone(),
        }
    }
}

impl BucketFacts {
    pub(super) async fn read(owner: &Owner, spec: &Spec, journal: &Journal) -> Result<Self, Problem> {
        let found = reads::find(owner, spec).await?;
        if found != Found::Ours {
            return Ok(Self::none(found));
        }
        let (holds, public_access_block, ownership, encryption, versioning, tags, policy) = tokio::try_join!(
            reads::holdings(owner, spec),
            reads::public_access_block(owner, spec),
            reads::ownership(owner, spec),
            reads::encryption(owner, spec),
            reads::versioning(owner, spec),
            reads::tags(owner, spec),
            reads::policy(owner, spec),
        )?;
        let marked = tags.known().is_some_and(|tags| tags.contains_key(MARK));
        Ok(Self {
            found,
            made_by_us: marked || journal.has_made(Kind::Bucket, &spec.bucket_arn()),
            holds,
            public_access_block,
            ownership,
            encryption,
            versioning,
            tags,
            policy,
        })
    }

    pub(super) fn none(found: Found) -> Self {
        Self {
            found,
            made_by_us: false,
            holds: Fact::Absent,
            public_access_block: Fact::Absent,
            ownership: Fact::Absent,
            encryption: Fact::Absent,
            versioning: Fact::Absent,
            tags: Fact::Absent,
            policy: Fact::Absent,
        }
    }

    /// Whether others keep objects in it, so that a switch of the whole bucket concerns them. Who may not look has to
    /// assume it.
    pub(crate) fn is_shared(&self) -> bool {
        match &self.holds {
            Fact::Known(holds) => holds.foreign,
            Fact::Absent => false,
            Fact::Denied(_) => true,
        }
    }
}

/// The reads, one by one: operations use them to read back what they wrote.
pub(crate) mod reads {
    use aws_sdk_s3::types::{BucketVersioningStatus, ServerSideEncryptionRule};

    use super::{BTreeMap, DefaultEncryption, Fact, Found, Holdings, Owner, Problem, Spec};
    use crate::refusal::{fact, problem, status_of};

    /// One read of the bucket with its expected owner (T36), as a fact.
    macro_rules! read {
        ($owner:ident, $spec:ident, $call:ident, $action:literal, $absent:expr) => {{
            let call = $owner.clients.s3.$call().bucket(&$spec.bucket.name);
            let answer = call.expected_bucket_owner(&$spec.account).send().await;
            fact($absent, $action, &$spec.bucket_arn(), answer)
        }};
    }

    /// Asks with the expected owner, so that a bucket of somebody else's is not taken for ours (T36).
    pub(crate) async fn find(owner: &Owner, spec: &Spec) -> Result<Found, Problem> {
        let head = owner.clients.s3.head_bucket().bucket(&spec.bucket.name);
        let elsewhere = |region: &str| match region == spec.bucket.region {
            true => None,
            false => Some(Found::Elsewhere(region.to_owned())),
        };
        match head.expected_bucket_owner(&spec.account).send().await {
            Ok(found) => Ok(found.bucket_region().and_then(elsewhere).unwrap_or(Found::Ours)),
            Err(error) => match status_of(&error) {
                Some(404) => Ok(Found::Nothing),
                Some(403) => Ok(Found::Foreign),
                Some(301 | 400) => {
                    let answer = error.raw_response();
                    let region = answer.and_then(|answer| answer.headers().get("x-amz-bucket-region"));
                    match region.and_then(elsewhere) {
                        Some(found) => Ok(found),
                        None => Err(problem("s3:ListBucket", &spec.bucket_arn(), error)),
                    }
                }
                _ => Err(problem("s3:ListBucket", &spec.bucket_arn(), error)),
            },
        }
    }

    /// Three keys tell whether there is anything below the prefix, before it and behind it. Versions count: a bucket
    /// whose objects were all deleted still holds them.
    pub(crate) async fn holdings(owner: &Owner, spec: &Spec) -> Result<Fact<Holdings>, Problem> {
        let prefix = spec.bucket.prefix.as_str();
        let mut holds = Holdings::default();
        // Keys are listed in the order of their bytes: the first of all, and the first behind our prefix.
        for after in [None, Some(format!("{prefix}\u{10FFFF}"))] {
            let call = owner.clients.s3.list_object_versions().bucket(&spec.bucket.name).max_keys(1);
            let call = call.expected_bucket_owner(&spec.account).set_key_marker(after);
            let page = match fact(&[], "s3:ListBucketVersions", &spec.bucket_arn(), call.send().await)? {
                Fact::Known(page) => page,
                Fact::Absent => continue,
                Fact::Denied(action) => return Ok(Fact::Denied(action)),
            };
            let versions = page.versions.unwrap_or_default().into_iter().filter_map(|version| version.key);
            let markers = page.delete_markers.unwrap_or_default().into_iter().filter_map(|marker| marker.key);
            for key in versions.chain(markers) {
                holds.ours |= key.starts_with(prefix);
                holds.foreign |= !key.starts_with(prefix);
            }
        }
        if !holds.ours {
            let call = owner.clients.s3.list_object_versions().bucket(&spec.bucket.name).max_keys(1);
            let answer = call.prefix(prefix).expected_bucket_owner(&spec.account).send().await;
            let page = fact(&[], "s3:ListBucketVersions", &spec.bucket_arn(), answer)?;
            holds.ours = page
                .known()
                .is_some_and(|page| !page.versions().is_empty() || !page.delete_markers().is_empty());
        }
        Ok(Fact::Known(holds))
    }

    /// The four switches, in the order of the API.
    pub(crate) async fn public_access_block(owner: &Owner, spec: &Spec) -> Result<Fact<[bool; 4]>, Problem> {
        let absent = &["NoSuchPublicAccessBlockConfiguration"];
        let found = read!(owner, spec, get_public_access_block, "s3:GetBucketPublicAccessBlock", absent)?;
        Ok(found.and_then(|answer| answer.public_access_block_configuration).map(|block| {
            let on = |switch: Option<bool>| switch.unwrap_or(false);
            [
                on(block.block_public_acls),
                on(block.ignore_public_acls),
                on(block.block_public_policy),
                on(block.restrict_public_buckets),
            ]
        }))
    }

    pub(crate) async fn ownership(owner: &Owner, spec: &Spec) -> Result<Fact<String>, Problem> {
        let absent = &["OwnershipControlsNotFoundError"];
        let found =
            read!(owner, spec, get_bucket_ownership_controls, "s3:GetBucketOwnershipControls", absent)?;
        Ok(found
            .and_then(|answer| answer.ownership_controls?.rules.into_iter().next())
            .map(|rule| rule.object_ownership.as_str().to_owned()))
    }

    pub(crate) async fn encryption(owner: &Owner, spec: &Spec) -> Result<Fact<DefaultEncryption>, Problem> {
        let absent = &["ServerSideEncryptionConfigurationNotFoundError"];
        let found = read!(owner, spec, get_bucket_encryption, "s3:GetEncryptionConfiguration", absent)?;
        let described = |rule: ServerSideEncryptionRule| {
            let bucket_key = rule.bucket_key_enabled.unwrap_or(false);
            rule.apply_server_side_encryption_by_default.map(|default| DefaultEncryption {
                algorithm: default.sse_algorithm.as_str().to_owned(),
                key: default.kms_master_key_id,
                bucket_key,
            })
        };
        Ok(found.and_then(|answer| {
            answer.server_side_encryption_configuration?.rules.into_iter().next().and_then(described)
        }))
    }

    pub(crate) async fn versioning(owner: &Owner, spec: &Spec) -> Result<Fact<String>, Problem> {
        let found = read!(owner, spec, get_bucket_versioning, "s3:GetBucketVersioning", &[])?;
        Ok(found
            .and_then(|answer| answer.status)
            .map(|status: BucketVersioningStatus| status.as_str().to_owned()))
    }

    pub(crate) async fn tags(owner: &Owner, spec: &Spec) -> Result<Fact<BTreeMap<String, String>>, Problem> {
        let found = read!(owner, spec, get_bucket_tagging, "s3:GetBucketTagging", &["NoSuchTagSet"])?;
        Ok(found.map(|answer| answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()))
    }

    pub(crate) async fn policy(owner: &Owner, spec: &Spec) -> Result<Fact<String>, Problem> {
        let found = read!(owner, spec, get_bucket_policy, "s3:GetBucketPolicy", &["NoSuchBucketPolicy"])?;
        Ok(found.and_then(|answer| answer.policy))
    }
}
