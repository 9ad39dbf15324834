//! How late calls begin.

use std::time::Duration;

/// The greatest lag of the latest probes, so that one punctual target does not hide the others.
#[derive(Debug, Default)]
pub(super) struct Lag {
    greatest: Duration,
    before: Duration,
    since: Duration,
}

impl Lag {
    /// How long a lag is remembered, at least.
    const WINDOW: Duration = Duration::from_secs(30);

    /// Notes that a call at `now` was late by `lag`.
    pub(super) fn observe(&mut self, lag: Duration, now: Duration) {
        self.greatest = self.greatest.max(lag);
        if now.saturating_sub(self.since) > Self::WINDOW {
            self.before = std::mem::take(&mut self.greatest);
            self.since = now;
        }
    }

    /// The greatest lag of this window and the one before.
    pub(super) fn value(&self) -> Duration {
        self.greatest.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_lag_is_shown_for_a_while_and_then_no_more() {
        let mut lag = Lag::default();
        let [none, some] = [Duration::ZERO, Duration::from_secs(8)];
        lag.observe(some, Duration::from_secs(5));
        assert_eq!(lag.value(), some);
        for (second, shown) in [(10, some), (31, some), (61, some), (62, none), (93, none)] {
            lag.observe(none, Duration::from_secs(second));
            assert_eq!(lag.value(), shown, "{second}");
        }
    }
}
