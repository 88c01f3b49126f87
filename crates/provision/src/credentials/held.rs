//! Credentials that are asked for once, and again only when they are about to end.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use firmhold_core::{Clock, Timestamp};
use tokio::sync::Mutex;

/// This long before their end they are renewed.
const BEFORE_END: Duration = Duration::from_secs(300);

/// A provider that remembers: a program that prints credentials may ask its user each time that it is run, and a chain
/// is walked once to check it and again to use it.
#[derive(Debug, Clone)]
pub struct Held {
    from: SharedCredentialsProvider,
    clock: Clock,
    last: Arc<Mutex<Option<Credentials>>>,
}

impl Held {
    pub fn new(from: SharedCredentialsProvider, clock: Clock) -> Self {
        Self { from, clock, last: Arc::default() }
    }

    async fn get(&self) -> Result {
        let mut last = self.last.lock().await;
        let good = |credentials: &Credentials| {
            let end = credentials.expiry().map(Timestamp::from_system_time);
            end.is_none_or(|end| self.clock.now().plus(BEFORE_END) < end)
        };
        if let Some(credentials) = last.as_ref().filter(|credentials| good(credentials)) {
            return Ok(credentials.clone());
        }
        let fresh = self.from.provide_credentials().await?;
        *last = Some(fresh.clone());
        Ok(fresh)
    }
}

impl ProvideCredentials for Held {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}
