//! From a row of findings to a verdict that does not flap.
//!
//! Pure: results and times come in, a verdict comes out. Definitive findings (a refusal, a
//! rejected credential, a wrong call) count at once; transient ones need `fall` in a row, and one
//! is enough to warn; recovery, from a warning, too, needs `rise` in a row, and the first success
//! ever counts at once. A rate limit says nothing about access and keeps the last verdict, but
//! warns as long. A result that is too old is neither green nor red.

mod suspicion;

use std::time::Duration;

pub use suspicion::{Reach, Sight, is_suspected, reaches_nobody, stood_still};

use crate::clock::Moment;
use crate::config::{HealthPolicy, Level};
use crate::diagnosis::{Class, Diagnosis, Finding, Outcome};

/// The verdict about one operation or target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Access works.
    Pass,
    /// Access is in doubt, or something else deserves a look.
    Warn,
    /// Nothing is known yet.
    Unknown,
    /// Access does not work.
    Fail,
}

impl Status {
    /// The name used in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

impl From<Level> for Status {
    fn from(level: Level) -> Self {
        match level {
            Level::Pass => Self::Pass,
            Level::Warn => Self::Warn,
            Level::Fail => Self::Fail,
        }
    }
}

/// Why the verdict is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No result has settled the verdict yet.
    Starting,
    /// The last results were good.
    Healthy,
    /// Some transient failures, not yet enough to change the verdict.
    Degrading,
    /// Failing.
    Unhealthy,
    /// Some successes after a failure, not yet enough to end the doubt or to change the verdict.
    Recovering,
    /// Access works, but with a token that cannot be renewed: it ends with that token.
    Expiring,
    /// The latest results reached nobody, and a fault here is suspected: they do not count.
    Doubted,
    /// The last result is too old to say anything.
    Stale,
}

impl State {
    /// The name used in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degrading => "degrading",
            Self::Unhealthy => "unhealthy",
            Self::Recovering => "recovering",
            Self::Expiring => "expiring",
            Self::Doubted => "doubted",
            Self::Stale => "stale",
        }
    }
}

/// A verdict and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Pass, warn, fail or unknown.
    pub status: Status,
    /// Why.
    pub state: State,
}

impl Verdict {
    /// The same while the token cannot be renewed, because of `outcome`: a warning at least, unless
    /// nothing is known, or nothing any more. The state says so where it has nothing worse to say.
    #[must_use]
    pub fn expiring(self, outcome: Outcome, thresholds: &Thresholds) -> Self {
        if matches!(self.state, State::Starting | State::Stale | State::Doubted) {
            return self;
        }
        let level = match weigh(Finding::Other(outcome), thresholds.policy) {
            Weight::Good => Level::Pass,
            Weight::Definitive(level) | Weight::Transient(level) => level,
            Weight::Throttled => thresholds.policy.throttled,
        };
        // It still works: no more than a warning.
        let doubt = Status::Warn.min(level.into());
        let is_news = self.state == State::Healthy || self.status == Status::Pass;
        let state = if is_news { State::Expiring } else { self.state };
        verdict(self.status.max(doubt), state)
    }

    /// The same while a fault here is suspected: a warning at least, unless nothing is known, or
    /// nothing any more.
    #[must_use]
    pub fn doubted(self, thresholds: &Thresholds) -> Self {
        if matches!(self.state, State::Starting | State::Stale) {
            return self;
        }
        let doubt = Status::Warn.min(thresholds.policy.outage.into());
        verdict(self.status.max(doubt), State::Doubted)
    }
}

/// How results become a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// What each class of result means.
    pub policy: HealthPolicy,
    /// Transient failures in a row that change the verdict; at least 1.
    pub fall: u32,
    /// Successes in a row that restore it; at least 1.
    pub rise: u32,
    /// Age from which a result says nothing any more.
    pub stale_after: Duration,
}

/// The age from which a result says nothing: three missed probes and a timeout.
#[must_use]
pub fn stale_after(interval: Duration, timeout: Duration) -> Duration {
    interval.saturating_mul(3).saturating_add(timeout)
}

/// What the row of findings so far amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    settled: Option<Level>,
    streak: Streak,
    /// Whether the last failure met a good verdict and left it standing, and was not made good by
    /// enough successes since.
    shaken: bool,
    /// Successes that are still needed to forget a rate limit.
    throttled: u32,
    /// Whether access works and is about to end.
    ending: bool,
    informed_at: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Streak {
    #[default]
    None,
    Good(u32),
    Transient(u32),
    Definitive,
}

/// How a finding counts.
#[derive(Clone, Copy)]
enum Weight {
    Good,
    Definitive(Level),
    Transient(Level),
    Throttled,
}

/// One result, as the verdict sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What was found.
    pub finding: Finding,
    /// Whether the next probe may well revise it: it counts like a transient one then, at the level
    /// of its class.
    pub provisional: bool,
    /// Whether access works and is about to end.
    pub ending: bool,
}

impl From<&Diagnosis> for Seen {
    fn from(diagnosis: &Diagnosis) -> Self {
        Self {
            finding: diagnosis.finding,
            provisional: diagnosis.provisional,
            ending: diagnosis.early_warning.is_some(),
        }
    }
}

impl Health {
    /// Takes the next result into account.
    #[must_use]
    pub fn observe(self, seen: Seen, at: Moment, thresholds: &Thresholds) -> Self {
        let weight = match weigh(seen.finding, thresholds.policy) {
            Weight::Definitive(level) if seen.provisional => Weight::Transient(level),
            other => other,
        };
        Self {
            ending: seen.ending,
            ..self.weighed(weight, at, thresholds)
        }
    }

    fn weighed(self, weight: Weight, at: Moment, thresholds: &Thresholds) -> Self {
        if matches!(weight, Weight::Throttled) {
            return Self {
                throttled: thresholds.rise,
                ..self
            };
        }
        let streak = self.streak.next(weight);
        let settled = settle(self.settled, streak, weight, thresholds);
        Self {
            settled,
            streak,
            shaken: match streak {
                Streak::Transient(_) => settled == Some(Level::Pass),
                Streak::Good(good) => self.shaken && good < thresholds.rise,
                Streak::None | Streak::Definitive => false,
            },
            throttled: match streak {
                Streak::Good(_) => self.throttled.saturating_sub(1),
                Streak::Transient(_) => self.throttled,
                Streak::None | Streak::Definitive => 0,
            },
            informed_at: Some(at),
            ..self
        }
    }

    /// The verdict at `now`.
    #[must_use]
    pub fn verdict(&self, now: Moment, thresholds: &Thresholds) -> Verdict {
        let policy = &thresholds.policy;
        let Some(informed_at) = self.informed_at else {
            return verdict(Status::Unknown, State::Starting);
        };
        if now.since(informed_at) > thresholds.stale_after {
            return verdict(policy.stale.into(), State::Stale);
        }
        let Some(level) = self.settled else {
            return verdict(Status::Unknown, State::Starting);
        };
        let is_good = level == Level::Pass;
        let state = match self.streak {
            Streak::Transient(_) if is_good => State::Degrading,
            Streak::Good(good) if good < thresholds.rise && (!is_good || self.shaken) => {
                State::Recovering
            }
            Streak::Good(_) | Streak::None => State::Healthy,
            Streak::Transient(_) | Streak::Definitive => State::Unhealthy,
        };
        // What still works is worth no more than a warning.
        let doubts = [
            (
                matches!(state, State::Degrading | State::Recovering),
                Status::Warn.min(policy.outage.into()),
            ),
            (self.throttled > 0, policy.throttled.into()),
            (self.ending, Status::Warn.min(policy.forbidden.into())),
        ];
        let doubt = doubts.into_iter().filter(|(holds, _)| *holds);
        let doubt = doubt.map(|(_, status)| status).max();
        verdict(
            Status::from(level).max(doubt.unwrap_or(Status::Pass)),
            state,
        )
    }

    /// Whether any result, even an uninformative one, has been seen.
    #[must_use]
    pub fn has_result(&self) -> bool {
        self.informed_at.is_some() || self.throttled > 0
    }
}

fn verdict(status: Status, state: State) -> Verdict {
    Verdict { status, state }
}

impl Streak {
    fn next(self, weight: Weight) -> Self {
        match (weight, self) {
            (Weight::Good, Self::Good(n)) => Self::Good(n.saturating_add(1)),
            (Weight::Good, _) => Self::Good(1),
            (Weight::Transient(_), Self::Transient(n)) => Self::Transient(n.saturating_add(1)),
            (Weight::Transient(_), _) => Self::Transient(1),
            (Weight::Definitive(_), _) => Self::Definitive,
            (Weight::Throttled, same) => same,
        }
    }
}

fn settle(
    settled: Option<Level>,
    streak: Streak,
    weight: Weight,
    thresholds: &Thresholds,
) -> Option<Level> {
    match (weight, streak) {
        (Weight::Good, Streak::Good(good)) => match settled {
            Some(Level::Warn | Level::Fail) if good < thresholds.rise => settled,
            _ => Some(Level::Pass),
        },
        (Weight::Definitive(level), _) => Some(level),
        // An outage does not end a refusal: only successes do.
        (Weight::Transient(level), Streak::Transient(bad)) if bad >= thresholds.fall => {
            settled.max(Some(level))
        }
        _ => settled,
    }
}

fn weigh(finding: Finding, policy: HealthPolicy) -> Weight {
    let outcome = finding.outcome();
    match outcome.class() {
        None if matches!(finding, Finding::Forbidden(_)) => Weight::Definitive(policy.forbidden),
        None => Weight::Good,
        Some(Class::Unauthorized | Class::Credentials) => Weight::Definitive(policy.unauthorized),
        Some(Class::Misconfigured) => Weight::Definitive(policy.misconfigured),
        // Access works, and what is visible is nobody's concern.
        Some(Class::Visibility) if policy.visibility == Level::Pass => Weight::Good,
        Some(Class::Visibility) => Weight::Definitive(policy.visibility),
        Some(Class::Network | Class::Upstream | Class::Unreadable) => {
            Weight::Transient(policy.outage)
        }
        Some(Class::Throttled) => Weight::Throttled,
    }
}

/// The verdict about several operations or targets: the worst of them; unknown when there is none.
#[must_use]
pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts
        .into_iter()
        .max_by_key(|verdict| verdict.status)
        .unwrap_or(verdict(Status::Unknown, State::Starting))
}

#[cfg(test)]
mod tests;
