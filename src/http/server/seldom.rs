//! Something that is worth a line in the log, and happens again and again.

use std::time::Duration;

/// Shortest time between two lines about the same.
const PAUSE: Duration = Duration::from_mins(1);

/// Says when something that happened is to be told: the first time, then once a minute at most.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    told: Option<Duration>,
    untold: u64,
}

impl Seldom {
    /// It has happened, `now` after the start. If it is to be told: how often since it was told
    /// last.
    pub(super) fn tell(&mut self, now: Duration) -> Option<u64> {
        self.untold = self.untold.saturating_add(1);
        if self
            .told
            .is_some_and(|told| now.saturating_sub(told) < PAUSE)
        {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_a_second_are_one_line_a_minute() {
        let mut seldom = Seldom::default();
        let mut told = Vec::new();
        for tick in 0..30_000 {
            told.extend(seldom.tell(Duration::from_millis(10 * tick)));
        }
        assert_eq!(told, [1, 6_000, 6_000, 6_000, 6_000]);
    }
}
