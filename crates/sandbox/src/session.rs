//! Role sessions. A session's token carries the session and a MAC over it, so the sandbox keeps no list of them and a
//! restart loses none. Its secret key follows from its access key id and the seal.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firmhold_core::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const MAC_BYTES: usize = 32;

/// What a session token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `ASIA…`
    #[serde(rename = "k")]
    pub(crate) access_key_id: String,
    #[serde(rename = "a")]
    pub(crate) account: String,
    #[serde(rename = "r")]
    pub(crate) role: String,
    /// The unique id that the role had.
    #[serde(rename = "i")]
    pub(crate) role_id: String,
    #[serde(rename = "n")]
    pub(crate) name: String,
    /// When it began.
    #[serde(rename = "b")]
    pub(crate) began: Timestamp,
    #[serde(rename = "e")]
    pub(crate) expires: Timestamp,
    /// The session policy's text.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    #[serde(rename = "t", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
}

/// The key that session tokens and session secrets come from.
pub(crate) struct Seal(Vec<u8>);

impl Seal {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(key.to_vec())
    }

    /// The token that carries `session`.
    pub(crate) fn token(&self, session: &Session) -> Result<String, serde_json::Error> {
        let payload = serde_json::to_vec(session)?;
        let mut sealed = self.mac(b"session-token\n", &payload).finalize().into_bytes().to_vec();
        sealed.extend_from_slice(&payload);
        Ok(STANDARD.encode(sealed))
    }

    /// The session of a token that we made; `None` for any other text.
    pub(crate) fn open(&self, token: &str) -> Option<Session> {
        let sealed = STANDARD.decode(token).ok()?;
        let (mac, payload) = sealed.split_at_checked(MAC_BYTES)?;
        self.mac(b"session-token\n", payload).verify_slice(mac).ok()?;
        serde_json::from_slice(payload).ok()
    }

    /// The secret key of a session's access key.
    pub(crate) fn secret_access_key(&self, access_key_id: &str) -> String {
        let mac = self.mac(b"session-secret\n", access_key_id.as_bytes()).finalize().into_bytes();
        STANDARD.encode(&mac[..30])
    }

    fn mac(&self, purpose: &[u8], data: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(data);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            access_key_id: "ASIAEXAMPLE".into(),
            account: "111122223333".into(),
            role: "fw".into(),
            role_id: "AROAEXAMPLE".into(),
            name: "s".into(),
            began: Timestamp::EPOCH,
            expires: Timestamp::from_secs(900),
            policy: None,
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn a_token_opens_only_whole_and_with_its_own_seal() {
        let seal = Seal::new(b"one");
        let token = seal.token(&session()).unwrap();
        assert_eq!(seal.open(&token), Some(session()));
        assert_eq!(Seal::new(b"two").open(&token), None);
        assert_eq!(seal.open(""), None);
        assert_eq!(seal.open("AAAA"), None);
        let mut bytes = STANDARD.decode(&token).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(seal.open(&STANDARD.encode(bytes)), None);
    }
}
