//! One connection: its handshake, its requests, its end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
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
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Limits;
use super::open::{Idle, Open};
use super::patience::Patient;
use crate::metrics::OpenConnection;

/// Most headers of one request.
const MAX_HEADERS: usize = 64;

/// Longest head of one request, and what is read ahead on one connection.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A connection as it was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// How to secure it, where it is to be.
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) idle: Idle,
    pub(super) open: Open,
    pub(super) counted: OpenConnection,
}

/// What a connection needs to speak HTTP.
struct Speech<A> {
    peer: SocketAddr,
    answer: A,
    limits: Limits,
    idle: Idle,
    open: Open,
    drain: oneshot::Receiver<Infallible>,
}

impl Accepted {
    /// Serves the connection until it ends.
    pub(super) async fn serve<A, F>(
        self,
        answer: A,
        limits: Limits,
        drain: oneshot::Receiver<Infallible>,
    ) where
        A: Fn(Request<Body>) -> F,
        F: Future<Output = Response>,
    {
        let Self {
            stream,
            peer,
            tls,
            idle,
            open,
            counted: _counted,
        } = self;
        if let Err(error) = tune(&stream, limits.write_timeout) {
            tracing::debug!(%error, "a connection could not be tuned: {error}");
        }
        let stream = Patient::new(stream, limits.write_timeout);
        let speech = Speech {
            peer,
            answer,
            limits,
            idle,
            open,
            drain,
        };
        match tls {
            None => speech.speak(stream).await,
            // In a box, so that a connection without TLS does not reserve the memory of one with it.
            Some(tls) => Box::pin(speech.secure(stream, tls)).await,
        }
    }
}

fn tune(stream: &TcpStream, user_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(user_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _unsupported = user_timeout;
    Ok(())
}

impl<A, F> Speech<A>
where
    A: Fn(Request<Body>) -> F,
    F: Future<Output = Response>,
{
    /// Waits for the handshake, which counts as the beginning of the first head, then speaks HTTP.
    async fn secure(mut self, stream: Patient<TcpStream>, tls: TlsAcceptor) {
        let handshake = timeout(self.limits.header_timeout, tls.accept(stream));
        let shaken = tokio::select! {
            biased;
            shaken = handshake => shaken,
            // Nothing was asked yet.
            _ = &mut self.drain => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed: {error}"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    /// Speaks HTTP until the connection ends, ages or is drained.
    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self {
            peer,
            answer,
            limits,
            idle,
            open,
            drain,
        } = self;
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let answering = (idle.answering(), answer(request), open.clone());
            async {
                let (_answering, answer, open) = answering;
                Ok::<_, Infallible>(open.untaken(answer.await).await)
            }
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
}

/// Peers that break off or send nonsense are everyday events: worth a word only when debugging.
fn note_end(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early: {error}");
    }
}
