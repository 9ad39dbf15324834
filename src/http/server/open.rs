//! The connections that are open, and which of them has to go when there are too many.
//!
//! A connection on which nothing was asked for longest makes room for a new one. Otherwise
//! whoever opens enough silent connections would keep everybody else from being answered, the
//! kubelet among them. In the same way the memory is bounded that answers need until their peers
//! have taken them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::response::Response;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id, id};

use crate::clock::Clock;

/// What stands for a request that is being answered.
const ANSWERING: u64 = u64::MAX;

/// Answers up to this length are not counted: the most connections there may be do little harm with
/// them.
const SMALL: usize = 64 * 1024;

/// Most bytes of larger answers that wait for their peers; a fleet of ten thousand targets has
/// answers of fifteen megabytes.
const MOST_UNTAKEN: usize = 64 * 1024 * 1024;

/// Since when a connection has waited for a request; it is shared with the connection's task.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    clock: Clock,
    /// Nanoseconds since the clock began, or [`ANSWERING`].
    since: Arc<AtomicU64>,
}

impl Idle {
    /// Waiting from now on.
    fn new(clock: Clock) -> Self {
        let idle = Self {
            clock,
            since: Arc::default(),
        };
        idle.waits();
        idle
    }

    /// The connection waits for a request from now on.
    fn waits(&self) {
        let now = self.clock.since_start().as_nanos();
        let now = u64::try_from(now).unwrap_or(ANSWERING).min(ANSWERING - 1);
        self.since.store(now, Ordering::Relaxed);
    }

    /// A request is being answered until what is returned is dropped.
    pub(super) fn answering(&self) -> Answering {
        self.since.store(ANSWERING, Ordering::Relaxed);
        Answering(self.clone())
    }

    fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(super) struct Answering(Idle);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.waits();
    }
}

/// One open connection.
#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    idle: Idle,
    /// Bytes of large answers that the peer has not taken yet.
    untaken: usize,
    /// Dropped to drain it: its receiver is polled with every request and costs an atomic load,
    /// where a shared token would cost a lock.
    _keep: oneshot::Sender<Infallible>,
}

/// All open connections of one listener; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Open {
    clock: Clock,
    connections: Arc<Mutex<HashMap<Id, Connection>>>,
}

impl Open {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            connections: Arc::default(),
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<Id, Connection>> {
        let locked = self.connections.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.connections().len()
    }

    /// What a new connection says of itself.
    pub(super) fn idle(&self) -> Idle {
        Idle::new(self.clock.clone())
    }

    /// Counts a connection, which is told to end when `keep` is dropped.
    pub(super) fn insert(&self, task: AbortHandle, idle: Idle, keep: oneshot::Sender<Infallible>) {
        let connection = Connection {
            task,
            idle,
            untaken: 0,
            _keep: keep,
        };
        let id = connection.task.id();
        self.connections().insert(id, connection);
    }

    /// The connection of this task has ended.
    pub(super) fn remove(&self, task: Id) {
        self.connections().remove(&task);
    }

    /// Tells all connections to end.
    pub(super) fn drain(&self) {
        self.connections().clear();
    }

    /// Cuts the connection that has waited longest for a request, if one waits at all, and says
    /// how long it had.
    pub(super) fn cut_longest_idle(&self) -> Option<Duration> {
        self.cut_longest_idle_of(&mut self.connections(), |_| true)
    }

    fn cut_longest_idle_of(
        &self,
        connections: &mut HashMap<Id, Connection>,
        eligible: impl Fn(&Connection) -> bool,
    ) -> Option<Duration> {
        let waiting = connections.values().filter(|it| eligible(it));
        let waiting = waiting.filter(|it| it.idle.since() != ANSWERING);
        let longest = waiting.min_by_key(|it| it.idle.since())?;
        let since = Duration::from_nanos(longest.idle.since());
        let waited = self.clock.since_start().saturating_sub(since);
        longest.task.abort();
        let task = longest.task.id();
        connections.remove(&task);
        Some(waited)
    }

    /// Counts an answer of the current task's connection until its peer has taken it; small ones
    /// pass as they are. Whoever has been taking longest is cut when there is too much of it.
    pub(super) async fn untaken(&self, answer: Response) -> Response {
        let length = answer.size_hint().exact();
        let length = length.and_then(|it| usize::try_from(it).ok());
        let Some(length) = length.filter(|length| *length > SMALL) else {
            return answer;
        };
        let (head, body) = answer.into_parts();
        // Our answers are in one piece, so that nothing is waited for or copied here.
        let Ok(bytes) = to_bytes(body, length).await else {
            return Response::from_parts(head, Body::empty());
        };
        let untaken = Untaken {
            bytes,
            task: id(),
            open: self.clone(),
        };
        self.count_untaken(untaken.task, length);
        Response::from_parts(head, Bytes::from_owner(untaken).into())
    }

    fn count_untaken(&self, task: Id, length: usize) {
        let mut connections = self.connections();
        if let Some(connection) = connections.get_mut(&task) {
            connection.untaken = connection.untaken.saturating_add(length);
        }
        let total =
            |all: &HashMap<Id, Connection>| all.values().map(|it| it.untaken).sum::<usize>();
        while total(&connections) > MOST_UNTAKEN
            && self
                .cut_longest_idle_of(&mut connections, |it| it.untaken > 0)
                .is_some()
        {}
    }
}

/// An answer whose memory is needed until the peer has taken it.
struct Untaken {
    bytes: Bytes,
    task: Id,
    open: Open,
}

impl AsRef<[u8]> for Untaken {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        if let Some(connection) = self.open.connections().get_mut(&self.task) {
            connection.untaken = connection.untaken.saturating_sub(self.bytes.len());
        }
    }
}
