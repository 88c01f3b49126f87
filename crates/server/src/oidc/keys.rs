//! The keys of issuers, kept for a while. Strangers can send tokens, so it is bounded how often they make us ask.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// Who may wait for one issuer's answer at a time. Whoever comes when its keys are at hand does not wait.
const WAITERS: usize = 8;

/// See the module.
#[derive(Debug)]
pub struct IssuerKeys {
    fetcher: Fetcher,
    clock: Clock,
    issuers: Mutex<HashMap<String, Arc<Issuer>>>,
    fetches: Semaphore,
}

/// One issuer.
#[derive(Debug)]
struct Issuer {
    known: Mutex<Known>,
    waiters: Semaphore,
    /// One question at a time: whoever comes meanwhile waits for its answer.
    asking: tokio::sync::Mutex<()>,
}

/// What is known of it.
#[derive(Debug, Default)]
struct Known {
    keys: Option<(Arc<Jwks>, Timestamp)>,
    asked_at: Option<Timestamp>,
    /// Why the last question had no answer.
    failure: Option<Refused>,
}

/// Why there are no keys.
#[derive(Debug)]
pub enum NoKeys {
    /// The issuer's fault.
    Refused(Refused),
    /// So many wait for its answer that one more may not.
    Busy,
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

    /// The issuer's keys, asked for again if none of those at hand can have signed the token. Only issuers that somebody
    /// has registered may be asked for.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn of(&self, issuer: &str, token: &Token<'_>) -> Result<Arc<Jwks>, NoKeys> {
        let place = self.place(issuer);
        if let Some(answer) = place.at_hand(token, self.clock.now()) {
            return answer.map_err(NoKeys::Refused);
        }
        let _waits = place.waiters.try_acquire().map_err(|_| NoKeys::Busy)?;
        let _asks = place.asking.lock().await;
        // Somebody else may have asked meanwhile.
        if let Some(answer) = place.at_hand(token, self.clock.now()) {
            return answer.map_err(NoKeys::Refused);
        }
        self.ask(issuer, &place).await;
        place.known().answer(self.clock.now()).map_err(NoKeys::Refused)
    }

    async fn ask(&self, issuer: &str, place: &Issuer) {
        let asked = match self.fetches.acquire().await {
            Ok(_permit) => self.fetcher.jwks(issuer).await,
            Err(_) => Err(Refused::because("the server is stopping")),
        };
        let now = self.clock.now();
        let mut known = place.known();
        known.asked_at = Some(now);
        match asked {
            Ok(keys) => {
                known.keys = Some((Arc::new(keys), now));
                known.failure = None;
            }
            Err(refused) => known.failure = Some(refused),
        }
    }

    fn place(&self, issuer: &str) -> Arc<Issuer> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        if issuers.len() >= ISSUERS && !issuers.contains_key(issuer) {
            let now = self.clock.now();
            issuers.retain(|_, place| Arc::strong_count(place) > 1 || place.known().fresh(now).is_some());
        }
        Arc::clone(issuers.entry(issuer.to_owned()).or_default())
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            waiters: Semaphore::new(WAITERS),
            asking: tokio::sync::Mutex::default(),
        }
    }
}

impl Issuer {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be said without asking the issuer; nothing if it is to be asked.
    fn at_hand(&self, token: &Token<'_>, now: Timestamp) -> Option<Result<Arc<Jwks>, Refused>> {
        let known = self.known();
        let has_said_enough = match known.fresh(now) {
            Some(keys) => keys.has_key_of(token) || !known.has_rested(now, NEWER_KEYS_PAUSE),
            None => known.failure.is_some() && !known.has_rested(now, FAILURE_PAUSE),
        };
        has_said_enough.then(|| known.answer(now))
    }
}

impl Known {
    fn answer(&self, now: Timestamp) -> Result<Arc<Jwks>, Refused> {
        let unknown = || Refused::because("the issuer's keys are not known");
        self.fresh(now).ok_or_else(|| self.failure.clone().unwrap_or_else(unknown))
    }

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
