//! Keys for CI jobs, for a token of their CI system's (API contract 13.5). A token is judged by what it says, by the
//! issuer's published keys, and by whether it was used before; every refusal looks alike from outside.

pub mod exchange;
mod fetch;
pub mod issuer;
mod jwks;
mod keys;
mod token;

pub use fetch::Fetcher;
pub use keys::IssuerKeys;

/// Why a token is refused: for the log only, and never with the token in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    /// With the cause in words.
    pub fn because(cause: impl Into<String>) -> Self {
        Self(cause.into())
    }
}
