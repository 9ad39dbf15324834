//! The accept loop: HTTP/1 over TCP or TLS, every phase of a connection with a deadline.
//!
//! `axum::serve` has no header timeout, no limit on connections and no deadline for its graceful
//! shutdown; measured, each of them lets one idle peer hold a resource for ever. The caller owns
//! the socket and the stop signal.

mod connection;
mod open;
mod patience;
mod seldom;
mod tls;

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet, yield_now};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Service;
use crate::clock::Clock;
use crate::config;
use crate::metrics::{Connections, OpenConnection};
use crate::monitor::verify::LONGEST;

use connection::Accepted;
use open::Open;
use seldom::Seldom;

pub use tls::{Secured, Tls};

/// Pause after a failed accept, most often for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Most connections that are cut in a row for their descriptors, before that is no help.
const CUT_IN_A_ROW: u32 = 8;

/// Pause when requests are being answered on all connections there may be.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Most connections that were cut and have not ended yet.
const ENDING: usize = 16;

/// Time between the end of listening and of the connections: what was asked before is heard.
const LINGER: Duration = Duration::from_millis(100);

/// Deadlines and sizes of the connections.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    header_timeout: Duration,
    /// What a peer may take to take an answer, and the time without any acknowledgement after
    /// which the kernel gives it up.
    write_timeout: Duration,
    /// Age from which a connection takes no more requests, so that load spreads anew.
    max_age: Duration,
    /// What the last request of an aged connection may take.
    age_grace: Duration,
    drain_timeout: Duration,
}

impl From<&config::Server> for Limits {
    fn from(server: &config::Server) -> Self {
        Self {
            connections: server.max_connections.max(1),
            header_timeout: server.header_timeout,
            write_timeout: Duration::from_secs(15),
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
    let door = Door {
        listener,
        secured,
        limits: limits.into(),
        counts: service.shared.app.metrics.connections().clone(),
        clock: service.shared.app.clock.clone(),
    };
    let answer = move |request| service.clone().answer(request);
    run(door, answer, drain).await
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    secured: Option<Secured>,
    limits: Limits,
    counts: Connections,
    clock: Clock,
}

async fn run<A, F>(door: Door, answer: A, drain: CancellationToken) -> usize
where
    A: Fn(Request<Body>) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let Door {
        listener,
        secured,
        limits,
        counts,
        clock,
    } = door;
    let mut connections = JoinSet::new();
    let open = Open::new(clock.clone());
    let mut crowding = Crowding::new(counts, clock);
    'accepting: loop {
        let accepted = tokio::select! {
            biased;
            () = drain.cancelled() => break,
            Some(ended) = connections.join_next_with_id() => {
                open.remove(ended_id(&ended));
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_the_peers_fault(&error) => continue,
            Err(error) => {
                crowding.not_accepted(&error, &open).await;
                continue;
            }
        };
        while !has_room(&connections, &open, limits) {
            if open.count() >= limits.connections && crowding.make_room(&open) {
                continue;
            }
            tokio::select! {
                biased;
                () = drain.cancelled() => break 'accepting,
                Some(ended) = connections.join_next_with_id() => open.remove(ended_id(&ended)),
                () = sleep(BUSY_PAUSE) => {}
            }
        }
        let accepted = Accepted {
            stream,
            peer,
            tls: secured.as_ref().map(Secured::acceptor),
            idle: open.idle(),
            open: open.clone(),
            counted: crowding.accepted(),
        };
        let idle = accepted.idle.clone();
        let (keep, drained) = oneshot::channel();
        let task = connections.spawn(accepted.serve(answer.clone(), limits, drained));
        open.insert(task, idle, keep);
    }
    drop(listener);
    if timeout(LINGER, all_ended(&mut connections)).await.is_ok() {
        return 0;
    }
    open.drain();
    drained(connections, limits.drain_timeout.saturating_sub(LINGER)).await
}

/// Whether one more connection may be open, those included that were cut and have not ended yet.
fn has_room(connections: &JoinSet<()>, open: &Open, limits: Limits) -> bool {
    let most = limits.connections;
    open.count() < most && connections.len() < most.saturating_add(ENDING)
}

/// The task that has ended.
fn ended_id(ended: &Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((id, ())) => *id,
        Err(error) => {
            note_panic(error);
            error.id()
        }
    }
}

fn note_panic(error: &JoinError) {
    if error.is_panic() {
        tracing::error!(%error, "a connection's task panicked: {error}");
    }
}

fn is_the_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused
    )
}

/// What is done and said while there are more connections than can be had.
struct Crowding {
    counts: Connections,
    clock: Clock,
    /// Accepts that failed in a row.
    failures: u32,
    failed: Seldom,
    cut: Seldom,
}

impl Crowding {
    fn new(counts: Connections, clock: Clock) -> Self {
        Self {
            counts,
            clock,
            failures: 0,
            failed: Seldom::default(),
            cut: Seldom::default(),
        }
    }

    /// Counts a new connection for as long as what is returned exists.
    fn accepted(&mut self) -> OpenConnection {
        self.failures = 0;
        self.counts.opened()
    }

    /// Cuts an idle connection, if there is one.
    fn make_room(&mut self, open: &Open) -> bool {
        let Some(waited) = open.cut_longest_idle() else {
            return false;
        };
        self.counts.cut();
        if let Some(cut) = self.cut.tell(self.clock.since_start()) {
            let waited = waited.as_secs();
            tracing::warn!(
                cut,
                "server.max_connections is reached: {cut} connections were cut to make room, each \
                 the longest without a request, the last one for {waited} s"
            );
        }
        true
    }

    /// Waits until another try makes sense: the descriptor of an idle connection may be what is missing.
    async fn not_accepted(&mut self, error: &io::Error, open: &Open) {
        self.counts.not_accepted();
        self.failures = self.failures.saturating_add(1);
        if let Some(failures) = self.failed.tell(self.clock.since_start()) {
            tracing::warn!(
                %error,
                failures,
                "connections cannot be accepted ({failures} since this was last said): {error}"
            );
        }
        if self.failures <= CUT_IN_A_ROW && open.cut_longest_idle().is_some() {
            self.counts.cut();
            yield_now().await;
        } else {
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Waits for open connections, cuts those that take too long and returns how many.
async fn drained(mut connections: JoinSet<()>, deadline: Duration) -> usize {
    if timeout(deadline, all_ended(&mut connections)).await.is_ok() {
        return 0;
    }
    let cut = connections.len();
    connections.shutdown().await;
    cut
}

async fn all_ended(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.join_next().await {
        ended.unwrap_or_else(|error| note_panic(&error));
    }
}

#[cfg(test)]
mod tests;
