//! Imports: firmware that is in the backend's bucket already is adopted (API contract 4.7).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::binary::text_enum;
use crate::{Digest, Meta, Prn, Timestamp};

/// Entries that one import may be given; more come by a mapping, or in further imports.
pub const MAX_ENTRIES: usize = 1_000;

/// Entries that one import has at most, by a mapping; the last one then says that there is more.
pub const MAX_LISTED: u64 = 200_000;

/// Imports of one organization that may run at once.
pub const MAX_RUNNING: i64 = 16;

/// Whether a segment of the key, or of the beginning of one, is `.` or `..`: what takes keys for paths, as many tools and
/// HTTP libraries do, makes another key of such a one.
#[must_use]
pub fn has_dot_segment(key: &str) -> bool {
    key.split('/').any(|segment| matches!(segment, "." | ".."))
}

text_enum! {
    /// Where an import stands.
    ImportState {
        /// Its job has it, or waits for a backend that takes writes.
        Running "running",
        /// Every entry has come to an end.
        Done "done",
        /// Ended by a caller; what was done stays.
        Cancelled "cancelled",
    }
}

text_enum! {
    /// Where one object of an import stands.
    EntryState {
        /// Nothing was done with it yet; in a dry run: it would be copied.
        Pending "pending",
        /// The store copies it, or is about to.
        Copying "copying",
        /// Its binary is being proved.
        Hashing "hashing",
        /// Its binary is proved.
        Done "done",
        /// The binary existed with this hash.
        Skipped "skipped",
        /// The mapping does not tell what it is.
        Unmapped "unmapped",
        /// It cannot be adopted; `reason` says why.
        Failed "failed",
        /// The import ended first.
        Cancelled "cancelled",
    }
}

impl EntryState {
    /// Whether something is still to come.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Copying | Self::Hashing)
    }
}

/// An import as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// Whose bucket is read and written.
    pub backend_prn: Prn,
    /// What of the bucket is read.
    pub source_prefix: String,
    /// See [`Mapping`](crate::Mapping); null when entries were given.
    pub mapping: Option<String>,
    /// Instead of `{artifact}` in the mapping.
    pub artifact_prn: Option<Prn>,
    /// Instead of `{target}` in the mapping.
    pub target: Option<String>,
    /// Whether nothing is copied and nothing made.
    pub dry_run: bool,
    /// See [`ImportState`].
    pub state: ImportState,
    /// What keeps a running import from going on, if anything does.
    #[serde(default)]
    pub state_reason: Option<String>,
    /// How many entries stand where.
    pub counts: ImportCounts,
    /// When it was done or cancelled.
    pub finished_at: Option<Timestamp>,
}

/// How many entries of an import stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// See [`EntryState`], as for all of these.
    pub pending: u64,
    /// See above.
    pub copying: u64,
    /// See above.
    pub hashing: u64,
    /// See above.
    pub done: u64,
    /// See above.
    pub skipped: u64,
    /// See above.
    pub unmapped: u64,
    /// See above.
    pub failed: u64,
    /// See above.
    pub cancelled: u64,
    /// Bytes of all entries but the unmapped ones, as far as their objects were looked at.
    pub bytes: u64,
}

impl ImportCounts {
    /// The count of a state.
    pub const fn of(&mut self, state: EntryState) -> &mut u64 {
        match state {
            EntryState::Pending => &mut self.pending,
            EntryState::Copying => &mut self.copying,
            EntryState::Hashing => &mut self.hashing,
            EntryState::Done => &mut self.done,
            EntryState::Skipped => &mut self.skipped,
            EntryState::Unmapped => &mut self.unmapped,
            EntryState::Failed => &mut self.failed,
            EntryState::Cancelled => &mut self.cancelled,
        }
    }

    /// All entries that are known so far.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.open() + self.done + self.skipped + self.unmapped + self.failed + self.cancelled
    }

    /// Entries with something still to come.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.pending + self.copying + self.hashing
    }
}

/// One object of an import, as the API writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportEntry {
    /// Its key in the bucket.
    pub key: String,
    /// The version that is adopted: the one that was asked for, or the newest at the first look.
    pub version_id: Option<String>,
    /// Bytes, from the first look on.
    pub size: Option<u64>,
    /// The artifact that it was mapped to.
    pub artifact_prn: Option<Prn>,
    /// The version that it was mapped to, which may still have to be made.
    pub version: Option<String>,
    /// That version, if there is one.
    pub artifact_version_prn: Option<Prn>,
    /// What it runs on.
    pub target: Option<String>,
    /// SHA-256 of its bytes, as given or learned.
    pub hash: Option<Digest>,
    /// What became of it.
    pub binary_prn: Option<Prn>,
    /// See [`EntryState`].
    pub state: EntryState,
    /// Why it stands there, if that needs words.
    pub reason: Option<String>,
}

/// Body of `POST /imports`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateImport {
    /// See [`Import::backend_prn`].
    pub backend_prn: Option<String>,
    /// See [`Import::source_prefix`].
    pub source_prefix: Option<String>,
    /// 1 to [`MAX_ENTRIES`], instead of `mapping`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<CreateImportEntry>>,
    /// See [`Import::mapping`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
    /// See [`Import::artifact_prn`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_prn: Option<String>,
    /// See [`Import::target`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// See [`Import::dry_run`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// One of [`CreateImport::entries`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateImportEntry {
    /// See [`ImportEntry::key`].
    pub key: String,
    /// The version to adopt instead of the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// What it is a version of.
    pub artifact_version_prn: String,
    /// What it runs on.
    pub target: String,
    /// What its bytes must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let mut counts = ImportCounts::default();
        for (place, state) in EntryState::ALL.iter().enumerate() {
            *counts.of(*state) += 1 << place;
        }
        assert_eq!((counts.total(), counts.open()), (255, 7));
        assert_eq!(EntryState::ALL.iter().filter(|state| state.is_open()).count(), 3);
    }
}
