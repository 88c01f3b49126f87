//! The way into an S3-compatible store: a key pair, which makes a session that never ends.

use std::fmt;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use firmhold_core::{Problem, Secret, Timestamp};

use crate::config::StaticKeys;
use crate::keeper::Source;
use crate::session::RoleSession;

/// The last second that has four digits for its year: no ticket reaches it.
const NEVER: Timestamp = Timestamp::from_secs(253_402_300_799);

/// A key pair where a role's session is expected.
pub(crate) struct KeyPair(StaticKeys);

impl KeyPair {
    pub const fn new(keys: StaticKeys) -> Self {
        Self(keys)
    }

    /// What signs with it.
    pub fn session(&self) -> RoleSession {
        let Self(keys) = self;
        let token = keys.session_token.as_ref().map(|token| token.expose().to_owned());
        let credentials = Credentials::new(
            keys.access_key_id.clone(),
            Secret::expose(&keys.secret_access_key),
            token,
            None,
            "firmhold",
        );
        RoleSession::new(&credentials, String::new(), Timestamp::EPOCH, NEVER)
    }
}

#[async_trait]
impl Source for KeyPair {
    async fn assume(&self) -> Result<RoleSession, Problem> {
        Ok(self.session())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyPair").field(&self.0.access_key_id).finish()
    }
}
