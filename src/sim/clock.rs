//! The simulator's only clocks.

use jiff::Timestamp;
use tokio::time::Instant;

/// Reads the runtime's clock, so that a paused clock in a test also drives token expiry.
#[allow(
    clippy::disallowed_methods,
    reason = "the one clock read of the simulator, which uses nothing of ours"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// A wall clock, for dates in answers: it stood at a time once and follows the runtime's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wall {
    anchor: Timestamp,
    at: Instant,
}

impl Wall {
    /// The wall clock of this machine, read once.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one read of the wall clock by the simulator, which uses nothing of ours"
    )]
    pub(super) fn system() -> Self {
        Self::standing_at(Timestamp::now())
    }

    /// A wall clock that stands at `anchor` now.
    pub(super) fn standing_at(anchor: Timestamp) -> Self {
        Self { anchor, at: now() }
    }

    pub(super) fn now(self) -> Timestamp {
        let gone = now().duration_since(self.at);
        self.anchor.checked_add(gone).unwrap_or(self.anchor)
    }
}
