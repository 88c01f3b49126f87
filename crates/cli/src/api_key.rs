//! The API key that requests carry. One that was exchanged for a CI job's token ends after minutes, perhaps in the middle
//! of a push; then the token is exchanged again, if there is another by then.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use firmhold_core::{Problem, Secret};
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use crate::oidc::{self, TokenArgs};
use crate::profile::Profile;

/// What a job whose key has ended can do. Tokens can be exchanged once, so the same one is of no use.
const ENDED: &str = "the key that was given out for this job's token has ended, and there is no other token: let the \
                     issuer give out keys that live longer (`--max-ttl`), or run again with a new token; what is in \
                     the bucket is not sent again";

/// A key, and how another is had when it has ended.
pub struct ApiKey {
    present: RwLock<Secret>,
    renewal: Option<Renewal>,
}

struct Renewal {
    profile: Profile,
    args: TokenArgs,
    /// The token that was exchanged last. Held while another one is.
    exchanged: Mutex<Secret>,
}

impl ApiKey {
    /// One that a person has made, and only a person can make anew.
    pub fn given(key: Secret) -> Self {
        Self { present: RwLock::new(key), renewal: None }
    }

    /// Exchanges `token`, which `args` has named, at the server of `profile`.
    ///
    /// # Errors
    /// As the API's.
    pub async fn exchanged(profile: Profile, args: TokenArgs, token: Secret) -> Result<Self, Problem> {
        let key = oidc::exchange(&profile, &token, None, None).await?.secret;
        let renewal = Renewal { profile, args, exchanged: Mutex::new(token) };
        Ok(Self { present: RwLock::new(key), renewal: Some(renewal) })
    }

    /// The present one.
    pub fn secret(&self) -> Secret {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets another one, because the server does not know `ended` any more.
    ///
    /// # Errors
    /// `refused`, if there is none to be had; the API's, if the new token is refused.
    pub fn renew<'a>(&'a self, ended: &'a Secret, refused: Problem) -> BoxFuture<'a, Result<(), Problem>> {
        // Boxed, because the exchange is a request, too.
        Box::pin(self.renew_now(ended, refused))
    }

    async fn renew_now(&self, ended: &Secret, refused: Problem) -> Result<(), Problem> {
        let Some(renewal) = &self.renewal else { return Err(refused) };
        let mut exchanged = renewal.exchanged.lock().await;
        if self.secret() != *ended {
            // Another request of this run was quicker.
            return Ok(());
        }
        let token = renewal.args.token()?.filter(|token| *token != *exchanged);
        let Some(token) = token else { return Err(refused.with_hint(ENDED)) };
        let key = oidc::exchange(&renewal.profile, &token, None, None).await?.secret;
        *exchanged = token;
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = key;
        tracing::info!(target: "firmhold::oidc", "the key has ended: the new token was exchanged for another");
        Ok(())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("renewed", &self.renewal.is_some()).finish_non_exhaustive()
    }
}
