//! Download links: a short token that says all by itself (design D13, rule L4).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::binary::text_enum;
use crate::{DerivedKey, Timestamp};

/// Shortest life of a link.
pub const MIN_TTL: Duration = Duration::from_secs(300);
/// Longest life of a link: 7 days.
pub const MAX_TTL: Duration = Duration::from_secs(604_800);
/// Life of a link unless the backend says otherwise: 24 h.
pub const DEFAULT_TTL: Duration = Duration::from_secs(86_400);
/// Characters of a token.
pub const TOKEN_LENGTH: usize = 58;

const VERSION: u8 = 1;
const BODY: usize = 27;
const MAC: usize = 16;

text_enum! {
    /// How a link's GET is answered (design D1).
    DeliveryMode {
        /// 302 to a store URL signed at that moment.
        Redirect "redirect",
        /// Firmhold sends the bytes.
        Proxy "proxy",
        /// 302 to a signed CDN URL.
        Cdn "cdn",
    }
}

impl DeliveryMode {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Redirect => 0,
            Self::Proxy => 1,
            Self::Cdn => 2,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Redirect),
            1 => Some(Self::Proxy),
            2 => Some(Self::Cdn),
            _ => None,
        }
    }
}

/// What a link's token says. The server looks the binary up by its number, which is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// How its GET is answered.
    pub mode: DeliveryMode,
    /// When it was made, whole seconds.
    pub issued_at: Timestamp,
    /// When it ends, whole seconds.
    pub expires_at: Timestamp,
    /// The binary's number.
    pub binary: u64,
    /// The device's number; 0 if it is bound to none.
    pub device: u64,
}

/// The token was unknown or altered: one answer for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a link of this server")]
pub struct BadLink;

/// The keys that sign tokens: one makes them, and the one before it still reads its own during a rotation.
#[derive(Clone, Debug)]
pub struct LinkKeys {
    current: (u8, DerivedKey),
    previous: Option<(u8, DerivedKey)>,
}

impl LinkKeys {
    /// With the key that makes tokens, and its id.
    pub fn new(id: u8, key: DerivedKey) -> Self {
        Self { current: (id, key), previous: None }
    }

    /// Also reads tokens made by this older key.
    #[must_use]
    pub fn with_previous(mut self, id: u8, key: DerivedKey) -> Self {
        self.previous = Some((id, key));
        self
    }

    /// The token of `link`: [`TOKEN_LENGTH`] characters of `[A-Za-z0-9_-]`.
    pub fn mint(&self, link: &Link) -> String {
        let (id, key) = &self.current;
        let issued = u32::try_from(link.issued_at.as_secs()).unwrap_or(u32::MAX);
        let life = u32::try_from(link.expires_at.since(link.issued_at).as_secs()).unwrap_or(u32::MAX);
        let mut token = Vec::with_capacity(BODY + MAC);
        token.extend_from_slice(&[VERSION, *id, link.mode.to_byte()]);
        token.extend_from_slice(&issued.to_be_bytes());
        token.extend_from_slice(&life.to_be_bytes());
        token.extend_from_slice(&link.binary.to_be_bytes());
        token.extend_from_slice(&link.device.to_be_bytes());
        let mac = tag(key, &token);
        token.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Reads a token that one of these keys made. Says nothing of expiry or revocation.
    ///
    /// # Errors
    /// [`BadLink`], whatever is wrong.
    pub fn read(&self, token: &str) -> Result<Link, BadLink> {
        if token.len() != TOKEN_LENGTH {
            return Err(BadLink);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadLink)?;
        let (body, mac) = bytes.split_at_checked(BODY).ok_or(BadLink)?;
        let [version, id, mode, rest @ ..] = body else { return Err(BadLink) };
        let key = self.key(*id).ok_or(BadLink)?;
        if *version != VERSION || !bool::from(tag(key, body).ct_eq(mac)) {
            return Err(BadLink);
        }
        let (issued, rest) = rest.split_first_chunk::<4>().ok_or(BadLink)?;
        let (life, rest) = rest.split_first_chunk::<4>().ok_or(BadLink)?;
        let (binary, rest) = rest.split_first_chunk::<8>().ok_or(BadLink)?;
        let device = rest.first_chunk::<8>().ok_or(BadLink)?;
        let issued_at = Timestamp::from_secs(i64::from(u32::from_be_bytes(*issued)));
        Ok(Link {
            mode: DeliveryMode::from_byte(*mode).ok_or(BadLink)?,
            issued_at,
            expires_at: issued_at.plus(Duration::from_secs(u64::from(u32::from_be_bytes(*life)))),
            binary: u64::from_be_bytes(*binary),
            device: u64::from_be_bytes(*device),
        })
    }

    fn key(&self, id: u8) -> Option<&DerivedKey> {
        std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|(known, _)| *known == id)
            .map(|(_, key)| key)
    }
}

fn tag(key: &DerivedKey, body: &[u8]) -> [u8; MAC] {
    let mut hmac =
        Hmac::<Sha256>::new_from_slice(key.expose()).expect("INVARIANT: HMAC takes keys of any length");
    hmac.update(body);
    let full = hmac.finalize().into_bytes();
    let mut short = [0; MAC];
    short.copy_from_slice(&full[..MAC]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MasterKey, master_key::Purpose};

    fn keys(byte: u8, id: u8) -> LinkKeys {
        LinkKeys::new(id, MasterKey::from_bytes([byte; 32]).derive(Purpose::Links))
    }

    fn link() -> Link {
        let issued_at = Timestamp::from_secs(1_800_000_000);
        Link {
            mode: DeliveryMode::Proxy,
            issued_at,
            expires_at: issued_at.plus(DEFAULT_TTL),
            binary: 42,
            device: u64::MAX,
        }
    }

    #[test]
    fn a_token_says_all_in_58_characters() {
        let token = keys(1, 1).mint(&link());
        assert_eq!(token.len(), TOKEN_LENGTH);
        assert_eq!(keys(1, 1).read(&token), Ok(link()));
    }

    #[test]
    fn every_altered_character_is_refused() {
        let keys = keys(1, 1);
        let token = keys.mint(&link());
        for at in 0..token.len() {
            for other in ['A', 'B', '-', '_', '9'] {
                let mut altered: Vec<char> = token.chars().collect();
                altered[at] = other;
                let altered: String = altered.into_iter().collect();
                if altered != token {
                    assert_eq!(keys.read(&altered), Err(BadLink), "{at} {other}");
                }
            }
        }
        assert_eq!(keys.read(&token[1..]), Err(BadLink));
        assert_eq!(keys.read(&"é".repeat(29)), Err(BadLink));
    }

    #[test]
    fn the_previous_key_reads_during_a_rotation() {
        let old = keys(1, 1).mint(&link());
        let rotated = keys(2, 2).with_previous(1, MasterKey::from_bytes([1; 32]).derive(Purpose::Links));
        assert_eq!(rotated.read(&old), Ok(link()));
        assert_eq!(keys(2, 2).read(&old), Err(BadLink));
    }
}
