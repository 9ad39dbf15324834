//! The connections that are open, and which of them has to go when there are too many.
//!
//! A connection on which nothing was asked for longest makes room for a new one. Otherwise
//! whoever opens enough silent connections would keep everybody else from being answered, the
//! kubelet among them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id};

use crate::clock::Clock;

/// What stands for a request that is being answered.
const ANSWERING: u64 = u64::MAX;

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

/// One open connection, as the accept loop knows it.
#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    idle: Idle,
    /// Dropped to drain it: its receiver is polled with every request and costs an atomic load,
    /// where a shared token would cost a lock.
    _keep: oneshot::Sender<Infallible>,
}

/// All open connections of one listener.
#[derive(Debug)]
pub(super) struct Open {
    clock: Clock,
    connections: HashMap<Id, Connection>,
}

impl Open {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            connections: HashMap::new(),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }

    /// What a new connection says of itself.
    pub(super) fn idle(&self) -> Idle {
        Idle::new(self.clock.clone())
    }

    /// Counts a connection, which is told to end when `keep` is dropped.
    pub(super) fn insert(
        &mut self,
        task: AbortHandle,
        idle: Idle,
        keep: oneshot::Sender<Infallible>,
    ) {
        let connection = Connection {
            task,
            idle,
            _keep: keep,
        };
        self.connections.insert(connection.task.id(), connection);
    }

    /// The connection of this task has ended.
    pub(super) fn remove(&mut self, task: Id) {
        self.connections.remove(&task);
    }

    /// Cuts the connection that has waited longest for a request, if one waits at all, and says how long it had.
    pub(super) fn cut_longest_idle(&mut self) -> Option<Duration> {
        let waiting = self.connections.values();
        let waiting = waiting.filter(|it| it.idle.since() != ANSWERING);
        let longest = waiting.min_by_key(|it| it.idle.since())?;
        let since = Duration::from_nanos(longest.idle.since());
        let waited = self.clock.since_start().saturating_sub(since);
        longest.task.abort();
        let task = longest.task.id();
        self.remove(task);
        Some(waited)
    }
}
