//! What is to be there in the owner's account, with no choices left in it.
//!
//! [`SpecFile`] is what a person writes (`backend.toml`); [`SpecFile::resolve`] makes a [`Spec`] of it, for one account
//! and one platform.

mod error;
mod file;
mod guard;
mod lifecycle;
mod resolve;

use std::collections::BTreeMap;
use std::fmt;

use firmhold_core::backend::{self, RoleArn};
use firmhold_core::{Backend, Code, Prefix, Problem};
use firmhold_iam::generate::replication_trust;
use firmhold_iam::{BackendShape, ReplicaShape, TrustForm, TrustShape, trust_policy};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use error::{SpecError, SpecErrors};
pub use file::SpecFile;
pub use guard::check_trust;
pub(crate) use guard::{names_everybody, needs_external_id, statements};
pub use lifecycle::{Lifecycle, LifecycleProfile};
pub use resolve::Place;

/// The name of the role's inline policy.
const POLICY_NAME: &str = "firmhold-bucket";
/// That of the replication role's.
const REPLICATION_POLICY_NAME: &str = "firmhold-replication";
/// A session of a role that another role assumed lasts an hour whatever the role says, so more would be no use.
const MAX_SESSION_SECONDS: i32 = 3600;
/// The key of the tag by which roles, keys and buckets are known to be ours.
pub(crate) const MARK: &str = "firmhold";

/// A bucket, its role, and what goes with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The owner's account, twelve digits. Credentials of another one are refused.
    pub account: String,
    /// The backend's name at the platform.
    pub name: String,
    /// The bucket.
    pub bucket: Bucket,
    /// How objects are encrypted unless a request says otherwise.
    pub encryption: Encryption,
    /// What becomes of what is not used any more.
    pub lifecycle: Lifecycle,
    /// The role.
    pub role: Role,
    /// Whom the role trusts.
    pub trust: Trust,
    /// Copies of the bucket that the role may read.
    pub replicas: Vec<Replica>,
    /// A copy that is made and filled.
    pub replication: Option<Replication>,
    /// Where access logs go.
    pub access_logs: Option<AccessLogs>,
    /// What is measured.
    pub monitoring: Monitoring,
}

/// The bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Below which Firmhold works.
    pub prefix: Prefix,
    /// Below which imports may read.
    pub import_prefix: Option<String>,
    /// Whether the role may delete firmware, and not probes alone.
    pub allow_delete: bool,
    /// Tags, for costs.
    pub tags: BTreeMap<String, String>,
    /// Transfer acceleration.
    pub acceleration: bool,
    /// Object Lock with this retention by default.
    pub object_lock: Option<ObjectLock>,
}

/// How long every new version is kept, whoever wants it gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLock {
    /// Who may shorten it.
    pub mode: ObjectLockMode,
    /// Days.
    pub days: i32,
}

impl fmt::Display for ObjectLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            ObjectLockMode::Governance => "governance",
            ObjectLockMode::Compliance => "compliance",
        };
        write!(f, "for {} days ({mode})", self.days)
    }
}

/// Who may delete a version before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectLockMode {
    /// Those with `s3:BypassGovernanceRetention`.
    Governance,
    /// Nobody.
    Compliance,
}

/// A second bucket of the account, which S3 fills.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replication {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Its storage class; the source's if absent.
    pub storage_class: Option<String>,
    /// Within fifteen minutes, with figures, at a price (replication time control).
    pub time_control: bool,
    /// Whether deletions are copied (T14).
    pub delete_markers: bool,
    /// Its key, in its region, when the bucket is encrypted with SSE-KMS.
    pub kms_key_arn: Option<String>,
}

/// Where access logs go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLogs {
    /// A bucket of the same account and region.
    pub bucket: String,
    /// What their keys begin with.
    pub prefix: String,
}

/// What is measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitoring {
    /// Requests below the prefix, by the minute; billed by CloudWatch (T27).
    pub request_metrics: bool,
}

/// The default encryption of the bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum Encryption {
    /// SSE-S3.
    SseS3,
    /// SSE-KMS.
    SseKms {
        /// The key.
        key: Key,
        /// One data key for the bucket instead of one for each object: fewer and cheaper calls to KMS.
        bucket_key: bool,
    },
}

/// Which KMS key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Key {
    /// One that is there, in the bucket's region; perhaps of another account.
    Given {
        /// Its ARN.
        arn: String,
    },
    /// One that is made for this bucket.
    Made {
        /// By which it is found again, with `alias/` in front.
        alias: String,
        /// Days between rotations.
        rotation_days: i32,
        /// Its ARN, once it is there: no part of what is wanted.
        #[serde(skip)]
        arn: Option<String>,
    },
}

/// Stands for the ARN of a key that the plan makes, until it is made.
pub(crate) const KEY_TO_COME: &str = "KEY-MADE-BY-THIS-PLAN";

/// The role that the platform assumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Its name, without a path.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Tags besides our mark.
    pub tags: BTreeMap<String, String>,
    /// Longest session, in seconds (3,600 to 43,200).
    pub max_session_seconds: i32,
    /// The name of its inline policy.
    pub policy_name: String,
}

/// Whom the role trusts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Trust {
    /// Nobody yet: the platform is not known. A role that trusts somebody already keeps its trust policy.
    Nobody,
    /// This role of the platform, with one of these external IDs.
    Platform {
        /// Its ARN.
        principal: String,
        /// One, or two during a rotation.
        external_ids: Vec<String>,
    },
    /// As the platform's operator wrote it down; [`check_trust`] has passed it.
    Document {
        /// The policy.
        document: Value,
    },
}

/// A copy of the bucket in the same account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Its key, when it is encrypted with SSE-KMS.
    pub kms_key_arn: Option<String>,
}

impl Spec {
    /// What a registered backend asks for, in `account`, with a role of this name and nothing beyond it.
    ///
    /// # Errors
    /// [`Code::Usage`] when the backend has no role (it uses static keys), and as [`Spec::check`].
    pub fn of(backend: &Backend, account: &str, role_name: &str) -> Result<Self, Problem> {
        let spec = Self {
            partition: backend.partition.clone(),
            account: account.to_owned(),
            name: backend.name.clone(),
            bucket: Bucket {
                name: backend.bucket.clone(),
                region: backend.region.clone(),
                prefix: backend.prefix.clone(),
                import_prefix: backend.import_prefix.clone(),
                allow_delete: backend.allow_delete,
                tags: BTreeMap::new(),
                acceleration: false,
                object_lock: None,
            },
            encryption: encryption_of(&backend.encryption)?,
            lifecycle: Lifecycle::default(),
            role: Role {
                name: role_name.to_owned(),
                description: description(&backend.bucket, backend.prefix.as_str()),
                tags: BTreeMap::new(),
                max_session_seconds: MAX_SESSION_SECONDS,
                policy_name: POLICY_NAME.to_owned(),
            },
            trust: Trust::of(backend)?,
            replicas: backend.replicas.iter().map(Replica::of).collect(),
            replication: None,
            access_logs: None,
            monitoring: Monitoring::default(),
        };
        spec.check()?;
        Ok(spec)
    }

    /// The role's ARN.
    pub fn role_arn(&self) -> String {
        format!("arn:{}:iam::{}:role/{}", self.partition, self.account, self.role.name)
    }

    /// The bucket's ARN.
    pub fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket.name)
    }

    /// Value of the tag [`MARK`], by which a role or key is known to belong to this backend.
    pub(crate) fn mark(&self) -> String {
        format!("{}/{}", self.bucket.name, self.bucket.prefix)
    }

    /// Of another bucket of the account, with nothing of its own but name and region.
    pub(crate) fn of_bucket(&self, name: &str, region: &str) -> Self {
        Self {
            bucket: Bucket {
                name: name.to_owned(),
                region: region.to_owned(),
                acceleration: false,
                object_lock: None,
                ..self.bucket.clone()
            },
            lifecycle: Lifecycle::of(LifecycleProfile::None),
            replicas: Vec::new(),
            replication: None,
            access_logs: None,
            monitoring: Monitoring::default(),
            ..self.clone()
        }
    }

    /// Of the bucket that `replication` fills.
    pub(crate) fn of_replica(&self, replication: &Replication) -> Self {
        let encryption = match &replication.kms_key_arn {
            Some(arn) => Encryption::SseKms { key: Key::Given { arn: arn.clone() }, bucket_key: true },
            None => Encryption::SseS3,
        };
        Self { encryption, ..self.of_bucket(&replication.bucket, &replication.region) }
    }

    /// Of the role that S3 replicates as.
    pub(crate) fn of_replication_role(&self) -> Self {
        Self {
            role: Role {
                name: format!("{}Replication", self.role.name),
                description: format!("Lets S3 copy what lies in s3://{}", self.mark()),
                policy_name: REPLICATION_POLICY_NAME.to_owned(),
                max_session_seconds: MAX_SESSION_SECONDS,
                ..self.role.clone()
            },
            trust: Trust::Document { document: replication_trust() },
            ..self.clone()
        }
    }

    /// The key's ARN, with SSE-KMS.
    pub(crate) fn key_arn(&self) -> Option<&str> {
        match &self.encryption {
            Encryption::SseS3 => None,
            Encryption::SseKms { key: Key::Given { arn }, .. } => Some(arn),
            Encryption::SseKms { key: Key::Made { arn, .. }, .. } => {
                Some(arn.as_deref().unwrap_or(KEY_TO_COME))
            }
        }
    }

    /// The same, knowing the key of ours that is there.
    pub(crate) fn knowing_key(&self, found: Option<&str>) -> Self {
        let mut spec = self.clone();
        if let Encryption::SseKms { key: Key::Made { arn, .. }, .. } = &mut spec.encryption {
            *arn = found.map(str::to_owned);
        }
        spec
    }

    /// Whether an ARN is of the spec's account.
    pub(crate) fn owns(&self, arn: &str) -> bool {
        arn.split(':').nth(4) == Some(&self.account)
    }

    /// The ARN of an alias of a key.
    pub(crate) fn alias_arn(&self, alias: &str) -> String {
        format!("arn:{}:kms:{}:{}:{alias}", self.partition, self.bucket.region, self.account)
    }

    /// As the policy generators see it.
    pub(crate) fn shape(&self) -> BackendShape {
        let replicas = self.replicas.iter().map(|replica| ReplicaShape {
            bucket: replica.bucket.clone(),
            region: replica.region.clone(),
            kms_key_arn: replica.kms_key_arn.clone(),
        });
        BackendShape {
            import_prefix: self.bucket.import_prefix.clone(),
            kms_key_arn: self.key_arn().map(str::to_owned),
            allow_delete: self.bucket.allow_delete,
            replicas: replicas.collect(),
            config_reads: true,
            ..BackendShape::new(
                &self.partition,
                &self.account,
                &self.bucket.name,
                &self.bucket.region,
                self.bucket.prefix.as_str(),
            )
        }
    }
}

impl Trust {
    /// Of a backend as the platform has it.
    fn of(backend: &Backend) -> Result<Self, Problem> {
        let (Some(principal), Some(first)) = (&backend.principal, &backend.external_id) else {
            return Err(Problem::new(
                Code::Usage,
                format!("backend {} has no role, and so nobody to trust", backend.name),
            ));
        };
        let external_ids = std::iter::once(first).chain(&backend.external_id_next).cloned().collect();
        Ok(Self::Platform { principal: principal.clone(), external_ids })
    }

    /// The trust policy. Of nobody it is one that refuses everybody: a role cannot be without (T17).
    ///
    /// # Errors
    /// [`Code::Usage`] when the principal is no role.
    pub fn document(&self) -> Result<Value, Problem> {
        match self {
            Self::Nobody => Ok(json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Sid": "FirmholdNobodyYet",
                    "Effect": "Deny",
                    "Action": "sts:AssumeRole",
                    "Principal": { "AWS": "*" },
                }],
            })),
            Self::Document { document } => Ok(document.clone()),
            Self::Platform { principal, external_ids } => {
                let role: RoleArn = principal.parse().map_err(|error| {
                    guard::refuse(format!("the platform's principal {principal:?}: {error}"))
                })?;
                let shape = TrustShape {
                    partition: role.partition.clone(),
                    platform_account: role.account.clone(),
                    platform_role_arn: principal.clone(),
                    external_ids: external_ids.clone(),
                };
                Ok(trust_policy(&shape, TrustForm::default()))
            }
        }
    }
}

impl Replica {
    fn of(replica: &backend::Replica) -> Self {
        Self {
            bucket: replica.bucket.clone(),
            region: replica.region.clone(),
            kms_key_arn: replica.kms_key_arn.clone(),
        }
    }
}

fn encryption_of(encryption: &backend::Encryption) -> Result<Encryption, Problem> {
    match encryption {
        backend::Encryption::SseS3 => Ok(Encryption::SseS3),
        backend::Encryption::SseKms { kms_key_arn } => {
            Ok(Encryption::SseKms { key: Key::Given { arn: kms_key_arn.clone() }, bucket_key: true })
        }
        backend::Encryption::None => {
            Err(guard::refuse("encryption `none` is for S3-compatible stores, not for AWS"))
        }
    }
}

fn description(bucket: &str, prefix: &str) -> String {
    format!("Lets Firmhold keep firmware in s3://{bucket}/{prefix}")
}
