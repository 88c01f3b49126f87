//! Artifact versions (API contract 3).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Meta, Prn};

/// An artifact version as the API writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtifactVersion {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// Its artifact.
    pub artifact_prn: Prn,
    /// 1–128 characters of free text; unique in the artifact.
    pub version: String,
    /// 1–256 characters.
    pub description: Option<String>,
    /// An object of at most 1,000,000 bytes of JSON.
    pub custom_metadata: Option<serde_json::Value>,
}

/// Body of `POST /artifact_versions`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateArtifactVersion {
    /// See [`ArtifactVersion::artifact_prn`].
    pub artifact_prn: Option<String>,
    /// See [`ArtifactVersion::version`].
    pub version: Option<String>,
    /// See [`ArtifactVersion::description`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// See [`ArtifactVersion::custom_metadata`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<serde_json::Value>,
    /// Chosen by the client; becomes the last field of the PRN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
}

/// The ids that a push derives from names, so that two CI jobs at once meet instead of doubling.
pub mod derived {
    use uuid::Uuid;

    /// Namespace of ids derived from names.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6669_726d_686f_6c64_8000_6e61_6d65_7300);

    fn derive(organization: Uuid, parts: &[&str]) -> Uuid {
        let mut name = organization.as_bytes().to_vec();
        for part in parts {
            // Lengths keep ("a", "bc") and ("ab", "c") apart.
            name.extend_from_slice(&(part.len() as u64).to_be_bytes());
            name.extend_from_slice(part.as_bytes());
        }
        Uuid::new_v5(&NAMESPACE, &name)
    }

    /// Id of the artifact called `name`.
    pub fn artifact(organization: Uuid, name: &str) -> Uuid {
        derive(organization, &["artifact", name])
    }

    /// Id of version `version` of the artifact with id `artifact`.
    pub fn artifact_version(organization: Uuid, artifact: Uuid, version: &str) -> Uuid {
        derive(organization, &["artifact_version", &artifact.to_string(), version])
    }
}
