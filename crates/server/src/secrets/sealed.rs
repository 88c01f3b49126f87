//! Sealing: AES-256-GCM with a random nonce, bound to organization and name, so that a file that was moved opens
//! nowhere else.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use firmhold_core::{DerivedKey, Problem};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The first byte of a sealed file.
const FORMAT: u8 = 1;

/// Seals and opens secrets.
#[derive(Debug)]
pub(super) struct Sealer(DerivedKey);

impl Sealer {
    pub const fn new(key: DerivedKey) -> Self {
        Self(key)
    }

    /// `FORMAT`, the nonce, and what is sealed with its tag. Random nonces of 96 bits are safe for far more seals than
    /// secrets are ever put by hand.
    pub fn seal(&self, organization: Uuid, name: &str, plain: &[u8]) -> Result<Vec<u8>, Problem> {
        let broken = |_| Problem::internal("AES-256-GCM could not seal");
        let mut sealed = plain.to_vec();
        let nonce = self
            .key()
            .map_err(broken)?
            .seal_in_place_append_tag(bound_to(organization, name), &mut sealed)
            .map_err(broken)?;
        let mut file = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        file.push(FORMAT);
        file.extend_from_slice(nonce.as_ref());
        file.extend_from_slice(&sealed);
        Ok(file)
    }

    /// What was sealed; nothing if the file is not this secret's, or not of this key.
    pub fn open(&self, organization: Uuid, name: &str, file: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (format, rest) = file.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        if *format != FORMAT {
            return None;
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let length =
            self.key().ok()?.open_in_place(nonce, bound_to(organization, name), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }

    fn key(&self) -> Result<RandomizedNonceKey, aws_lc_rs::error::Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, self.0.expose())
    }
}

fn bound_to(organization: Uuid, name: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("firmhold/secret/{organization}/{name}").into_bytes())
}
