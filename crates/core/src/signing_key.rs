//! Ed25519 keys: the public half that the platform knows, and the private half that never leaves its machine.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::signature::{MessageForm, Signature};
use crate::{Digest, Meta, Timestamp};

/// DER before the 32 bytes of an Ed25519 public key in SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_HEADER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// DER before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410, section 7).
const PKCS8_HEADER: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The text was not a usable Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Neither base64 of 32 bytes nor PEM.
    #[error("expected an Ed25519 public key as base64 of its 32 bytes or as SPKI PEM")]
    Form,
    /// Not a point of the curve, or one of small order, by which any message could seem signed.
    #[error("is not a usable Ed25519 public key (not on the curve, or of small order)")]
    Weak,
    /// Not a private key in PKCS #8 PEM.
    #[error("expected an Ed25519 private key as PKCS #8 PEM")]
    Private,
}

/// An Ed25519 public key that is on the curve, canonical, and not weak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From the 32 raw bytes.
    ///
    /// # Errors
    /// [`BadKey::Weak`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| BadKey::Weak)?;
        // A non-canonical encoding would give one key two ids.
        if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
            return Err(BadKey::Weak);
        }
        Ok(Self(key))
    }

    /// From base64 of the raw bytes or from SPKI PEM, as the API takes it.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        let raw = match pem_body(text, "PUBLIC KEY") {
            Some(der) => der.strip_prefix(&SPKI_HEADER[..]).map(<[u8]>::to_vec).ok_or(BadKey::Form)?,
            None => STANDARD.decode(text).map_err(|_| BadKey::Form)?,
        };
        Self::from_bytes(&raw.try_into().map_err(|_| BadKey::Form)?)
    }

    /// The 32 raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Base64 of the raw bytes: `value` on the wire.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.as_bytes())
    }

    /// Lower-hex SHA-256 of the raw bytes.
    pub fn keyid(&self) -> String {
        Digest::of(self.as_bytes()).to_hex()
    }

    /// SPKI PEM: `public_value` on the wire.
    pub fn to_pem(&self) -> String {
        let der = [&SPKI_HEADER[..], self.as_bytes()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    /// Which form of `digest` the signature is over, if it is by this key. Raw is tried first (API contract 4.4).
    pub fn verify(&self, digest: Digest, signature: &Signature) -> Option<MessageForm> {
        if self.verify_message(digest.as_bytes(), signature) {
            Some(MessageForm::Raw)
        } else if self.verify_message(digest.to_hex().as_bytes(), signature) {
            Some(MessageForm::Hex)
        } else {
            None
        }
    }

    /// Whether `signature` over `message` is by this key; strict: non-canonical values and small-order points are
    /// refused.
    #[must_use]
    pub fn verify_message(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.keyid())
    }
}

/// An Ed25519 private key. Wiped when dropped; `Debug` shows the key id only.
pub struct PrivateKey(ed25519_dalek::SigningKey);

impl PrivateKey {
    /// A new one from the operating system's randomness.
    ///
    /// # Errors
    /// If the operating system has none to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut seed[..])?;
        Ok(Self::from_seed(&seed))
    }

    /// From the 32-byte seed of RFC 8032.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// From PKCS #8 PEM, as OpenSSL writes it (`openssl genpkey -algorithm ed25519`).
    ///
    /// # Errors
    /// [`BadKey::Private`].
    pub fn from_pem(pem: &str) -> Result<Self, BadKey> {
        let der = Zeroizing::new(pem_body(pem.trim(), "PRIVATE KEY").ok_or(BadKey::Private)?);
        let seed = der.strip_prefix(&PKCS8_HEADER[..]).ok_or(BadKey::Private)?;
        Ok(Self::from_seed(seed.try_into().map_err(|_| BadKey::Private)?))
    }

    /// As PKCS #8 PEM. Handle with care: this is the private key.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([&PKCS8_HEADER[..], self.0.as_bytes()].concat());
        let body = Zeroizing::new(STANDARD.encode(&*der));
        Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *body))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs the raw form of `digest`, the one that Firmhold's own tools emit.
    pub fn sign(&self, digest: Digest) -> Signature {
        self.sign_message(digest.as_bytes())
    }

    /// Signs any message.
    pub fn sign_message(&self, message: &[u8]) -> Signature {
        Signature::from_bytes(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public().keyid())
    }
}

/// The DER inside a PEM block with this label, or nothing.
fn pem_body(text: &str, label: &str) -> Option<Vec<u8>> {
    let body = text.strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let body = body.strip_suffix(&format!("-----END {label}-----"))?;
    let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(body.as_bytes()).ok()
}

/// A signing key as the API writes it (API contract 3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Common fields.
    #[serde(flatten)]
    pub meta: Meta,
    /// 1–128 characters.
    pub name: String,
    /// Base64 of the 32 raw bytes.
    pub value: String,
    /// [`PublicKey::keyid`].
    pub keyid: String,
    /// SPKI PEM.
    pub public_value: String,
    /// Since when it is revoked, for good.
    pub revoked_at: Option<Timestamp>,
}

/// Body of `POST /signing_keys`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CreateSigningKey {
    /// See [`SigningKey::name`].
    pub name: Option<String>,
    /// Base64 of the 32 raw bytes, or SPKI PEM; at most 256 characters.
    pub value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector_key() -> PrivateKey {
        let seed: Vec<u8> = (0..32).collect();
        PrivateKey::from_seed(&seed.try_into().unwrap())
    }

    #[test]
    fn the_contracts_vector() {
        let key = vector_key();
        let digest = Digest::of("firmware-a\n");
        let signature = key.sign(digest);
        assert_eq!(
            hex::encode(key.public().as_bytes()),
            "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
        );
        assert_eq!(key.public().keyid(), "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c");
        assert_eq!(
            signature.to_string(),
            "73bc84c2541e828c9375024f802ebd1a5ba916681c594d34a7adb64e3001ff9850bf83f9b84558133f77ca0a5a9a1dc512e558b96a6cc4c2ceaf4aa317455907"
        );
        assert_eq!(key.public().verify(digest, &signature), Some(MessageForm::Raw));
        let over_hex = key.sign_message(digest.to_hex().as_bytes());
        assert_eq!(key.public().verify(digest, &over_hex), Some(MessageForm::Hex));
        assert_eq!(key.public().verify(Digest::of("firmware-b\n"), &signature), None);
    }

    #[test]
    fn keys_travel_as_pem() {
        let key = vector_key();
        let again = PrivateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(PublicKey::parse(&key.public().to_pem()), Ok(key.public()));
        assert_eq!(PublicKey::parse(&key.public().to_base64()), Ok(key.public()));
    }

    #[test]
    fn weak_and_odd_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity), Err(BadKey::Weak));
        assert_eq!(PublicKey::from_bytes(&[0xff; 32]), Err(BadKey::Weak));
        assert_eq!(PublicKey::parse("AAAA"), Err(BadKey::Form));
        assert_eq!(PublicKey::parse("-----BEGIN PUBLIC KEY-----"), Err(BadKey::Form));
        assert_eq!(PrivateKey::from_pem(&vector_key().public().to_pem()).err(), Some(BadKey::Private));
    }

    #[test]
    fn debug_shows_no_private_byte() {
        assert_eq!(
            format!("{:?}", vector_key()),
            "PrivateKey(56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c)"
        );
    }
}
