//! What the generators need to know, in plain values.

/// One bucket with its role, as far as policies depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendShape {
    /// `aws`, `aws-cn` or `aws-us-gov`; never assumed, because the wrong one makes a policy that grants nothing (T37).
    pub partition: String,
    /// The account that owns bucket and role, twelve digits.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// The bucket's region, e.g. `us-west-2`.
    pub region: String,
    /// Below which all our keys lie; ends with `/`.
    pub prefix: String,
    /// Below which imports may read.
    pub import_prefix: Option<String>,
    /// The key of SSE-KMS; `None` with SSE-S3.
    pub kms_key_arn: Option<String>,
    /// Whether firmware may be deleted, and not our probes alone.
    pub allow_delete: bool,
    /// Copies of the bucket that we read from.
    pub replicas: Vec<ReplicaShape>,
    /// The distribution that may read the bucket.
    pub cdn: Option<CdnShape>,
    /// Whether the role may read the bucket's configuration (checks V10 and V11).
    pub config_reads: bool,
}

impl BackendShape {
    /// A bucket with SSE-S3 and nothing besides; `prefix` ends with `/`.
    ///
    /// ```
    /// use firmhold_iam::{BackendShape, bucket_policy, permission_policy};
    ///
    /// let mut shape = BackendShape::new("aws", "111122223333", "acme-fw", "us-west-2", "firmhold/");
    /// shape.kms_key_arn = Some("arn:aws:kms:us-west-2:111122223333:key/1234".to_owned());
    /// assert!(permission_policy(&shape).to_string().contains("kms:GenerateDataKey"));
    /// assert!(bucket_policy(&shape).to_string().contains("FirmholdDenyOtherKey"));
    /// ```
    pub fn new(partition: &str, account: &str, bucket: &str, region: &str, prefix: &str) -> Self {
        Self {
            partition: partition.to_owned(),
            account: account.to_owned(),
            bucket: bucket.to_owned(),
            region: region.to_owned(),
            prefix: prefix.to_owned(),
            import_prefix: None,
            kms_key_arn: None,
            allow_delete: false,
            replicas: Vec::new(),
            cdn: None,
            config_reads: false,
        }
    }
}

/// A replica of the bucket, in the same account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaShape {
    /// The replica's name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Its key, when it is encrypted with SSE-KMS.
    pub kms_key_arn: Option<String>,
}

/// A CloudFront distribution with origin access control.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CdnShape {
    /// `arn:PARTITION:cloudfront::ACCOUNT:distribution/ID`. `None`: any distribution of the bucket's account.
    pub distribution_arn: Option<String>,
}

/// Whom a backend's role trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustShape {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The platform's account, twelve digits.
    pub platform_account: String,
    /// The platform's role.
    pub platform_role_arn: String,
    /// One external ID, or two during a rotation.
    pub external_ids: Vec<String>,
}
