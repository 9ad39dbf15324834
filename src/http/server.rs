//! The accept loop: HTTP/1 over TCP or TLS, every phase of a connection with a deadline.
//!
//! `axum::serve` has no header timeout, no limit on connections and no deadline for its graceful
//! shutdown; measured, each of them lets one idle peer hold a resource for ever. The caller owns
//! the socket and the stop signal.

mod tls;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Service;
use crate::config;
use crate::monitor::verify::LONGEST;

pub use tls::{Secured, Tls};

/// Most headers of one request.
const MAX_HEADERS: usize = 64;

/// Longest head of one request, and what is read ahead on one connection.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Pause after a failed accept, most often for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Deadlines and sizes of the connections.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    header_timeout: Duration,
    /// Time without any acknowledgement after which the kernel gives a peer up; hyper has no
    /// write timeout, so this is what ends a peer that never reads.
    user_timeout: Duration,
    /// Age from which a connection takes no more requests, so that load spreads anew.
    max_age: Duration,
    /// What the last request of an aged connection may take.
    age_grace: Duration,
    drain_timeout: Duration,
}

impl From<&config::Server> for Limits {
    fn from(server: &config::Server) -> Self {
        Self {
            connections: server.max_connections.clamp(1, Semaphore::MAX_PERMITS),
            header_timeout: server.header_timeout,
            user_timeout: Duration::from_secs(15),
            max_age: Duration::from_mins(5),
            // A verification may have begun a moment before.
            age_grace: LONGEST.saturating_add(Duration::from_secs(90)),
            drain_timeout: server.drain_timeout,
        }
    }
}

/// Serves `service` on `listener`, over TLS where it is secured, until `drain` is cancelled, then finishes what is open.
///
/// Once `drain` is cancelled no connection is accepted, idle ones end, and requests in flight
/// get `Connection: close` and `limits.drain_timeout` to finish. Returns how many connections had
/// to be cut after that.
///
/// What comes before belongs to the caller: it cancels [`super::AppState::stopping`], waits for
/// `limits.shutdown_delay` while requests still arrive, then cancels `drain`.
pub async fn serve(
    listener: TcpListener,
    secured: Option<Secured>,
    service: Service,
    limits: &config::Server,
    drain: CancellationToken,
) -> usize {
    let answer = move |request| service.clone().answer(request);
    run(listener, secured, answer, limits.into(), drain).await
}

async fn run<A, F>(
    listener: TcpListener,
    secured: Option<Secured>,
    answer: A,
    limits: Limits,
    drain: CancellationToken,
) -> usize
where
    A: Fn(Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    // One sender per connection, dropped to drain it: its receiver is polled with every request
    // and costs an atomic load, where a shared token would cost a lock.
    let mut open = HashMap::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
            Some(ended) = connections.join_next_with_id() => {
                open.remove(&match &ended {
                    Ok((id, ())) => *id,
                    Err(error) => error.id(),
                });
                note_panic(ended.map(|(_, ())| ()));
                continue;
            }
        };
        let Some((stream, peer, slot)) = accepted else {
            continue;
        };
        if let Err(error) = tune(&stream, limits.user_timeout) {
            tracing::debug!(%error, "a connection could not be tuned: {error}");
        }
        let answer = answer.clone();
        let (keep, drained) = oneshot::channel();
        let tls = secured.as_ref().map(Secured::acceptor);
        let accepted = Accepted { stream, peer, tls };
        let task = connections.spawn(connection(accepted, answer, limits, drained, slot));
        open.insert(task.id(), keep);
    }
    drop(listener);
    drop(open);
    drained(connections, limits.drain_timeout).await
}

/// Waits for a free slot first, so that peers queue in the kernel's backlog and not in here.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) if is_the_peers_fault(&error) => None,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted: {error}");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn is_the_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused
    )
}

fn tune(stream: &TcpStream, user_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(user_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _unsupported = user_timeout;
    Ok(())
}

/// A connection as it was accepted.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    /// How to secure it, where it is to be.
    tls: Option<TlsAcceptor>,
}

/// Serves one connection for as long as it has its slot.
async fn connection<F>(
    accepted: Accepted,
    answer: impl Fn(Request<Body>) -> F,
    limits: Limits,
    drain: oneshot::Receiver<Infallible>,
    _slot: OwnedSemaphorePermit,
) where
    F: Future<Output = Response>,
{
    let Accepted { stream, peer, tls } = accepted;
    match tls {
        None => speak(stream, peer, answer, limits, drain).await,
        // In a box, so that a connection without TLS does not reserve the memory of one with it.
        Some(tls) => Box::pin(secure(stream, peer, tls, answer, limits, drain)).await,
    }
}

/// Waits for the handshake, which counts as the beginning of the first head, then speaks HTTP.
async fn secure<F>(
    stream: TcpStream,
    peer: SocketAddr,
    tls: TlsAcceptor,
    answer: impl Fn(Request<Body>) -> F,
    limits: Limits,
    mut drain: oneshot::Receiver<Infallible>,
) where
    F: Future<Output = Response>,
{
    let handshake = timeout(limits.header_timeout, tls.accept(stream));
    let shaken = tokio::select! {
        biased;
        shaken = handshake => shaken,
        // Nothing was asked yet.
        _ = &mut drain => return,
    };
    match shaken {
        Ok(Ok(stream)) => speak(stream, peer, answer, limits, drain).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed: {error}"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Speaks HTTP until the connection ends, ages or is drained.
async fn speak<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    answer: impl Fn(Request<Body>) -> F,
    limits: Limits,
    drain: oneshot::Receiver<Infallible>,
) where
    F: Future<Output = Response>,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = answer(request);
        async { Ok::<_, Infallible>(answering.await) }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut http = pin!(http);
    let drained = tokio::select! {
        biased;
        result = http.as_mut() => return note_end(result),
        _ = drain => true,
        () = sleep(limits.max_age) => false,
    };
    http.as_mut().graceful_shutdown();
    if drained {
        // The deadline for all connections is `drain_timeout`, after which they are aborted.
        note_end(http.await);
    } else if let Ok(result) = timeout(limits.age_grace, http).await {
        note_end(result);
    }
}

/// Peers that break off or send nonsense are everyday events: worth a word only when debugging.
fn note_end(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early: {error}");
    }
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked: {error}");
    }
}

/// Waits for open connections, cuts those that take too long and says how many.
async fn drained(mut connections: JoinSet<()>, deadline: Duration) -> usize {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            note_panic(ended);
        }
    };
    if timeout(deadline, all_ended).await.is_ok() {
        return 0;
    }
    let cut = connections.len();
    connections.shutdown().await;
    tracing::warn!(cut, "drain deadline: {cut} open connections were cut");
    cut
}

#[cfg(test)]
mod tests;
