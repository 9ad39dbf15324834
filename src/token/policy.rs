//! When a token is renewed and when it is no longer sent: functions of their arguments.

use std::time::Duration;

use crate::schedule::{backoff, clamp_retry_after};

/// Lifetime assumed when the token endpoint names none.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// A token that lives shorter than this is a failed attempt.
pub(super) const SHORTEST_LIFETIME: Duration = Duration::from_secs(10);
/// The longest lifetime that the platform can be set to; longer ones are not believed.
pub(super) const LONGEST_LIFETIME: Duration = Duration::from_hours(48);
/// A token is renewed after this time even when it lives longer.
const LONGEST_USE: Duration = Duration::from_hours(24);
/// Least time between two attempts, whatever happens.
pub(super) const FLOOR: Duration = Duration::from_secs(1);
/// Least time between two invalidations by 401.
const INVALIDATION_PAUSE: Duration = Duration::from_mins(1);
/// Most time between two invalidations by 401.
const LONGEST_INVALIDATION_PAUSE: Duration = Duration::from_mins(30);
/// Least time between two forced refreshes.
pub(super) const FORCED_PAUSE: Duration = Duration::from_secs(30);

/// Longest pause that an overload may ask for; a rate limit is known better by whoever sets it.
const LONGEST_OVERLOAD: Duration = Duration::from_mins(5);

/// For this long a token minted beside the cached one serves all experiments.
pub(super) const BESIDE_SHARED: Duration = Duration::from_mins(1);

/// Least time until the next token may be replaced because of a 401, when `fruitless`
/// replacements in a row were rejected without ever having been accepted.
///
/// Minting cannot cure such a 401, and too many tokens invalidate those of other processes.
pub(super) fn invalidation_pause(fruitless: u32) -> Duration {
    let factor = 5_u32.saturating_pow(fruitless.min(5));
    INVALIDATION_PAUSE
        .saturating_mul(factor)
        .min(LONGEST_INVALIDATION_PAUSE)
}

/// How long before its expiry a token is due for renewal.
fn window(lifetime: Duration) -> Duration {
    (lifetime / 2).min(Duration::from_mins(20))
}

/// How long after its issue a token is renewed.
///
/// The window before expiry is half the lifetime, at most 20 minutes; `unit` (0..1) moves the
/// start of the renewal later, by at most a fifth of the window, so that many processes do not
/// renew together.
pub(super) fn refresh_after(lifetime: Duration, unit: f64) -> Duration {
    let lifetime = lifetime.min(LONGEST_USE);
    let window = window(lifetime);
    let jitter = window.mul_f64(0.2 * unit.clamp(0.0, 1.0));
    lifetime.saturating_sub(window).saturating_add(jitter)
}

/// How long before its expiry a token is no longer sent: a call that carries it must be over by
/// then.
pub(super) fn never_send_margin(lifetime: Duration, call_timeout: Duration) -> Duration {
    let margin = Duration::from_secs(30).max(call_timeout.saturating_add(Duration::from_secs(5)));
    let most = if lifetime < Duration::from_mins(5) {
        lifetime / 10
    } else {
        window(lifetime) / 2
    };
    margin.min(most)
}

/// Failed attempts in a row of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failures {
    pub(super) kind: FailureKind,
    pub(super) count: u32,
}

/// What a failure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// Time may heal it.
    Transient,
    /// Somebody has to change something.
    Definitive,
    /// The token endpoint limits the rate.
    Throttled,
}

impl Failures {
    pub(super) const NONE: Self = Self {
        kind: FailureKind::Transient,
        count: 0,
    };

    /// One more failure; a failure of another kind begins to count anew.
    pub(super) fn and(self, kind: FailureKind) -> Self {
        let before = if self.kind == kind { self.count } else { 0 };
        Self {
            kind,
            count: before.saturating_add(1),
        }
    }
}

/// How much of what an answer with this status asks for in `Retry-After` is obeyed.
///
/// Only a rate limit and an overload may ask: whatever else sends the header, such as a gateway in
/// front, would keep an endpoint that works again from being asked.
pub(super) fn obeyed(status: u16, asked: Duration) -> Option<Duration> {
    match status {
        429 => Some(clamp_retry_after(asked)),
        503 => Some(clamp_retry_after(asked).min(LONGEST_OVERLOAD)),
        _ => None,
    }
}

/// The pause until the next attempt; what the server asked for counts when it is longer.
pub(super) fn pause(failures: Failures, asked: Option<Duration>, unit: f64) -> Duration {
    let seconds = Duration::from_secs;
    let (base, cap) = match failures.kind {
        FailureKind::Transient => (2, 60),
        FailureKind::Throttled => (30, 300),
        // At least a minute, so the base is twice that: a backoff is half to all of its value.
        FailureKind::Definitive => (120, 300),
    };
    let own = backoff(failures.count, seconds(base), seconds(cap), unit);
    own.max(asked.unwrap_or_default()).max(FLOOR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_is_renewed_in_its_last_twenty_minutes() {
        let day = Duration::from_hours(24);
        let minutes = |n| day.checked_sub(Duration::from_mins(n)).unwrap();
        assert_eq!(refresh_after(day, 0.0), minutes(20));
        assert_eq!(refresh_after(day, 1.0), minutes(16));
        assert_eq!(
            refresh_after(Duration::from_mins(5), 0.0),
            Duration::from_secs(150)
        );
    }

    #[test]
    fn the_margin_follows_the_timeout_and_short_lives() {
        let margin = |lifetime, timeout| {
            never_send_margin(Duration::from_secs(lifetime), Duration::from_secs(timeout)).as_secs()
        };
        assert_eq!(margin(86_400, 10), 30);
        assert_eq!(margin(86_400, 60), 65);
        assert_eq!(margin(100, 10), 10);
        assert_eq!(margin(300, 600), 75);
    }

    #[test]
    fn fruitless_replacements_become_rare() {
        let minutes = |fruitless| invalidation_pause(fruitless).as_secs() / 60;
        assert_eq!([0, 1, 2, 3, u32::MAX].map(minutes), [1, 5, 25, 30, 30]);
    }

    #[test]
    fn a_failure_of_another_kind_counts_anew() {
        let network = Failures::NONE
            .and(FailureKind::Transient)
            .and(FailureKind::Transient);
        assert_eq!(network.count, 2);
        assert_eq!(network.and(FailureKind::Definitive).count, 1);
    }

    #[test]
    fn a_definitive_failure_waits_a_minute_and_more() {
        for count in 1..10 {
            let kind = FailureKind::Definitive;
            let least = pause(Failures { kind, count }, None, 0.0);
            assert!(least >= Duration::from_mins(1) && least <= Duration::from_mins(5));
        }
    }

    proptest! {
        #[test]
        fn a_token_is_renewed_before_it_may_no_longer_be_sent(
            lifetime in 10_u64..200_000,
            timeout in 1_u64..60,
            unit in 0.0..1.0_f64,
        ) {
            let lifetime = Duration::from_secs(lifetime);
            let margin = never_send_margin(lifetime, Duration::from_secs(timeout));
            prop_assert!(refresh_after(lifetime, unit) + margin <= lifetime);
        }

        #[test]
        fn two_attempts_are_never_closer_than_the_floor(
            count: u32,
            unit in 0.0..1.0_f64,
            asked: Option<u32>,
        ) {
            let asked = asked.map(|asked| Duration::from_secs(asked.into()));
            for kind in [FailureKind::Transient, FailureKind::Definitive, FailureKind::Throttled] {
                let pause = pause(Failures { kind, count }, asked, unit);
                prop_assert!(pause >= FLOOR);
                prop_assert!(asked.is_none_or(|asked| pause >= asked));
            }
        }
    }
}
