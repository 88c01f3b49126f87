//! Waiting until what was written is seen.

use std::future::Future;
use std::time::Duration;

use firmhold_core::Problem;
use tokio::time::{Instant, sleep};

use crate::refusal::not_as_written;

/// How long a write may take to be seen: IAM is eventually consistent, and so are a bucket's settings.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until `seen` says yes.
///
/// # Errors
/// That it does not, in [`PATIENCE`]; or the error of `seen`.
pub(crate) async fn read_back<F, Fut>(what: &str, mut seen: F) -> Result<(), Problem>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<bool, Problem>>,
{
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(100);
    loop {
        if seen().await? {
            return Ok(());
        }
        if Instant::now() + pause > until {
            return Err(not_as_written(what));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(4));
    }
}
