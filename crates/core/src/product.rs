//! Products: what a fleet is called, and what its artifacts have in common (API contract 3).

use serde::{Deserialize, Serialize};

use crate::{DeliveryMode, Meta, Prn};

/// A product as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// 1–128 characters; unique in the organization.
    pub name: String,
    /// Takes no new cohorts, devices or releases.
    pub archived: bool,
    /// Where new binaries of its artifacts go, unless they say otherwise (12.1).
    pub backend_prn: Option<Prn>,
    /// Instead of the backend's own mode.
    pub delivery_mode: Option<DeliveryMode>,
    /// Always null: not built yet.
    pub retention: Option<serde_json::Value>,
    /// Always null: not built yet.
    pub allowed_regions: Option<Vec<String>>,
}
