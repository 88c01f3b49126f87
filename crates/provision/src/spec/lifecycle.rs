//! What becomes of objects that are not used any more.

use serde::{Deserialize, Serialize};

/// Which rules of ours the bucket gets. INVARIANT (design D4): none of them matches a live binary: they match the tag
/// that only what no release needs carries, or versions that a newer one displaced and that carry it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifecycleProfile {
    /// No rule at all.
    None,
    /// Retired versions that are not current any more become cheaper, then go; abandoned uploads go.
    #[default]
    OldVersions,
    /// Besides, what is retired is archived.
    Retired,
    /// Besides `old-versions`, S3 itself moves what nobody reads into cheaper tiers that are read at once.
    Tiering,
}

/// A profile with its ages, in days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Which rules.
    pub profile: LifecycleProfile,
    /// Noncurrent and retired: to STANDARD_IA after.
    pub noncurrent_to_ia: u32,
    /// Noncurrent and retired: gone after.
    pub noncurrent_expire: u32,
    /// Abandoned uploads: gone after.
    pub abort_uploads: u32,
    /// Retired: to GLACIER_IR after.
    pub retired_to_glacier_ir: u32,
    /// Retired: to DEEP_ARCHIVE after.
    pub retired_to_deep_archive: u32,
}

impl Lifecycle {
    /// A profile with the ages that we propose.
    pub fn of(profile: LifecycleProfile) -> Self {
        Self {
            profile,
            noncurrent_to_ia: 30,
            noncurrent_expire: 180,
            abort_uploads: 7,
            retired_to_glacier_ir: 30,
            retired_to_deep_archive: 180,
        }
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::of(LifecycleProfile::default())
    }
}
