//! The simulator's only clock.

use tokio::time::Instant;

/// Reads the runtime's clock, so that a paused clock in a test also drives token expiry.
#[allow(
    clippy::disallowed_methods,
    reason = "the one clock read of the simulator, which uses nothing of ours"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
