//! When a verification looks again: a function of what it has seen.

use std::time::Duration;

use super::super::{Declined, Purpose};
use crate::diagnosis::verify::{Progress, Verified};

/// Pauses between looks; the last one is repeated.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(30),
    Duration::from_mins(1),
];
/// How soon a fresh token that was accepted is looked at once more; a result younger than a second
/// would answer that.
const CONFIRMATION: Duration = Duration::from_secs(2);
/// Least time between two looks with a fresh token: too many of them invalidate others.
const FRESH_PAUSE: Duration = Duration::from_mins(1);
/// What is left of the limit when another look is not worth it.
const REST: Duration = Duration::from_secs(2);

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A look, at this time.
    Look(Duration, Purpose),
    /// Nothing: it is settled, or the time is over.
    End(Verified),
    /// Nothing: it may not be asked, at least for longer than what is left of the time.
    Declined(Declined),
}

/// What a look showed, as far as the plan depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) progress: Progress,
    /// Whether the permission is there, so that a later token may be accepted at once.
    pub(super) on_its_way: bool,
    /// Whether a later token could make a difference at all.
    pub(super) could_need_fresh: bool,
}

/// The looks of one verification so far.
#[derive(Debug)]
pub(super) struct Plan {
    /// When the time is over.
    end: Duration,
    looks: usize,
    /// When the latest look with a fresh token was.
    fresh_at: Option<Duration>,
    /// Whether a second fresh token was asked for, after which there is no other.
    further: bool,
    confirmed: bool,
}

impl Plan {
    pub(super) fn new(began: Duration, limit: Duration) -> Self {
        Self {
            end: began.saturating_add(limit),
            looks: 0,
            fresh_at: None,
            further: false,
            confirmed: false,
        }
    }

    /// Notes that a look is made now.
    pub(super) fn look(&mut self, now: Duration, purpose: Purpose) {
        if purpose == Purpose::Verify {
            self.further = self.fresh_at.is_some();
            self.fresh_at = Some(now);
        }
    }

    /// What follows a look that has shown this.
    pub(super) fn after(&mut self, now: Duration, shown: Shown) -> Next {
        let pause = PAUSES.get(self.looks).or(PAUSES.last()).copied();
        self.looks = self.looks.saturating_add(1);
        match shown.progress {
            Progress::Settled(verified) => Next::End(verified),
            Progress::Confirm if !self.confirmed => {
                self.confirmed = true;
                Next::Look(now.saturating_add(CONFIRMATION), Purpose::Fresh)
            }
            Progress::Waiting(verified) if self.left(now) < REST => Next::End(verified),
            Progress::Confirm if self.left(now) < REST => Next::End(Verified::Undetermined),
            Progress::Waiting(_) | Progress::Confirm => {
                let next = now.saturating_add(pause.unwrap_or(REST));
                // What would be left after that look is not worth one more.
                let is_last = next.saturating_add(REST) >= self.end;
                let at = if is_last { self.end } else { next };
                Next::Look(at, self.purpose(at, is_last, shown))
            }
        }
    }

    /// What follows when a look was not made.
    pub(super) fn declined(&self, now: Duration, declined: Declined, purpose: Purpose) -> Next {
        match declined.wait() {
            Some(wait) if wait <= self.left(now) => Next::Look(now.saturating_add(wait), purpose),
            _ => Next::Declined(declined),
        }
    }

    /// One more fresh token at most, when it can tell something.
    fn purpose(&self, at: Duration, is_last: bool, shown: Shown) -> Purpose {
        let since = self.fresh_at.map(|fresh| at.saturating_sub(fresh));
        let is_due = since.is_none_or(|since| since >= FRESH_PAUSE);
        let is_wanted = is_last || shown.on_its_way;
        if !self.further && is_due && is_wanted && shown.could_need_fresh {
            Purpose::Verify
        } else {
            Purpose::Fresh
        }
    }

    fn left(&self, now: Duration) -> Duration {
        self.end.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Shown = Shown {
        progress: Progress::Waiting(Verified::NotFixed),
        on_its_way: false,
        could_need_fresh: true,
    };

    /// Seconds of all looks, those with a fresh token marked, until it ends.
    fn looks(limit: u64, shown: impl Fn(u64) -> Shown) -> (Vec<(u64, bool)>, Verified) {
        let second = Duration::from_secs(1);
        let mut plan = Plan::new(100 * second, Duration::from_secs(limit));
        let mut all = Vec::new();
        let mut next = Next::Look(100 * second, Purpose::Verify);
        loop {
            match next {
                Next::Look(at, purpose) => {
                    let seconds = at.as_secs() - 100;
                    all.push((seconds, purpose == Purpose::Verify));
                    plan.look(at, purpose);
                    next = plan.after(at, shown(seconds));
                }
                Next::End(verified) => return (all, verified),
                Next::Declined(why) => panic!("{why:?}"),
            }
        }
    }

    #[test]
    fn looks_become_rarer_and_end_at_the_limit() {
        let (all, verified) = looks(300, |_| REFUSED);
        let plain = |at| (at, false);
        let middle = [10, 30, 60, 120, 180, 240].map(plain);
        assert_eq!(all, [&[(0, true)][..], &middle, &[(300, true)]].concat());
        assert_eq!(verified, Verified::NotFixed);
        assert_eq!(looks(0, |_| REFUSED).0, [(0, true)]);
        assert_eq!(
            looks(25, |_| REFUSED).0,
            [(0, true), (10, false), (25, false)]
        );
        assert_eq!(looks(11, |_| REFUSED).0, [(0, true), (11, false)]);
    }

    #[test]
    fn one_more_fresh_token_is_asked_for_when_the_permission_is_there() {
        let (all, _) = looks(300, |at| Shown {
            on_its_way: at >= 30,
            ..REFUSED
        });
        let fresh: Vec<u64> = all.iter().filter(|one| one.1).map(|one| one.0).collect();
        assert_eq!(fresh, [0, 60]);
        let (all, _) = looks(300, |_| Shown {
            could_need_fresh: false,
            ..REFUSED
        });
        assert_eq!(all.iter().filter(|one| one.1).count(), 1);
    }

    #[test]
    fn a_fresh_token_that_is_accepted_is_confirmed_once_whatever_the_limit() {
        let confirm = |_| Shown {
            progress: Progress::Confirm,
            ..REFUSED
        };
        let (all, verified) = looks(0, confirm);
        assert_eq!(all, [(0, true), (2, false)]);
        assert_eq!(verified, Verified::Undetermined);
    }

    #[test]
    fn a_rate_limit_is_waited_for_if_there_is_time() {
        let second = Duration::from_secs(1);
        let plan = Plan::new(Duration::ZERO, 60 * second);
        for limit in [Declined::TooSoon, Declined::LeftAlone] {
            let next = plan.declined(20 * second, limit(40 * second), Purpose::Fresh);
            assert_eq!(next, Next::Look(60 * second, Purpose::Fresh));
            let next = plan.declined(20 * second, limit(41 * second), Purpose::Fresh);
            assert_eq!(next, Next::Declined(limit(41 * second)));
        }
    }
}
