//! The link that a download follows; a new one when it ends midway.

use std::sync::Arc;

use firmhold_core::Problem;
use firmhold_core::binary::DownloadUrl;
use tokio::sync::Mutex;

use crate::client::{self, Client};

/// Where a download gets its URL. `Debug` shows none: who has it may download.
#[derive(Clone)]
pub enum Links {
    /// One URL and no other: as a device has it.
    #[cfg(any(test, all(feature = "sandbox", feature = "server", feature = "account")))]
    Fixed(Arc<str>),
    /// The server makes a new one when the last has ended.
    Renewed(Arc<Renewed>),
}

/// See [`Links::Renewed`].
pub struct Renewed {
    client: Client,
    binary: String,
    url: Mutex<Option<Arc<str>>>,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            #[cfg(any(test, all(feature = "sandbox", feature = "server", feature = "account")))]
            Self::Fixed(_) => f.debug_struct("Fixed").finish_non_exhaustive(),
            Self::Renewed(links) => {
                f.debug_struct("Renewed").field("binary", &links.binary).finish_non_exhaustive()
            }
        }
    }
}

impl Links {
    /// Links to the binary called `prn`.
    pub fn to(client: &Client, prn: String) -> Self {
        Self::Renewed(Arc::new(Renewed { client: client.clone(), binary: prn, url: Mutex::default() }))
    }

    /// The present URL.
    ///
    /// # Errors
    /// As the API's.
    pub async fn url(&self) -> Result<Arc<str>, Problem> {
        match self {
            #[cfg(any(test, all(feature = "sandbox", feature = "server", feature = "account")))]
            Self::Fixed(url) => Ok(Arc::clone(url)),
            Self::Renewed(links) => {
                let mut url = links.url.lock().await;
                if let Some(url) = &*url {
                    return Ok(Arc::clone(url));
                }
                let path = format!("/binaries/{}/download_url", links.binary);
                let made: DownloadUrl = client::parse(links.client.get(&path, &[]).await?)?;
                Ok(Arc::clone(url.insert(made.download_url.into())))
            }
        }
    }

    /// Forgets `ended`, if it is still the present URL. Says whether there can be another.
    pub async fn has_ended(&self, ended: &str) -> bool {
        match self {
            #[cfg(any(test, all(feature = "sandbox", feature = "server", feature = "account")))]
            Self::Fixed(_) => false,
            Self::Renewed(links) => {
                let mut url = links.url.lock().await;
                if url.as_deref() == Some(ended) {
                    *url = None;
                }
                true
            }
        }
    }
}
