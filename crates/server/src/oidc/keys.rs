//! The keys of issuers, kept for a while. Strangers can send tokens, so it is bounded how often they make us ask.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use firmhold_core::{Clock, Problem, Timestamp};
use tokio::sync::Semaphore;

use super::Refused;
use super::fetch::Fetcher;
use super::jwks::Jwks;
use super::token::Token;

/// How long keys are believed (API contract 13.5).
///
/// INVARIANT: a key that its issuer has withdrawn is good for no longer than this, whether the issuer answers or not.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How often an unknown `kid` may make us ask again.
const NEWER_KEYS_PAUSE: Duration = Duration::from_secs(60);
/// How soon an issuer is asked again that has failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);
/// Issuers that are asked at once.
const FETCHES: usize = 8;
/// Issuers whose keys are kept before old ones are given up.
const ISSUERS: usize = 1024;

/// See the module.
#[derive(Debug)]
pub struct IssuerKeys {
    fetcher: Fetcher,
    clock: Clock,
    issuers: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
    fetches: Semaphore,
}

/// What is known of one issuer.
#[derive(Debug, Default)]
struct Known {
    keys: Option<(Arc<Jwks>, Timestamp)>,
    asked_at: Option<Timestamp>,
    /// Why the last question had no answer.
    failure: Option<Refused>,
}

impl IssuerKeys {
    /// Knows nobody's keys yet.
    ///
    /// # Errors
    /// [`firmhold_core::Code::Usage`] if the CA bundle cannot be read.
    pub fn new(clock: Clock, ca_bundle: Option<&Path>, allow_private: bool) -> Result<Self, Problem> {
        Ok(Self {
            fetcher: Fetcher::new(ca_bundle, allow_private)?,
            clock,
            issuers: Mutex::default(),
            fetches: Semaphore::new(FETCHES),
        })
    }

    /// Goes on only if a key of `issuer` has signed the token. Only issuers that somebody has registered may be asked
    /// for.
    ///
    /// # Errors
    /// If no key of the issuer's has, or its keys cannot be had.
    pub async fn verify(&self, issuer: &str, token: &Token<'_>) -> Result<(), Refused> {
        let keys = self.for_token(issuer, token).await?;
        if keys.verify(token) {
            return Ok(());
        }
        Err(Refused::because("the token is not signed by a key of its issuer"))
    }

    /// The issuer's keys, asked for again if none of those at hand can have signed the token.
    async fn for_token(&self, issuer: &str, token: &Token<'_>) -> Result<Arc<Jwks>, Refused> {
        let known = self.known(issuer);
        // One question to an issuer at a time: whoever comes meanwhile waits for its answer.
        let mut known = known.lock().await;
        let now = self.clock.now();
        match known.fresh(now) {
            Some(keys) if keys.has_key_of(token) || !known.has_rested(now, NEWER_KEYS_PAUSE) => {
                return Ok(keys);
            }
            None if known.failure.is_some() && !known.has_rested(now, FAILURE_PAUSE) => {}
            _ => self.ask(issuer, &mut known).await,
        }
        let unknown = || Refused::because("the issuer's keys are not known");
        known.fresh(self.clock.now()).ok_or_else(|| known.failure.clone().unwrap_or_else(unknown))
    }

    async fn ask(&self, issuer: &str, known: &mut Known) {
        let asked = match self.fetches.acquire().await {
            Ok(_permit) => self.fetcher.jwks(issuer).await,
            Err(_) => Err(Refused::because("the server is stopping")),
        };
        let now = self.clock.now();
        known.asked_at = Some(now);
        match asked {
            Ok(keys) => {
                known.keys = Some((Arc::new(keys), now));
                known.failure = None;
            }
            Err(refused) => known.failure = Some(refused),
        }
    }

    fn known(&self, issuer: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        if issuers.len() >= ISSUERS && !issuers.contains_key(issuer) {
            let now = self.clock.now();
            issuers.retain(|_, known| known.try_lock().map_or(true, |known| known.fresh(now).is_some()));
        }
        Arc::clone(issuers.entry(issuer.to_owned()).or_default())
    }
}

impl Known {
    fn fresh(&self, now: Timestamp) -> Option<Arc<Jwks>> {
        let (keys, at) = self.keys.as_ref()?;
        (elapsed(*at, now) < KEPT).then(|| Arc::clone(keys))
    }

    fn has_rested(&self, now: Timestamp, pause: Duration) -> bool {
        self.asked_at.is_none_or(|at| elapsed(at, now) >= pause)
    }
}

/// For ever, if the machine's clock was turned back in between: then nobody knows.
fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    if now < since { Duration::MAX } else { now.since(since) }
}
