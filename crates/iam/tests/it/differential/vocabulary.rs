//! The few words that the cases are made of, so that documents and requests meet often.

use firmhold_iam::tables::{self, ValueType};

pub const OWNER: &str = "111122223333";
pub const STRANGER: &str = "444455556666";
pub const PLATFORM: &str = "999999999999";

/// The S3, STS and KMS actions that we use, with what they work on, and some that lie next to them.
pub const ACTIONS: [(&str, Works); 28] = [
    ("s3:GetObject", Works::Object),
    ("s3:GetObjectVersion", Works::Object),
    ("s3:GetObjectTagging", Works::Object),
    ("s3:PutObject", Works::Object),
    ("s3:PutObjectTagging", Works::Object),
    ("s3:PutObjectAcl", Works::Object),
    ("s3:DeleteObject", Works::Object),
    ("s3:DeleteObjectVersion", Works::Object),
    ("s3:RestoreObject", Works::Object),
    ("s3:AbortMultipartUpload", Works::Object),
    ("s3:ListMultipartUploadParts", Works::Object),
    ("s3:ReplicateObject", Works::Object),
    ("s3:GetObjectVersionForReplication", Works::Object),
    ("s3:ListBucket", Works::Bucket),
    ("s3:ListBucketVersions", Works::Bucket),
    ("s3:ListBucketMultipartUploads", Works::Bucket),
    ("s3:GetBucketLocation", Works::Bucket),
    ("s3:GetLifecycleConfiguration", Works::Bucket),
    ("s3:GetReplicationConfiguration", Works::Bucket),
    ("s3:PutBucketPolicy", Works::Bucket),
    ("s3:ListAllMyBuckets", Works::Nothing),
    ("kms:Decrypt", Works::Key),
    ("kms:GenerateDataKey", Works::Key),
    ("kms:Encrypt", Works::Key),
    ("kms:DescribeKey", Works::Key),
    ("sts:AssumeRole", Works::Role),
    ("sts:TagSession", Works::Role),
    ("sts:GetCallerIdentity", Works::Nothing),
];

/// What an action works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Works {
    Object,
    Bucket,
    Key,
    Role,
    Nothing,
}

pub const OBJECT_KEYS: [&str; 7] = [
    "firmhold/a.bin",
    "firmhold/binaries/sha256/ab",
    "other/a.bin",
    "Firmhold/a.bin",
    "home/alice/x",
    "home//x",
    "firmhold/q?",
];

/// A condition key and what it may be in a request; a policy has the same values and some more.
pub struct Key {
    pub name: &'static str,
    pub given: &'static [&'static str],
    /// What else policies compare it with.
    pub compared: &'static [&'static str],
}

const fn key(name: &'static str, given: &'static [&'static str], compared: &'static [&'static str]) -> Key {
    Key { name, given, compared }
}

const DATES: &[&str] = &["2026-11-24T10:00:00Z", "2027-01-01T00:00:00Z"];
const MORE_DATES: &[&str] = &["2026-11-24T11:00:00+01:00", "2026-12-01", "2020-01-01T00:00:00Z"];
const KEY_ARNS: &[&str] =
    &["arn:aws:kms:us-west-2:111122223333:key/k1", "arn:aws:kms:us-west-2:444455556666:key/k2"];
const KEY_PATTERNS: &[&str] =
    &["arn:aws:kms:*:111122223333:key/*", "arn:aws:kms:us-west-2:*:key/k?", "arn:aws:kms:*:key/k1"];

/// Keys that a request carries or not.
pub const KEYS: [Key; 36] = [
    key("aws:SecureTransport", &["true", "false"], &[]),
    key(
        "aws:SourceIp",
        &["203.0.113.7", "198.51.100.9", "2001:db8::7"],
        &["203.0.113.0/24", "2001:db8::/32", "198.51.100.9/32", "0.0.0.0/0", "::/0"],
    ),
    key("aws:SourceVpce", &["vpce-1a", "vpce-2b"], &["vpce-*"]),
    key("aws:PrincipalOrgID", &["o-acme", "o-other"], &["${aws:ResourceOrgID}"]),
    key("aws:ResourceOrgID", &["o-acme", "o-other"], &["${aws:PrincipalOrgID, 'o-acme'}"]),
    key("aws:PrincipalTag/team", &["blue", "red", "b*e"], &["b*", "BLUE", "${s3:ExistingObjectTag/team}"]),
    key("aws:CurrentTime", DATES, MORE_DATES),
    key("aws:EpochTime", &["1795514400", "1798761600"], &["1700000000", "2026-12-01"]),
    key("aws:TokenIssueTime", DATES, MORE_DATES),
    key("aws:MultiFactorAuthAge", &["10", "3600"], &["600", "10.0"]),
    key("aws:MultiFactorAuthPresent", &["true", "false"], &["${aws:ViaAWSService}"]),
    key("aws:ViaAWSService", &["true", "false"], &[]),
    key("aws:CalledVia", &["athena.amazonaws.com", "cloudformation.amazonaws.com"], &["*.amazonaws.com"]),
    key(
        "aws:PrincipalOrgPaths",
        &["o-acme/r-1/ou-1/", "o-acme/r-1/ou-2/"],
        &["o-acme/*", "o-acme/r-1/ou-?/"],
    ),
    key(
        "aws:SourceArn",
        &["arn:aws:cloudfront::111122223333:distribution/E1", "arn:aws:s3:::acme-fw"],
        &[
            "arn:aws:cloudfront::111122223333:distribution/*",
            "arn:aws:cloudfront::*:distribution/E1",
            "arn:*:s3:::*",
        ],
    ),
    key("aws:SourceAccount", &["111122223333", "444455556666"], &["${aws:ResourceAccount}"]),
    key("aws:UserAgent", &["aws-cli/2.0", "QUJD"], &["aws-cli/*", "AWS-CLI/2.0", "${*}", "aws-cli/?.?"]),
    key(
        "s3:prefix",
        &["firmhold/", "other/", "firmhold/a", "*"],
        &["firmhold/*", "${aws:username}/*", "${*}", "*"],
    ),
    key("s3:delimiter", &["/"], &[]),
    key("s3:max-keys", &["10", "1000"], &["100"]),
    key("s3:x-amz-acl", &["private", "public-read"], &["Public-Read", "public-*"]),
    key("s3:x-amz-server-side-encryption", &["AES256", "aws:kms"], &["aws:*"]),
    key("s3:x-amz-server-side-encryption-aws-kms-key-id", KEY_ARNS, KEY_PATTERNS),
    key("s3:x-amz-storage-class", &["STANDARD", "GLACIER"], &["standard"]),
    key("s3:TlsVersion", &["1.1", "1.2", "1.3"], &["1.20"]),
    key("s3:signatureAge", &["1000", "600000"], &["60000"]),
    key("s3:authType", &["REST-HEADER", "REST-QUERY-STRING"], &["REST-*"]),
    key("s3:ExistingObjectTag/firmhold", &["live", "retired"], &["${aws:PrincipalTag/team}"]),
    key("s3:RequestObjectTagKeys", &["firmhold", "firmhold-org", "owner"], &["firmhold-*", "*"]),
    key("s3:RequestObjectTag/firmhold", &["live", "retired"], &["LIVE"]),
    key(
        "kms:ViaService",
        &["s3.us-west-2.amazonaws.com", "ec2.us-west-2.amazonaws.com"],
        &["s3.*.amazonaws.com"],
    ),
    key("kms:CallerAccount", &["111122223333", "444455556666"], &["${aws:PrincipalAccount}"]),
    key("kms:EncryptionContextKeys", &["aws:s3:arn", "team"], &["aws:*"]),
    key("kms:ResourceAliases", &["alias/firmware", "alias/other"], &["alias/*"]),
    key("sts:ExternalId", &["fh-1", "fh-2", "FH-1"], &["fh-?", "*"]),
    key("sts:RoleSessionName", &["s1", "s2"], &["${aws:username}", "s*"]),
];

/// Keys that follow from the caller and the resource; every request carries them.
pub const DERIVED: [Key; 6] = [
    key(
        "aws:PrincipalArn",
        &["arn:aws:iam::111122223333:role/R", "arn:aws:iam::444455556666:role/R"],
        &[
            "arn:aws:iam::*:role/R",
            "arn:aws:iam::111122223333:*",
            "arn:aws:iam:*:role/R",
            "arn:*:iam::*:user/*",
        ],
    ),
    key("aws:PrincipalAccount", &["111122223333", "444455556666"], &["${aws:ResourceAccount}", "9999*"]),
    key("aws:PrincipalType", &["AssumedRole", "User", "Account"], &["assumedrole"]),
    key("aws:PrincipalIsAWSService", &["true", "false"], &[]),
    key("aws:ResourceAccount", &["111122223333", "444455556666"], &["${aws:PrincipalAccount}"]),
    key("aws:username", &["alice"], &["a*", "${aws:PrincipalTag/team, 'alice'}"]),
];

impl Key {
    pub fn multivalued(&self) -> bool {
        tables::condition_key(self.name).is_some_and(|known| known.multivalued)
    }

    /// The operators that read its values.
    pub fn operators(&self) -> &'static [&'static str] {
        match tables::condition_key(self.name).map(|known| known.value) {
            Some(ValueType::Numeric) => &NUMERIC,
            Some(ValueType::Date) => &DATE,
            Some(ValueType::Bool) => &["Bool"],
            Some(ValueType::IpAddress) => &["IpAddress", "NotIpAddress"],
            Some(ValueType::Arn) => &ARN,
            _ => &STRING,
        }
    }
}

const STRING: [&str; 6] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
];
const ARN: [&str; 6] = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "StringEquals", "StringLike"];
const NUMERIC: [&str; 6] = [
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
];
const DATE: [&str; 6] = [
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
];
