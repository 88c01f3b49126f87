//! The two listeners of a sandbox and their connections.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{CipherSuite, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::authenticate::Connection;
use crate::front::Front;

/// How long a client may take for its TLS handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long requests under way may take when the sandbox stops.
const GRACE: Duration = Duration::from_secs(5);

/// Told to all connections: stop after the request under way.
pub(crate) type Stop = watch::Receiver<bool>;

/// Serves both listeners until told to stop, then lets requests under way finish for a short while.
pub(crate) async fn serve(
    front: Arc<Front>,
    http: TcpListener,
    https: TcpListener,
    tls: Arc<ServerConfig>,
    mut stop: Stop,
) {
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        let (accepted, secure) = tokio::select! {
            accepted = http.accept() => (accepted, false),
            accepted = https.accept() => (accepted, true),
            () = stopped(&mut stop) => break,
        };
        // Finished connections are forgotten as new ones come.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let acceptor = secure.then(|| acceptor.clone());
                connections.spawn(connection(Arc::clone(&front), stream, peer, acceptor, stop.clone()));
            }
            Err(error) => wait_after(&error).await,
        }
    }
    drop((http, https));
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finish).await.is_err() {
        tracing::warn!("connections are cut at the end of the grace period");
    }
}

/// Ends when the sandbox is told to stop, or is gone.
async fn stopped(stop: &mut Stop) {
    // An error means that the sender is gone: the same thing.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// An accept that fails for want of files would fail again at once.
async fn wait_after(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn connection(
    front: Arc<Front>,
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    stop: Stop,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch Nagle's algorithm off");
    }
    let Some(acceptor) = acceptor else {
        return requests(front, stream, Connection { peer, tls_version: None, cipher: None }, stop).await;
    };
    match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let session = stream.get_ref().1;
            let cipher = session.negotiated_cipher_suite().and_then(|suite| cipher_name(suite.suite()));
            let tls_version = match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => Some("1.3"),
                _ => Some("1.2"),
            };
            requests(front, stream, Connection { peer, tls_version, cipher }, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Rustls writes `TLS13_AES_128_GCM_SHA256` for what IANA calls `TLS_AES_128_GCM_SHA256`.
fn cipher_name(suite: CipherSuite) -> Option<&'static str> {
    let name = suite.as_str()?;
    Some(match name {
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        other => other,
    })
}

async fn requests<S>(front: Arc<Front>, stream: S, connection: Connection, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| Arc::clone(&front).answer(request, connection));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stopped(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}
