//! The only place that reads a clock.
//!
//! Everything else receives a [`Moment`]: the monotonic clock and the wall clock, read together.
//! Deadlines follow the monotonic clock, dates shown to people follow the wall clock, and a token
//! is expired as soon as *either* says so, because the monotonic clock stops while a machine
//! sleeps and the wall clock can be set back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Monotonic time since the [`Clock`] was made.
    pub elapsed: Duration,
    /// Wall-clock time.
    pub wall: Timestamp,
}

impl Moment {
    /// Monotonic time from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.elapsed.saturating_sub(earlier.elapsed)
    }

    /// This moment moved into the future on both clocks, saturating at their ends.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self {
            elapsed: self.elapsed.saturating_add(by),
            wall: later(self.wall, by),
        }
    }
}

/// `at` moved `by` into the future, saturating at the last representable time.
#[must_use]
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// A source of [`Moment`]s and of sleep.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    wall: Wall,
    /// From then on nobody wakes up any more: how tests let everything hang that waits.
    #[cfg(test)]
    hangs_from: Option<Duration>,
}

#[derive(Clone, Debug)]
enum Wall {
    System,
    /// Follows the monotonic clock from an anchor, so that tokio's paused clock drives both;
    /// the skew (seconds) lets a test set the wall clock.
    Simulated {
        anchor: Timestamp,
        skew_seconds: Arc<AtomicI64>,
    },
}

impl Clock {
    /// The clocks of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self {
            start: monotonic(),
            wall: Wall::System,
            #[cfg(test)]
            hangs_from: None,
        }
    }

    /// A wall clock that stands at `anchor` now and follows the runtime's (pausable) clock.
    #[must_use]
    pub fn simulated(anchor: Timestamp) -> Self {
        Self {
            start: monotonic(),
            wall: Wall::Simulated {
                anchor,
                skew_seconds: Arc::default(),
            },
            #[cfg(test)]
            hangs_from: None,
        }
    }

    /// The same clock, by which nobody wakes up any more after `elapsed`.
    #[cfg(test)]
    pub(crate) fn hanging_from(self, elapsed: Duration) -> Self {
        Self {
            hangs_from: Some(elapsed),
            ..self
        }
    }

    /// Sets a simulated wall clock forward or back; the system's clock cannot be set.
    pub fn skew_wall(&self, seconds: i64) {
        if let Wall::Simulated { skew_seconds, .. } = &self.wall {
            skew_seconds.fetch_add(seconds, Ordering::Relaxed);
        }
    }

    /// Reads the monotonic clock alone: time since the clock was made.
    #[must_use]
    pub fn since_start(&self) -> Duration {
        monotonic().saturating_duration_since(self.start)
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(&self) -> Moment {
        let elapsed = self.since_start();
        let wall = match &self.wall {
            Wall::System => system_wall(),
            Wall::Simulated {
                anchor,
                skew_seconds,
            } => {
                let skew = SignedDuration::from_secs(skew_seconds.load(Ordering::Relaxed));
                let now = later(*anchor, elapsed);
                now.checked_add(skew).unwrap_or(now)
            }
        };
        Moment { elapsed, wall }
    }

    /// Sleeps until the monotonic clock shows `elapsed`; returns at once when that is past.
    pub async fn sleep_until(&self, elapsed: Duration) {
        #[cfg(test)]
        if self.hangs_from.is_some_and(|from| from < elapsed) {
            return std::future::pending().await;
        }
        match self.start.checked_add(elapsed) {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "this module is where the clocks are read"
)]
fn monotonic() -> Instant {
    Instant::now()
}

#[allow(
    clippy::disallowed_methods,
    reason = "this module is where the clocks are read"
)]
fn system_wall() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_wall_clock_follows_the_paused_clock() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        clock.sleep_until(Duration::from_secs(90)).await;
        assert_eq!(clock.now().wall.as_second(), 90);
        clock.skew_wall(-3600);
        assert_eq!(clock.now().wall.as_second(), -3510);
        assert_eq!(clock.now().elapsed, Duration::from_secs(90));
    }

    #[test]
    fn moments_saturate_instead_of_panicking() {
        let end = Moment {
            elapsed: Duration::MAX,
            wall: Timestamp::MAX,
        };
        assert_eq!(end.plus(Duration::MAX), end);
        let start = Moment {
            elapsed: Duration::ZERO,
            wall: Timestamp::MIN,
        };
        assert_eq!(start.since(end), Duration::ZERO);
    }
}
