//! The nouns of Firmhold. Pure: no IO, no async, and the time only from [`Clock`].
//!
//! A noun has a file, with its wire type (what the REST contract calls its fields) and the rules that need nothing
//! but itself.

pub mod artifact;
pub mod artifact_version;
pub mod backend;
pub mod binary;
pub mod binary_part;
pub mod canonical;
pub mod check;
pub mod clock;
pub mod digest;
pub mod import;
pub mod link;
pub mod mapping;
pub mod master_key;
pub mod meta;
pub mod object_key;
pub mod oidc_issuer;
pub mod prn;
pub mod problem;
pub mod product;
pub mod scope;
pub mod secret;
pub mod signature;
pub mod signing_key;
pub mod text;
pub mod upload_token;

pub use artifact::Artifact;
pub use artifact_version::ArtifactVersion;
pub use backend::{Backend, BackendState, RoleArn};
pub use binary::{Binary, BinaryState, ContentState};
pub use binary_part::{BinaryPart, LimitedBy};
pub use check::{Check, CheckId, CheckStatus, Verification};
pub use clock::{Clock, Timestamp};
pub use digest::{Digest, Hasher};
pub use import::{EntryState, Import, ImportCounts, ImportEntry, ImportState};
pub use link::{DeliveryMode, Link, LinkKeys};
pub use mapping::Mapping;
pub use master_key::{DerivedKey, MasterKey};
pub use meta::Meta;
pub use object_key::{ObjectKey, Prefix};
pub use oidc_issuer::OidcIssuer;
pub use prn::{OrganizationPrn, Prn, PrnKind};
pub use problem::{Code, Fault, FieldErrors, Problem};
pub use product::Product;
pub use scope::Scope;
pub use secret::Secret;
pub use signature::{BinarySignature, Signature};
pub use signing_key::{PrivateKey, PublicKey, SigningKey};
pub use upload_token::{UploadKeys, UploadToken};
