//! What every object on the wire has (API contract 1.3).

use serde::{Deserialize, Serialize};

use crate::{OrganizationPrn, Prn, Timestamp};

/// The fields that every object carries; flattened into each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Its name.
    pub prn: Prn,
    /// Whose it is.
    pub organization_prn: OrganizationPrn,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// When stored data of it last changed.
    pub updated_at: Timestamp,
    /// Grows by one with each accepted change, from 0; the `ETag` of a single-object answer.
    pub revision: u64,
}

impl Meta {
    /// Of an object called `prn` that is made at `now`.
    pub const fn new(prn: Prn, now: Timestamp) -> Self {
        Self { prn, organization_prn: prn.organization_prn(), inserted_at: now, updated_at: now, revision: 0 }
    }
}

/// A page of a list; the member's name is the plural noun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PageEnd {
    /// Cursor of the next page; null at the end.
    pub next_page: Option<String>,
}
