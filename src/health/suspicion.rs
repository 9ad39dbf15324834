//! Whether many failures have one common cause here.
//!
//! A machine that loses its network sees every platform fail at once, and no platform has anything
//! to do with it. Nothing proves that from here; but that platforms which know nothing of each other
//! become unreachable within one interval is less likely than a fault of what they have in common.

use std::collections::HashSet;
use std::time::Duration;

use super::{Health, Seen, Thresholds};
use crate::clock::Moment;
use crate::evidence::{Evidence, Exchange, Fault, FaultKind, Lack, Origin, TokenEvidence};

/// Hosts that must be affected. With one alone, its own outage and ours look the same, so that a
/// fleet with one host is never suspected.
const FEWEST_HOSTS: usize = 2;

/// What part of the targets must be affected: more than one in so many. Half of them can be one
/// region of two; most of them cannot.
const MORE_THAN_ONE_IN: usize = 2;

/// How one target stands, as the suspicion sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight<'a> {
    /// The host of its API; two targets of one host say the same.
    pub host: &'a str,
    /// Longest time until its probe notices a fault: its interval and a timeout.
    pub notices_within: Duration,
    /// Since when its probes reach nobody, on the monotonic clock; none while they do.
    pub unreached_since: Option<Duration>,
}

/// Whether a fault here is suspected; `before` is what was suspected until now.
///
/// It begins when most targets, on several hosts, became unreachable within the time in which the
/// last of them notices: those that had failed long before have a reason of their own. It ends when
/// most targets are reached again, or what is left concerns one host.
#[must_use]
pub fn is_suspected(before: bool, sights: &[Sight<'_>]) -> bool {
    let lost = |sight: &Sight<'_>| sight.unreached_since;
    let latest = sights.iter().filter(|one| lost(one).is_some());
    let latest = latest.max_by_key(|one| one.unreached_since);
    let Some((sight, latest)) = latest.and_then(|one| Some((one, lost(one)?))) else {
        return false;
    };
    let began = latest.saturating_sub(sight.notices_within);
    let is_together = |since: Duration| before || since >= began;
    let affected = sights
        .iter()
        .filter(|one| lost(one).is_some_and(is_together));
    let affected: Vec<&str> = affected.map(|one| one.host).collect();
    let hosts: HashSet<&str> = affected.iter().copied().collect();
    let count = affected.len().saturating_mul(MORE_THAN_ONE_IN);
    count > sights.len() && hosts.len() >= FEWEST_HOSTS
}

/// Whether the deciding call of a probe reached nobody at all: no name, no connection, or nothing
/// left here to make one with. Whatever came further shows that the network here works.
#[must_use]
pub fn reaches_nobody(evidence: &Evidence) -> bool {
    let Some((exchange, fault)) = deciding_fault(evidence) else {
        return false;
    };
    let phases = &exchange.phases;
    let by_kind = match fault.kind {
        FaultKind::Dns | FaultKind::Connect => true,
        FaultKind::Timeout => phases.tls.is_none() && phases.first_byte.is_none(),
        FaultKind::Tls | FaultKind::Reset => false,
    };
    match fault.origin {
        Origin::Machine(_) => true,
        // A handshake with the proxy is none with anybody beyond it.
        Origin::Proxy(_) => phases.first_byte.is_none(),
        Origin::Way => by_kind,
    }
}

/// Whether the deciding call of a probe failed because this process stood still meanwhile.
#[must_use]
pub fn stood_still(evidence: &Evidence) -> bool {
    let fault = deciding_fault(evidence).map(|(_, fault)| &fault.origin);
    fault == Some(&Origin::Machine(Lack::Processor))
}

fn deciding_fault(evidence: &Evidence) -> Option<(&Exchange, &Fault)> {
    let minting = match &evidence.token {
        TokenEvidence::Unavailable(failure) => failure.exchange.as_ref(),
        TokenEvidence::Unknown | TokenEvidence::Held(_) => None,
    };
    let exchange = evidence.last_probe().or(minting)?;
    let fault = exchange.result.as_ref().err()?;
    Some((exchange, fault))
}

/// What a row of results amounts to without those at its end that reached nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    without: Health,
    unreached_since: Option<Moment>,
}

impl Reach {
    /// Takes the next result into account; `is_unreached` if it reached nobody.
    #[must_use]
    pub fn observe(
        self,
        seen: Seen,
        is_unreached: bool,
        at: Moment,
        thresholds: &Thresholds,
    ) -> Self {
        if is_unreached {
            Self {
                unreached_since: self.unreached_since.or(Some(at)),
                ..self
            }
        } else {
            Self {
                without: self.without.observe(seen, at, thresholds),
                unreached_since: None,
            }
        }
    }

    /// Since when nobody is reached; none while somebody is.
    #[must_use]
    pub fn unreached_since(&self) -> Option<Moment> {
        self.unreached_since
    }

    /// How it stood before nobody was reached, if that is so and anything was known.
    #[must_use]
    pub fn before(&self) -> Option<Health> {
        let is_known = self.unreached_since.is_some() && self.without.has_result();
        is_known.then_some(self.without)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOSTS: [&str; 3] = ["eu.example", "us.example", "au.example"];

    fn sight(host: &str, unreached_since: Option<u64>) -> Sight<'_> {
        Sight {
            host,
            notices_within: Duration::from_secs(40),
            unreached_since: unreached_since.map(Duration::from_secs),
        }
    }

    #[test]
    fn most_targets_of_several_hosts_at_once_are_suspicious() {
        let [eu, us, au] = HOSTS;
        for (sights, expected, why) in [
            (vec![], false, "nothing is watched"),
            (vec![(eu, Some(9)), (us, Some(9))], true, "all at once"),
            (vec![(eu, Some(9)), (us, None)], false, "one of two hosts"),
            (vec![(eu, Some(9)), (eu, Some(9))], false, "one host alone"),
            (
                vec![(eu, Some(9)), (us, Some(30)), (au, None)],
                true,
                "two of three, within an interval",
            ),
            (
                vec![(eu, Some(9)), (us, Some(50)), (au, None)],
                false,
                "two of three, one long before the other",
            ),
            (
                vec![(eu, Some(9)), (us, Some(9)), (au, None), (au, None)],
                false,
                "half of them",
            ),
            (
                vec![(eu, Some(9)), (eu, Some(9)), (us, Some(2)), (au, None)],
                true,
                "most of them on two hosts",
            ),
        ] {
            let sights: Vec<_> = sights
                .into_iter()
                .map(|(host, at)| sight(host, at))
                .collect();
            assert_eq!(is_suspected(false, &sights), expected, "{why}");
        }
    }

    #[test]
    fn it_lasts_until_most_are_reached_again_or_one_host_is_left() {
        let [eu, us, au] = HOSTS;
        // One was reached for a moment in between.
        let still = [sight(eu, Some(9)), sight(us, Some(900)), sight(au, None)];
        assert!(is_suspected(true, &still));
        assert!(!is_suspected(false, &still));
        let one = [sight(eu, Some(9)), sight(eu, Some(9)), sight(us, None)];
        assert!(!is_suspected(true, &one));
        let few = [sight(eu, Some(9)), sight(us, None), sight(au, None)];
        assert!(!is_suspected(true, &few));
        assert!(!is_suspected(true, &[]));
    }

    fn sights() -> impl Strategy<Value = Vec<Sight<'static>>> {
        let one = (0..3_usize, proptest::option::of(0..200_u64));
        let one = one.prop_map(|(host, since)| sight(HOSTS[host], since));
        proptest::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn neither_one_host_nor_half_of_the_targets_is_ever_enough(
            sights in sights(),
            before: bool,
        ) {
            let lost: Vec<_> = sights.iter().filter(|it| it.unreached_since.is_some()).collect();
            let hosts: HashSet<_> = lost.iter().map(|it| it.host).collect();
            if hosts.len() < 2 || lost.len() * 2 <= sights.len() {
                prop_assert!(!is_suspected(before, &sights));
            }
        }

        #[test]
        fn the_order_says_nothing_and_what_began_does_not_end_by_more_of_it(
            sights in sights(),
            before: bool,
        ) {
            let mut turned = sights.clone();
            turned.reverse();
            prop_assert_eq!(is_suspected(before, &sights), is_suspected(before, &turned));
            if is_suspected(before, &sights) {
                let all: Vec<_> = sights
                    .iter()
                    .map(|it| Sight { unreached_since: it.unreached_since.or(Some(Duration::MAX)), ..*it })
                    .collect();
                prop_assert!(is_suspected(true, &sights));
                prop_assert!(is_suspected(true, &all));
            }
        }
    }
}
