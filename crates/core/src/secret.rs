//! Values that must not be seen.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret text. Its `Debug` and `Display` show nothing, it is wiped when dropped, and it can only be read by
/// [`Secret::expose`], so that a search for that word finds every place that does.
///
/// INVARIANT: a secret never reaches a log, an error or a `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes `value` into keeping.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// `N` random bytes from the operating system as unpadded base64url, after `prefix`.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn random<const N: usize>(prefix: &str) -> Result<Self, getrandom::Error> {
        use base64::Engine as _;
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes)?;
        let text = format!("{prefix}{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes));
        bytes.zeroize();
        Ok(Self(text))
    }

    /// The secret itself. Hand it to what needs it and to nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret:?} {secret}").contains("hunter2"));
        assert_eq!(secret, Secret::new("hunter2"));
    }

    #[test]
    fn an_api_key_has_the_contracts_shape() {
        let key = Secret::random::<32>("fhk_").unwrap();
        assert_eq!(key.expose().len(), 4 + 43);
        assert_ne!(key, Secret::random::<32>("fhk_").unwrap());
    }
}
