//! Who the platform is (design D12).

/// The platform's identity, as AWS sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// The caller: `arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION` once it works as the platform's role.
    pub arn: String,
    /// Whether the backends' roles are assumed by a role, which caps their sessions at an hour (rule L3).
    pub chained: bool,
    /// ARN of the role that it works as.
    pub role_arn: String,
}
