//! Artifacts: what is released, whatever its version (API contract 3).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Meta, Prn};

/// An artifact as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// 1–128 characters; not unique.
    pub name: String,
    /// 1–256 characters.
    pub description: Option<String>,
    /// An object of at most 1,000,000 bytes of JSON.
    pub custom_metadata: Option<serde_json::Value>,
    /// The product it belongs to.
    pub product_prn: Option<Prn>,
}

/// Body of `POST /artifacts`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateArtifact {
    /// See [`Artifact::name`].
    pub name: Option<String>,
    /// See [`Artifact::description`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// See [`Artifact::custom_metadata`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<serde_json::Value>,
    /// See [`Artifact::product_prn`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_prn: Option<String>,
    /// Chosen by the client; becomes the last field of the PRN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}
