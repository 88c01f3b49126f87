//! Backends: a bucket of the organization, and the role that leads to it (API contract 12).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::binary::text_enum;
use crate::{DeliveryMode, Meta, Prefix, Prn, Timestamp};

text_enum! {
    /// Where a backend stands (API contract 12.5).
    BackendState {
        /// Never verified: role missing or not yet trusted.
        PendingTrust "pending_trust",
        /// First run, or run after suspension, in progress.
        Verifying "verifying",
        /// Latest run without a failure.
        Active "active",
        /// Was active; something fails that does not open the role.
        Degraded "degraded",
        /// The role is open to strangers.
        Restricted "restricted",
        /// The bucket has another owner or is gone; or suspended by the organization.
        Suspended "suspended",
    }
}

impl BackendState {
    /// Whether uploads and other writes are taken.
    #[must_use]
    pub const fn takes_writes(self) -> bool {
        matches!(self, Self::Active | Self::Degraded)
    }

    /// Whether links work; `signed` tells if the binary is.
    #[must_use]
    pub const fn serves(self, signed: bool) -> bool {
        matches!((self, signed), (Self::Active | Self::Degraded, _) | (Self::Restricted, true))
    }

    /// Whether it was activated before and has not been suspended since.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Degraded | Self::Restricted)
    }
}

text_enum! {
    /// How external ids are made (design D5).
    ExternalIdMode {
        /// 256 random bits, unique per backend.
        Random "random",
        /// The organization's UUID, as the setup guide has it; guessable and shared (trap T18).
        Organization "organization",
    }
}

text_enum! {
    /// Which platform role assumes the backend's role.
    PrincipalMode {
        /// One for all backends.
        Shared "shared",
        /// One per backend, as in the setup guide.
        PerBackend "per_backend",
    }
}

text_enum! {
    /// How parts are uploaded, found by V7.
    UploadMode {
        /// Straight to the store.
        Direct "direct",
        /// Through the server, which checks what the store does not.
        Proxy "proxy",
    }
}

/// What a store can do, as verification found it: never configured (an extension of API contract 12.2). `None` is not
/// found out yet. Correctness rests on none of these (design D3); they decide how a request is made, and whether clients
/// may be sent straight to the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Takes requests that carry a checksum header at all.
    pub checksum_headers: Option<bool>,
    /// Refuses an object or part that is not what its SHA-256 header says.
    pub checksums_enforced: Option<bool>,
    /// Lists the SHA-256 of an upload's parts.
    pub checksums_listed: Option<bool>,
    /// Takes a body in `aws-chunked` with its checksum behind it.
    pub trailing_checksums: Option<bool>,
    /// Refuses to overwrite when `If-None-Match: *` forbids it.
    pub conditional_writes: Option<bool>,
    /// Answers with the bucket in the host's name.
    pub virtual_hosts: Option<bool>,
    /// Keeps tags of objects.
    pub tags: Option<bool>,
    /// Gave what was written a version.
    pub versions: Option<bool>,
    /// Lists versions.
    pub list_versions: Option<bool>,
    /// Lists open uploads.
    pub list_uploads: Option<bool>,
    /// Knows archived objects and how to restore them.
    pub restore: Option<bool>,
}

impl Capabilities {
    /// Every capability by its name on the wire, in order.
    #[must_use]
    pub const fn entries(&self) -> [(&'static str, Option<bool>); 11] {
        [
            ("checksum_headers", self.checksum_headers),
            ("checksums_enforced", self.checksums_enforced),
            ("checksums_listed", self.checksums_listed),
            ("trailing_checksums", self.trailing_checksums),
            ("conditional_writes", self.conditional_writes),
            ("virtual_hosts", self.virtual_hosts),
            ("tags", self.tags),
            ("versions", self.versions),
            ("list_versions", self.list_versions),
            ("list_uploads", self.list_uploads),
            ("restore", self.restore),
        ]
    }

    /// What a later run found, and where it found nothing out, what was known before.
    #[must_use]
    pub fn updated_by(self, later: Self) -> Self {
        Self {
            checksum_headers: later.checksum_headers.or(self.checksum_headers),
            checksums_enforced: later.checksums_enforced.or(self.checksums_enforced),
            checksums_listed: later.checksums_listed.or(self.checksums_listed),
            trailing_checksums: later.trailing_checksums.or(self.trailing_checksums),
            conditional_writes: later.conditional_writes.or(self.conditional_writes),
            virtual_hosts: later.virtual_hosts.or(self.virtual_hosts),
            tags: later.tags.or(self.tags),
            versions: later.versions.or(self.versions),
            list_versions: later.list_versions.or(self.list_versions),
            list_uploads: later.list_uploads.or(self.list_uploads),
            restore: later.restore.or(self.restore),
        }
    }
}

/// Encryption that objects must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Encryption {
    /// SSE-S3 (AES256).
    SseS3,
    /// SSE-KMS with this key.
    SseKms {
        /// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`; never an id or alias.
        kms_key_arn: String,
    },
    /// By other means; only with an `endpoint_url`.
    None,
}

/// A replica that the organization's replication fills; Firmhold only reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replica {
    /// Its bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Its role; the backend's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The key of that region, when it is SSE-KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

/// How links of a backend are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// See [`DeliveryMode`].
    #[serde(default = "Delivery::default_mode")]
    pub mode: DeliveryMode,
    /// Life of a link, 300 to 604,800 s.
    #[serde(default = "Delivery::default_ttl")]
    pub link_ttl_seconds: u32,
}

impl Delivery {
    const fn default_mode() -> DeliveryMode {
        DeliveryMode::Redirect
    }

    const fn default_ttl() -> u32 {
        86_400
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self { mode: Self::default_mode(), link_ttl_seconds: Self::default_ttl() }
    }
}

/// A backend as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// Short role name: 1–10 of `[a-z0-9-]`, unique in the organization.
    pub name: String,
    /// `s3`.
    pub kind: String,
    /// 3–63 of `[a-z0-9-]`.
    pub bucket: String,
    /// Such as `us-west-2`.
    pub region: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// An S3-compatible store.
    pub endpoint_url: Option<String>,
    /// Address style.
    pub path_style: bool,
    /// AWS's FIPS hosts.
    pub use_fips: bool,
    /// AWS's dual-stack hosts.
    pub use_dualstack: bool,
    /// What of the bucket Firmhold may use.
    pub prefix: Prefix,
    /// What imports may read.
    pub import_prefix: Option<String>,
    /// The role in the bucket owner's account.
    pub role_arn: Option<String>,
    /// Key pair of an S3-compatible store, by name.
    pub credentials_ref: Option<String>,
    /// See [`ExternalIdMode`].
    pub external_id_mode: ExternalIdMode,
    /// The external ID that AssumeRole sends. Not a secret between the two parties, and never editable.
    pub external_id: Option<String>,
    /// The second one during a rotation.
    pub external_id_next: Option<String>,
    /// See [`PrincipalMode`].
    pub principal_mode: PrincipalMode,
    /// ARN of the platform role.
    pub principal: Option<String>,
    /// To be attached to the role as its trust policy.
    pub trust_policy: Option<serde_json::Value>,
    /// To be attached to the role as its inline policy.
    pub permission_policy: serde_json::Value,
    /// To be merged into the bucket policy.
    pub bucket_policy: serde_json::Value,
    /// See [`Encryption`].
    pub encryption: Encryption,
    /// At most three, in fail-over order.
    pub replicas: Vec<Replica>,
    /// A CDN in front of the bucket.
    pub cdn: Option<serde_json::Value>,
    /// See [`Delivery`].
    pub delivery: Delivery,
    /// Wishes from the setup guide, information only.
    pub requested: Option<serde_json::Value>,
    /// Whether the role may delete firmware objects.
    pub allow_delete: bool,
    /// Whether new binaries go here unless something else is said.
    pub default: bool,
    /// See [`BackendState`].
    pub state: BackendState,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// Account of `role_arn`; expected owner of the bucket.
    pub bucket_owner: Option<String>,
    /// See [`UploadMode`].
    pub upload_mode: UploadMode,
    /// See [`Capabilities`].
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Longest life of a store URL, found by V12.
    pub presign_ceiling_seconds: Option<u32>,
    /// Binaries whose content is here.
    pub binary_count: u64,
    /// Bytes of content here, each content once.
    pub stored_bytes: u64,
    /// The latest run.
    pub last_verification: Option<LastVerification>,
}

/// Summary of a backend's latest verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastVerification {
    /// Its name.
    pub prn: Prn,
    /// Whether all checks passed.
    pub status: crate::check::RunStatus,
    /// What started it.
    pub trigger: crate::check::Trigger,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// Body of `POST /backends` and, with `backend_prn`, of `POST /backends/validate`. Unknown keys are errors: a
/// misspelt key here weakens security silently.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateBackend {
    /// See [`Backend::name`].
    pub name: Option<String>,
    /// See [`Backend::kind`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// See [`Backend::bucket`].
    pub bucket: Option<String>,
    /// See [`Backend::region`].
    pub region: Option<String>,
    /// See [`Backend::partition`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// See [`Backend::prefix`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// See [`Backend::endpoint_url`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// See [`Backend::path_style`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    /// See [`Backend::credentials_ref`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// See [`Backend::import_prefix`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_prefix: Option<String>,
    /// See [`Backend::role_arn`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// See [`Backend::external_id_mode`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id_mode: Option<String>,
    /// See [`Backend::principal_mode`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_mode: Option<String>,
    /// See [`Backend::encryption`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<serde_json::Value>,
    /// See [`Backend::replicas`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<serde_json::Value>,
    /// See [`Backend::delivery`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<serde_json::Value>,
    /// See [`Backend::requested`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<serde_json::Value>,
    /// See [`Backend::allow_delete`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_delete: Option<bool>,
    /// See [`Backend::default`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
}

/// An IAM role's ARN, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// Path and name after `role/`.
    pub path_and_name: String,
}

/// The text was not the ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected arn:PARTITION:iam::ACCOUNT:role/NAME with an account of twelve digits")]
pub struct BadRoleArn;

impl FromStr for RoleArn {
    type Err = BadRoleArn;
    fn from_str(text: &str) -> Result<Self, BadRoleArn> {
        let mut fields = text.splitn(6, ':');
        let (Some("arn"), Some(partition), Some("iam"), Some(""), Some(account), Some(resource)) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(BadRoleArn);
        };
        let name = resource.strip_prefix("role/").ok_or(BadRoleArn)?;
        // IAM: names of letters, digits and +=,.@_- ; paths may hold any printable ASCII between slashes.
        let plain = |b: u8| b.is_ascii_graphic();
        if !matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
            || account.len() != 12
            || !account.bytes().all(|b| b.is_ascii_digit())
            || name.is_empty()
            || name.ends_with('/')
            || name.len() > 64 + 512
            || !name.bytes().all(plain)
        {
            return Err(BadRoleArn);
        }
        Ok(Self {
            partition: partition.to_owned(),
            account: account.to_owned(),
            path_and_name: name.to_owned(),
        })
    }
}

impl RoleArn {
    /// The role's name, without its path.
    pub fn name(&self) -> &str {
        self.path_and_name.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:iam::{}:role/{}", self.partition, self.account, self.path_and_name)
    }
}

/// The partition that a region lies in.
pub fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns_are_taken_apart() {
        let arn: RoleArn = "arn:aws:iam::123456789012:role/team/FirmholdBackend".parse().unwrap();
        assert_eq!((arn.account.as_str(), arn.name()), ("123456789012", "FirmholdBackend"));
        assert_eq!(arn.to_string(), "arn:aws:iam::123456789012:role/team/FirmholdBackend");
        for bad in [
            "",
            "arn:aws:iam::1234:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:sts::123456789012:role/x",
            "arn:aws:iam::YOUR_ACCOUNT__:role/x",
        ] {
            assert_eq!(bad.parse::<RoleArn>(), Err(BadRoleArn), "{bad}");
        }
    }

    #[test]
    fn encryption_on_the_wire() {
        let kms = r#"{"mode":"sse-kms","kms_key_arn":"arn:aws:kms:us-west-2:111122223333:key/k"}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Encryption>(kms).unwrap()).unwrap(), kms);
        assert_eq!(serde_json::to_string(&Encryption::SseS3).unwrap(), r#"{"mode":"sse-s3"}"#);
        assert!(serde_json::from_str::<Encryption>(r#"{"mode":"sse-kms"}"#).is_err());
        assert!(
            serde_json::from_str::<Encryption>(r#"{"mode":"sse-kms","kms_key_arn":"x","typo":1}"#).is_err()
        );
    }

    #[test]
    fn a_later_finding_replaces_an_earlier_one() {
        let before = Capabilities { tags: Some(true), restore: Some(false), ..Capabilities::default() };
        let later = Capabilities { tags: Some(false), ..Capabilities::default() };
        let now = before.updated_by(later);
        assert_eq!((now.tags, now.restore, now.versions), (Some(false), Some(false), None));
        let wire = serde_json::to_value(now).unwrap();
        let names: Vec<&str> = wire.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, now.entries().map(|(name, _)| name));
    }

    #[test]
    fn what_each_state_allows() {
        use BackendState::{Active, Degraded, PendingTrust, Restricted, Suspended};
        assert!(Active.takes_writes() && Degraded.takes_writes() && !Restricted.takes_writes());
        assert!(Restricted.serves(true) && !Restricted.serves(false) && !Suspended.serves(true));
        assert!(!PendingTrust.serves(true));
    }
}
