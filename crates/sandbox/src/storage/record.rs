//! The rows of the index: JSON, so that a person can look.

use std::collections::BTreeMap;

use firmhold_core::Timestamp;
use s3s::dto::{
    BucketLifecycleConfiguration, IntelligentTieringConfiguration, MetricsConfiguration,
    NotificationConfiguration, ObjectLockConfiguration, ReplicationConfiguration,
};
use serde::{Deserialize, Serialize};

use super::checksum::StoredChecksum;

/// What the account knows about a bucket, as IAM's decisions and S3's configuration reads need it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BucketFacts {
    /// The bucket's name, unique across accounts.
    pub name: String,
    /// The account that owns it, twelve digits.
    pub owner_account: String,
    /// Where it lives, such as `eu-west-1`.
    pub region: String,
    /// When it was made.
    pub created: Timestamp,
    /// The bucket policy as it was put, byte for byte.
    pub policy: Option<String>,
    /// `None` after DeletePublicAccessBlock.
    pub public_access_block: Option<PublicAccessBlock>,
    /// The `ObjectOwnership` value; `None` after DeleteBucketOwnershipControls.
    pub ownership: Option<String>,
    /// Whether writes keep what was there.
    pub versioning: Versioning,
    /// Applied to objects that name no encryption themselves.
    pub default_encryption: Encryption,
    /// The bucket's own tags.
    pub tags: Vec<(String, String)>,
    /// The lifecycle rules as they were put.
    pub lifecycle: Option<BucketLifecycleConfiguration>,
    /// `TransitionDefaultMinimumObjectSize` of the lifecycle configuration.
    #[serde(default)]
    pub lifecycle_minimum_size: Option<String>,
    /// The replication rules as they were put.
    #[serde(default)]
    pub replication: Option<ReplicationConfiguration>,
    /// Configurations of request metrics, by id.
    #[serde(default)]
    pub metrics: BTreeMap<String, MetricsConfiguration>,
    /// Configurations of the archive tiers of INTELLIGENT_TIERING, by id.
    #[serde(default)]
    pub tiering: BTreeMap<String, IntelligentTieringConfiguration>,
    /// Where server access logs go.
    #[serde(default)]
    pub logging: Option<AccessLogging>,
    /// Whom events are told to.
    #[serde(default)]
    pub notification: Option<NotificationConfiguration>,
    /// `Enabled` or `Suspended`; `None` while transfer acceleration was never switched.
    #[serde(default)]
    pub acceleration: Option<String>,
    /// Object Lock, which once on stays on.
    #[serde(default)]
    pub object_lock: Option<ObjectLockConfiguration>,
}

/// Where a bucket's server access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLogging {
    /// A bucket of the same account and region.
    pub bucket: String,
    /// What the keys of the log objects begin with.
    pub prefix: String,
    /// Of partitioned keys, `EventTime` or `DeliveryTime`; `None` for simple keys.
    pub partitioned_by: Option<String>,
}

impl BucketFacts {
    /// A bucket as AWS makes one since April 2023: all public access blocked, ACLs off, SSE-S3.
    pub fn new(name: &str, owner_account: &str, region: &str, created: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            owner_account: owner_account.to_owned(),
            region: region.to_owned(),
            created,
            policy: None,
            public_access_block: Some(PublicAccessBlock::all()),
            ownership: Some("BucketOwnerEnforced".to_owned()),
            versioning: Versioning::Unversioned,
            default_encryption: Encryption::sse_s3(),
            tags: Vec::new(),
            lifecycle: None,
            lifecycle_minimum_size: None,
            replication: None,
            metrics: BTreeMap::new(),
            tiering: BTreeMap::new(),
            logging: None,
            notification: None,
            acceleration: None,
            object_lock: None,
        }
    }
}

/// The four switches of the public-access block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// Refuse requests that would set a public ACL.
    pub block_public_acls: bool,
    /// Ignore public ACLs.
    pub ignore_public_acls: bool,
    /// Refuse a bucket policy that makes the bucket public.
    pub block_public_policy: bool,
    /// A public policy admits only the owner's account and AWS services.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All four on.
    pub const fn all() -> Self {
        Self {
            block_public_acls: true,
            ignore_public_acls: true,
            block_public_policy: true,
            restrict_public_buckets: true,
        }
    }

    /// What either of two blocks.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }
}

/// The versioning state of a bucket. It never goes back to unversioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// Never switched on.
    Unversioned,
    /// Every write makes a new version.
    Enabled,
    /// Writes replace the version `null` and keep the others.
    Suspended,
}

/// How an object is (said to be) encrypted. The sandbox keeps the words; the bytes stay plain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The key of the KMS forms, as it was named.
    pub kms_key_id: Option<String>,
    /// Whether the bucket-level data key is used.
    pub bucket_key: Option<bool>,
}

impl Encryption {
    /// SSE-S3, the default of every bucket.
    pub fn sse_s3() -> Self {
        Self { algorithm: "AES256".to_owned(), kms_key_id: None, bucket_key: None }
    }

    /// Whether a KMS key is involved. Such an object's ETag is not the MD5 of its bytes.
    pub fn is_kms(&self) -> bool {
        self.algorithm.starts_with("aws:kms")
    }
}

/// What a writer says about an object besides its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// `Content-Type`; S3 answers `binary/octet-stream` when none was given.
    pub content_type: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Expires`.
    pub expires: Option<s3s::dto::Timestamp>,
    /// `x-amz-meta-*`, names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// `x-amz-website-redirect-location`.
    pub website_redirect: Option<String>,
    /// Object tags.
    pub tags: Vec<(String, String)>,
    /// `STANDARD` when none was named.
    pub storage_class: Option<String>,
    /// Object Lock's retention; a new version without one gets the bucket's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Object Lock's legal hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub legal_hold: bool,
}

impl Description {
    /// Whether it asks for a lock.
    pub fn is_locked(&self) -> bool {
        self.legal_hold || self.retention.is_some()
    }
}

/// Until when Object Lock keeps a version, and against whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: String,
    /// When it ends.
    pub until: Timestamp,
}

/// An archived version that is brought back for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// From when on it can be read.
    pub ready: Timestamp,
    /// When the copy goes again.
    pub expires: Timestamp,
}

impl Restore {
    /// Whether the copy is still being made.
    pub fn is_ongoing(&self, now: Timestamp) -> bool {
        now < self.ready
    }

    /// Whether the copy is there.
    pub fn is_there(&self, now: Timestamp) -> bool {
        self.ready <= now && now < self.expires
    }
}

/// How replication stands to a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replication {
    /// It came from another bucket.
    Replica,
    /// It goes to these.
    Source(Vec<CopyTo>),
}

/// One destination of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyTo {
    /// The rule's id.
    pub rule: String,
    /// The destination bucket.
    pub bucket: String,
    /// How far it is.
    pub status: CopyStatus,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyStatus {
    /// Still to be made.
    Pending,
    /// Made.
    Completed,
    /// Given up.
    Failed,
}

impl Replication {
    /// `x-amz-replication-status`: of several copies the least that can be said of all.
    pub fn status(&self) -> &'static str {
        let Self::Source(copies) = self else { return "REPLICA" };
        let any = |status| copies.iter().any(|copy| copy.status == status);
        match (any(CopyStatus::Pending), any(CopyStatus::Failed)) {
            (true, _) => "PENDING",
            (false, true) => "FAILED",
            (false, false) => "COMPLETED",
        }
    }
}

/// A run of an object's bytes: one blob file. A multipart object has one per part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The blob's id, which is its file name.
    pub blob: String,
    /// Bytes in it.
    pub size: u64,
    /// The part's own checksum, for a multipart object that has them.
    pub checksum: Option<String>,
}

/// A version with bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectData {
    /// Length in bytes.
    pub size: u64,
    /// The entity tag without quotes.
    pub etag: String,
    /// The blobs that hold the bytes, in order.
    pub segments: Vec<Segment>,
    /// Whether the segments are the parts of a multipart upload.
    pub multipart: bool,
    /// The checksum S3 keeps beside the object.
    pub checksum: Option<StoredChecksum>,
    /// What the writer said about it.
    pub description: Description,
    /// How it is encrypted.
    pub encryption: Encryption,
}

/// One version of a key: bytes, or the marker that says "deleted".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// 32 characters, or `null` for a write while versioning was not enabled.
    pub version_id: String,
    /// When it was written.
    pub last_modified: Timestamp,
    /// `None` for a delete marker.
    pub object: Option<ObjectData>,
    /// Of an archived version, that it is or was brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// Where it is copied to, or that it is a copy; `None` where no rule spoke of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
}

/// An open multipart upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadRecord {
    /// The upload id.
    pub upload_id: String,
    /// When it was opened.
    pub initiated: Timestamp,
    /// The ARN or account that opened it.
    pub initiator: String,
    /// Checksum algorithm and type, when they were named.
    pub checksum: Option<super::checksum::UploadChecksum>,
    /// What the object will be described with.
    pub description: Description,
    /// How it will be encrypted.
    pub encryption: Encryption,
}

/// An uploaded part of an open upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartRecord {
    /// 1 to 10,000.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// The part's entity tag without quotes.
    pub etag: String,
    /// The blob that holds it.
    pub blob: String,
    /// Its checksum.
    pub checksum: Option<StoredChecksum>,
    /// When it was uploaded.
    pub last_modified: Timestamp,
}
