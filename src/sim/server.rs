//! The simulator's own accept loop.
//!
//! `axum::serve` cannot end a connection without an answer, and those faults must be real bytes
//! (or their absence) on a real socket.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::fault::Ending;

/// The peer of a request, in its extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Serves `app` until `shutdown`; then open connections are dropped.
pub(super) async fn serve(
    app: Router,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message = format!("the simulator listens on loopback addresses only, not on {address}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => { connections.spawn(connection(app.clone(), stream, peer)); }
                // Out of descriptors, or a peer that left already: neither lasts.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
    Ok(())
}

async fn connection(app: Router, stream: TcpStream, peer: SocketAddr) {
    // Not a fault if it fails: answers only come a little later.
    drop(stream.set_nodelay(true));
    let reset = Arc::new(AtomicBool::new(false));
    let wire = Wire {
        stream,
        reset: Arc::clone(&reset),
    };
    let service = service_fn(move |request| answer(app.clone(), request, peer, Arc::clone(&reset)));
    // No limit on idle connections: its timer would fire at the same instant of a paused clock as a
    // client's next probe, and tests would see a race that has nothing to do with them.
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(wire), service)
        .await;
    // A connection ended on purpose, or by the peer, is no news to anybody.
    drop(served);
}

async fn answer(
    app: Router,
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    reset: Arc<AtomicBool>,
) -> io::Result<Response> {
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let response = app
        .oneshot(request)
        .await
        .unwrap_or_else(|never: Infallible| match never {});
    match response.extensions().get::<Ending>() {
        None => Ok(response),
        Some(ending) => {
            reset.store(*ending == Ending::Reset, Ordering::Relaxed);
            Err(io::Error::other("the connection is ended on purpose"))
        }
    }
}

/// A connection that can be told to end with a reset.
struct Wire {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // Closing with a linger time of zero sends RST instead of FIN.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
