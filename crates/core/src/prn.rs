//! PRNs, the names of everything on the wire (API contract 1.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// The text was not a PRN of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a PRN such as prn:1:<organization uuid>:binary:<uuid>")]
pub struct BadPrn;

macro_rules! kinds {
    ($($variant:ident $text:literal),* $(,)?) => {
        /// What a PRN names: its fourth field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PrnKind { $(#[doc = concat!("`", $text, "`")] $variant),* }

        impl PrnKind {
            /// As written in a PRN; also the resource noun of an event.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl FromStr for PrnKind {
            type Err = BadPrn;
            fn from_str(text: &str) -> Result<Self, BadPrn> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(BadPrn) }
            }
        }
    };
}

kinds! {
    ApiKey "api_key",
    Artifact "artifact",
    ArtifactVersion "artifact_version",
    Backend "backend",
    BackendVerification "backend_verification",
    Binary "binary",
    BinaryPart "binary_part",
    BinarySignature "binary_signature",
    Bundle "bundle",
    BundleOverride "bundle_override",
    BundleSignature "bundle_signature",
    CaCertificate "ca_certificate",
    Cohort "cohort",
    Device "device",
    DeviceCertificate "device_certificate",
    Event "event",
    Import "import",
    OidcIssuer "oidc_issuer",
    Product "product",
    Release "release",
    SigningKey "signing_key",
    Transfer "transfer",
    Webhook "webhook",
}

impl fmt::Display for PrnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of an organization: `prn:1:ORG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganizationPrn(pub Uuid);

/// The name of anything else: `prn:1:ORG:TYPE:ID`. Reads UUIDs in any case, writes lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prn {
    /// The organization that the object belongs to.
    pub organization: Uuid,
    /// What it is.
    pub kind: PrnKind,
    /// Which one.
    pub id: Uuid,
}

impl Prn {
    /// Names object `id` of kind `kind` in `organization`.
    pub const fn new(organization: Uuid, kind: PrnKind, id: Uuid) -> Self {
        Self { organization, kind, id }
    }

    /// The organization's own name.
    pub const fn organization_prn(self) -> OrganizationPrn {
        OrganizationPrn(self.organization)
    }

    /// This PRN if it names a `kind`, else nothing: callers answer with one 404 for all wrong names.
    #[must_use]
    pub fn of_kind(self, kind: PrnKind) -> Option<Self> {
        (self.kind == kind).then_some(self)
    }
}

/// Hyphenated UUIDs only: the `uuid` crate also reads braces and URNs, which the contract does not.
fn hyphenated(text: &str) -> Result<Uuid, BadPrn> {
    if text.len() != 36 {
        return Err(BadPrn);
    }
    Uuid::parse_str(text).map_err(|_| BadPrn)
}

impl FromStr for Prn {
    type Err = BadPrn;
    fn from_str(text: &str) -> Result<Self, BadPrn> {
        let mut fields = text.split(':');
        match (fields.next(), fields.next(), fields.next(), fields.next(), fields.next(), fields.next()) {
            (Some("prn"), Some("1"), Some(org), Some(kind), Some(id), None) => {
                Ok(Self { organization: hyphenated(org)?, kind: kind.parse()?, id: hyphenated(id)? })
            }
            _ => Err(BadPrn),
        }
    }
}

impl FromStr for OrganizationPrn {
    type Err = BadPrn;
    fn from_str(text: &str) -> Result<Self, BadPrn> {
        text.strip_prefix("prn:1:").ok_or(BadPrn).and_then(hyphenated).map(Self)
    }
}

impl fmt::Display for Prn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prn:1:{}:{}:{}", self.organization, self.kind, self.id)
    }
}

impl fmt::Display for OrganizationPrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prn:1:{}", self.0)
    }
}

macro_rules! as_text {
    ($($type:ty),*) => { $(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )* };
}
as_text!(Prn, OrganizationPrn);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "prn:1:6f1c3c1e-52a5-4b45-8f43-6b8e0f3f7c11:binary:0b9d9f1e-8c0a-4f0e-9f57-3a2f6d1c2b3a";

    #[test]
    fn reads_any_case_and_writes_lower() {
        let upper = TEXT.to_uppercase().replace("PRN", "prn").replace("BINARY", "binary");
        assert_eq!(upper.parse::<Prn>().unwrap().to_string(), TEXT);
    }

    #[test]
    fn refuses_everything_else() {
        for bad in [
            "",
            "prn:1",
            "prn:2:x:binary:y",
            &TEXT[..TEXT.len() - 1],
            &format!("{TEXT}:x"),
            &TEXT.replace("binary", "blob"),
        ] {
            assert_eq!(bad.parse::<Prn>(), Err(BadPrn), "{bad}");
        }
        let braces =
            TEXT.replace("6f1c3c1e-52a5-4b45-8f43-6b8e0f3f7c11", "{6f1c3c1e-52a5-4b45-8f43-6b8e0f3f7c11}");
        assert_eq!(braces.parse::<Prn>(), Err(BadPrn));
    }
}
