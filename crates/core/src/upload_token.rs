//! Tokens of parts that go through the server (API contract 4.3): one says all by itself, as a link's does.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::{DerivedKey, Digest, Timestamp};

const VERSION: u8 = 1;
const BODY: usize = 1 + 1 + 16 + 16 + 2 + 8 + 32 + 8;
const MAC: usize = 16;

/// The right to send one part of one upload attempt, once or again, until it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadToken {
    /// The binary.
    pub binary: Uuid,
    /// The upload attempt: after a reset there is another, and this token is of no use.
    pub attempt: Uuid,
    /// Index of the part, 1 to 10,000.
    pub index: u16,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// When it ends, whole seconds.
    pub expires_at: Timestamp,
}

/// The token was unknown or altered: one answer for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an upload token of this server")]
pub struct BadUploadToken;

/// The key that signs tokens, with its id.
#[derive(Debug, Clone)]
pub struct UploadKeys {
    id: u8,
    key: DerivedKey,
}

impl UploadKeys {
    /// With the key that makes and reads tokens. They live for minutes, so a rotation needs no second key: who holds an
    /// old one asks for the part again.
    pub const fn new(id: u8, key: DerivedKey) -> Self {
        Self { id, key }
    }

    /// The token, of `[A-Za-z0-9_-]`.
    pub fn mint(&self, token: &UploadToken) -> String {
        let mut bytes = Vec::with_capacity(BODY + MAC);
        bytes.extend_from_slice(&[VERSION, self.id]);
        bytes.extend_from_slice(token.binary.as_bytes());
        bytes.extend_from_slice(token.attempt.as_bytes());
        bytes.extend_from_slice(&token.index.to_be_bytes());
        bytes.extend_from_slice(&token.size.to_be_bytes());
        bytes.extend_from_slice(token.sha256.as_bytes());
        bytes.extend_from_slice(&token.expires_at.as_secs().to_be_bytes());
        let mac = self.tag(&bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token that this key made. Says nothing of its end.
    ///
    /// # Errors
    /// [`BadUploadToken`], whatever is wrong.
    pub fn read(&self, text: &str) -> Result<UploadToken, BadUploadToken> {
        // Longer than any token: not worth decoding.
        if text.len() > 2 * (BODY + MAC) {
            return Err(BadUploadToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadUploadToken)?;
        let (body, mac) = bytes.split_at_checked(BODY).ok_or(BadUploadToken)?;
        let ([VERSION, id], rest) = body.split_first_chunk().ok_or(BadUploadToken)? else {
            return Err(BadUploadToken);
        };
        if *id != self.id || !bool::from(self.tag(body).ct_eq(mac)) {
            return Err(BadUploadToken);
        }
        let (binary, rest) = rest.split_first_chunk::<16>().ok_or(BadUploadToken)?;
        let (attempt, rest) = rest.split_first_chunk::<16>().ok_or(BadUploadToken)?;
        let (index, rest) = rest.split_first_chunk::<2>().ok_or(BadUploadToken)?;
        let (size, rest) = rest.split_first_chunk::<8>().ok_or(BadUploadToken)?;
        let (sha256, rest) = rest.split_first_chunk::<32>().ok_or(BadUploadToken)?;
        let expires_at = rest.first_chunk::<8>().ok_or(BadUploadToken)?;
        Ok(UploadToken {
            binary: Uuid::from_bytes(*binary),
            attempt: Uuid::from_bytes(*attempt),
            index: u16::from_be_bytes(*index),
            size: u64::from_be_bytes(*size),
            sha256: Digest::from_bytes(*sha256),
            expires_at: Timestamp::from_secs(i64::from_be_bytes(*expires_at)),
        })
    }

    fn tag(&self, body: &[u8]) -> [u8; MAC] {
        let mut hmac = Hmac::<Sha256>::new_from_slice(self.key.expose())
            .expect("INVARIANT: HMAC takes keys of any length");
        hmac.update(body);
        let full = hmac.finalize().into_bytes();
        let mut short = [0; MAC];
        short.copy_from_slice(&full[..MAC]);
        short
    }
}

impl UploadToken {
    /// Whether its time is over at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.since(now) == Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MasterKey, master_key::Purpose};

    fn keys(byte: u8) -> UploadKeys {
        UploadKeys::new(1, MasterKey::from_bytes([byte; 32]).derive(Purpose::Uploads))
    }

    fn token() -> UploadToken {
        UploadToken {
            binary: Uuid::from_u128(1),
            attempt: Uuid::from_u128(2),
            index: 10_000,
            size: 5_368_709_120,
            sha256: Digest::of("part"),
            expires_at: Timestamp::from_secs(1_800_000_000),
        }
    }

    #[test]
    fn a_token_says_all() {
        let text = keys(1).mint(&token());
        assert_eq!(keys(1).read(&text), Ok(token()));
        assert_eq!(keys(2).read(&text), Err(BadUploadToken));
        assert!(text.len() < 200, "{}", text.len());
        assert!(token().is_over(token().expires_at));
        assert!(!token().is_over(token().expires_at.minus(Duration::from_millis(1))));
    }

    #[test]
    fn every_altered_character_is_refused() {
        let keys = keys(1);
        let text = keys.mint(&token());
        for at in 0..text.len() {
            for other in ['A', '-', '9'] {
                let mut altered: Vec<char> = text.chars().collect();
                altered[at] = other;
                let altered: String = altered.into_iter().collect();
                if altered != text {
                    assert_eq!(keys.read(&altered), Err(BadUploadToken), "{at} {other}");
                }
            }
        }
        for bad in ["", "AA", &text[1..], &text.repeat(4), "é"] {
            assert_eq!(keys.read(bad), Err(BadUploadToken), "{bad}");
        }
    }
}
