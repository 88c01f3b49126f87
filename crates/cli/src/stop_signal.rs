//! Being told to stop: Ctrl-C, or SIGTERM from whoever runs us.

use firmhold_core::Problem;
use tokio::signal::unix::{SignalKind, signal};

/// Returns at the first Ctrl-C or SIGTERM.
///
/// # Errors
/// If the system lets nobody wait for signals.
pub async fn wait() -> Result<(), Problem> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Problem::internal)?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.map_err(Problem::internal),
        _ = terminate.recv() => Ok(()),
    }
}
