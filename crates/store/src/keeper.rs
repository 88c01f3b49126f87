//! Keeps one role's session alive (design D2, rule L1).

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use firmhold_core::{Clock, Problem, Timestamp};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use crate::error;
use crate::session::{RoleSession, SKEW};

/// How long the session that there is serves without another try after one failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a caller waits for a new session while the old one still holds.
const PATIENCE: Duration = Duration::from_secs(4);

/// How a session is had.
#[async_trait]
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// A new one.
    async fn assume(&self) -> Result<RoleSession, Problem>;
}

type Renewal = Shared<BoxFuture<'static, Result<Arc<RoleSession>, Arc<Problem>>>>;

/// One role's session: had when first needed, renewed in the background from half its life on, and served as long as
/// it holds when there is no other to be had.
///
/// INVARIANT: at most one renewal is under way, and all who wait for it share its outcome.
pub(crate) struct Keeper {
    source: Box<dyn Source>,
    clock: Clock,
    current: RwLock<Option<Arc<RoleSession>>>,
    renewal: Mutex<Option<Renewal>>,
    pause_until: AtomicI64,
}

impl Keeper {
    pub fn new(source: impl Source + 'static, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            source: Box::new(source),
            clock,
            current: RwLock::default(),
            renewal: Mutex::default(),
            pause_until: AtomicI64::new(i64::MIN),
        })
    }

    /// A session with `need` left, or, where that cannot be had, one with whatever is left, but more than nothing.
    pub async fn session(self: &Arc<Self>, need: Duration) -> Result<Arc<RoleSession>, Problem> {
        let now = self.clock.now();
        let current = self.current();
        if let Some(session) = current.as_ref().filter(|session| session.suffices(now, need)) {
            if session.is_half_over(now) && !self.pauses(now) {
                // Under way as a task of its own: nobody need wait.
                drop(self.renew());
            }
            return Ok(session.clone());
        }
        match current.filter(|session| !session.left(now).is_zero()) {
            Some(session) if self.pauses(now) => Ok(session),
            Some(session) => Ok(self.renewed_soon().await.unwrap_or(session)),
            None => self.renew().await.map_err(|problem| error::copy(&problem)),
        }
    }

    /// Forgets the session with this access key, because AWS says that it is over. One that came in its place meanwhile
    /// stays: many calls find out at once, and each would drop what the one before it got.
    pub fn forget(&self, access_key_id: &str) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|session| session.access_key_id() == access_key_id) {
            *current = None;
        }
    }

    /// The access key of the present session, if there is one.
    pub fn access_key_id(&self) -> Option<String> {
        self.current().map(|session| session.access_key_id().to_owned())
    }

    fn current(&self) -> Option<Arc<RoleSession>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn pauses(&self, now: Timestamp) -> bool {
        now.as_millis() < self.pause_until.load(Ordering::Relaxed)
    }

    /// The new session, unless that fails or takes too long.
    async fn renewed_soon(self: &Arc<Self>) -> Option<Arc<RoleSession>> {
        tokio::time::timeout(PATIENCE, self.renew()).await.ok()?.ok()
    }

    /// The renewal that is under way, or a new one.
    fn renew(self: &Arc<Self>) -> Renewal {
        let mut slot = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is over and still here died in a panic.
        if let Some(renewal) = slot.as_ref().filter(|renewal| renewal.peek().is_none()) {
            return renewal.clone();
        }
        let keeper = self.clone();
        // A task of its own: a caller who goes away does not stop it.
        let task = tokio::spawn(async move { keeper.renew_now().await });
        let renewal = task
            .map(|ended| ended.unwrap_or_else(|cause| Err(Arc::new(Problem::internal(cause)))))
            .boxed()
            .shared();
        *slot = Some(renewal.clone());
        renewal
    }

    async fn renew_now(&self) -> Result<Arc<RoleSession>, Arc<Problem>> {
        let outcome = match self.source.assume().await {
            Ok(session) => {
                let session = Arc::new(session);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
                self.pause_until.store(i64::MIN, Ordering::Relaxed);
                Ok(session)
            }
            Err(problem) => {
                let until = self.clock.now().plus(PAUSE);
                self.pause_until.store(until.as_millis(), Ordering::Relaxed);
                tracing::warn!(source = ?self.source, %problem, code = %problem.code(), "no new session");
                Err(Arc::new(problem))
            }
        };
        *self.renewal.lock().unwrap_or_else(PoisonError::into_inner) = None;
        outcome
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("source", &self.source)
            .field("current", &self.current())
            .finish_non_exhaustive()
    }
}

/// A keeper as the SDK's credentials: every call, and every retry of one, is signed by the session of that moment.
#[derive(Debug, Clone)]
pub(crate) struct KeptCredentials(pub Arc<Keeper>);

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match self.0.session(SKEW).await {
                Ok(session) => Ok(session.credentials()),
                Err(problem) => Err(CredentialsError::provider_error(problem)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use aws_credential_types::Credentials;

    use super::*;

    /// Each session has a key of its own.
    #[derive(Debug, Default)]
    struct Numbered(AtomicU32);

    #[async_trait]
    impl Source for Numbered {
        async fn assume(&self) -> Result<RoleSession, Problem> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let keys = Credentials::new(format!("ASIA{number}"), "secret", None, None, "test");
            let now = Timestamp::EPOCH;
            let ends = now.plus(Duration::from_secs(3600));
            Ok(RoleSession::new(&keys, "arn:aws:sts::1:assumed-role/a/b".to_owned(), now, ends))
        }
    }

    #[tokio::test]
    async fn a_session_that_came_in_the_place_of_one_that_is_over_stays() {
        let keeper = Keeper::new(Numbered::default(), Clock::fixed(Timestamp::EPOCH));
        let key = async || keeper.session(SKEW).await.unwrap().access_key_id().to_owned();
        assert_eq!(key().await, "ASIA0");
        keeper.forget("ASIA0");
        assert_eq!(key().await, "ASIA1");
        keeper.forget("ASIA0");
        assert_eq!(key().await, "ASIA1");
    }
}
