//! Checks of a backend and their results (API contract 12.6).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::binary::text_enum;
use crate::{Prefix, Prn, Signature, Timestamp};

text_enum! {
    /// The thirteen checks of API contract 12.6.
    CheckId {
        /// Platform identity.
        V1 "V1",
        /// Role trusts the external id.
        V2 "V2",
        /// Refused without an external id.
        V3 "V3",
        /// Refused with a wrong external id.
        V4 "V4",
        /// Bucket owner.
        V5 "V5",
        /// Region.
        V6 "V6",
        /// Object operations.
        V7 "V7",
        /// Anonymous download.
        V8 "V8",
        /// Prefix is enforced.
        V9 "V9",
        /// Bucket configuration.
        V10 "V10",
        /// Lifecycle against live firmware.
        V11 "V11",
        /// Link lifetime.
        V12 "V12",
        /// Cleanup.
        V13 "V13",
    }
}

text_enum! {
    /// How a check ended.
    CheckStatus {
        /// As it should be.
        Pass "pass",
        /// Not as it should be.
        Fail "fail",
        /// Not tried, for the reason given.
        Skipped "skipped",
    }
}

text_enum! {
    /// How a run ended.
    RunStatus {
        /// No check failed.
        Pass "pass",
        /// A check failed.
        Fail "fail",
    }
}

text_enum! {
    /// What started a run.
    Trigger {
        /// `POST …/verify`.
        Manual "manual",
        /// The schedule.
        Scheduled "scheduled",
        /// A PATCH that is tested first.
        Patch "patch",
    }
}

impl CheckId {
    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::V1 => "Platform identity",
            Self::V2 => "Role trusts the external id",
            Self::V3 => "Refused without an external id",
            Self::V4 => "Refused with a wrong external id",
            Self::V5 => "Bucket owner",
            Self::V6 => "Region",
            Self::V7 => "Object operations",
            Self::V8 => "Anonymous download",
            Self::V9 => "Prefix is enforced",
            Self::V10 => "Bucket configuration",
            Self::V11 => "Lifecycle against live firmware",
            Self::V12 => "Link lifetime",
            Self::V13 => "Cleanup",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which.
    pub id: CheckId,
    /// [`CheckId::title`].
    pub title: String,
    /// How it ended.
    pub status: CheckStatus,
    /// Why; never empty.
    pub reason: String,
    /// What AWS said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_error_code: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// What to change, with the policy text if one is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// `replica:N`; absent for the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// One run of all checks, as the API writes it. Signed by the platform's report key over itself without
/// `signature`, as canonical JSON (RFC 8785).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Its name.
    pub prn: Prn,
    /// Of which backend.
    pub backend_prn: Prn,
    /// The bucket that was tested.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// The prefix that was tested.
    pub prefix: Prefix,
    /// The role that was assumed.
    pub role_arn: Option<String>,
    /// What started it.
    pub trigger: Trigger,
    /// Whether a check failed.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// One entry per check and subject.
    pub checks: Vec<Check>,
    /// The platform's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<ReportSignature>,
}

/// Signature of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSignature {
    /// Id of the report key.
    pub keyid: String,
    /// Over the canonical JSON of the verification without this member.
    pub value: Signature,
}
