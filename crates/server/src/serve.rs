//! Listeners, and a server that runs.

use std::sync::Arc;
use std::time::Duration;

use firmhold_core::{Clock, Code, Problem};
use firmhold_store::StaticKeys;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::app::App;
use crate::config::Config;
use crate::connections;
use crate::jobs;
use crate::recovery;

/// How long a stop waits for requests that are under way.
const DRAIN: Duration = Duration::from_secs(10);

/// A server that runs. It stops when [`Running::stop`] is called; dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    /// `http://ADDRESS:PORT` of API and links, with the path prefix.
    pub admin_url: String,
    /// `http://ADDRESS:PORT` of health and readiness.
    pub ops_url: String,
    app: Arc<App>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts a server. `base_credentials` replace the default chain of AWS credentials: for tests and the demo.
///
/// # Errors
/// [`Code::Usage`] for a wrong setting or an address that cannot be listened on; [`Code::LocalFile`] if the data folder
/// cannot be used. That AWS cannot be reached is no error.
pub async fn serve(
    config: Config,
    clock: Clock,
    base_credentials: Option<StaticKeys>,
) -> Result<Running, Problem> {
    let (admin, admin_url) = listen(config.server.admin_address).await?;
    let (ops, ops_url) = listen(config.server.ops_address).await?;
    let admin_url = format!("{admin_url}{}", config.server.path_prefix);
    let public_url = config.server.public_url.clone().unwrap_or_else(|| admin_url.clone());
    let limits = connections::Limits {
        connections: config.server.max_connections,
        per_address: config.server.max_connections_per_address,
        head: config.server.patience.head,
    };
    let app = Arc::new(App::open(config, clock, base_credentials, public_url).await?);
    recovery::run(&app).await?;
    let stop = CancellationToken::new();
    let tasks = vec![
        tokio::spawn(connections::serve(admin, api::router(Arc::clone(&app)), limits, stop.clone())),
        tokio::spawn(connections::serve(
            ops,
            api::ops_router(Arc::clone(&app), stop.clone()),
            limits,
            stop.clone(),
        )),
        tokio::spawn(jobs::run(Arc::clone(&app), stop.clone())),
    ];
    Ok(Running { admin_url, ops_url, app, stop, tasks })
}

impl Running {
    /// What the server's handlers share.
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Lets requests under way finish, for a short while, and stops. What is left of jobs goes on at the next start.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            let abort = task.abort_handle();
            if tokio::time::timeout(DRAIN, task).await.is_err() {
                abort.abort();
            }
        }
        self.app.db.close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(address: std::net::SocketAddr) -> Result<(TcpListener, String), Problem> {
    let refused = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "something listens there already".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            _ => error.to_string(),
        };
        Problem::new(Code::Usage, format!("cannot listen on {address}: {why}"))
            .with_hint("choose another address in the settings, or by --listen and --ops-listen; port 0 takes a free one")
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let url = format!("http://{}", listener.local_addr().map_err(refused)?);
    Ok((listener, url))
}
