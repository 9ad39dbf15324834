//! When the next call is made.
//!
//! Pure: clocks and random numbers come in as arguments. A target keeps its slots across restarts
//! because they follow from its name, a late probe skips the slots it missed, and what a server
//! asks for in `Retry-After` is obeyed within limits.

use std::time::Duration;

/// Shortest and longest wait that a `Retry-After` may ask for.
pub const RETRY_AFTER_LIMITS: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_hours(1));

/// Targets probed for the first time per second after start, so that a fleet does not burst.
const FIRST_PROBES_PER_SECOND: u32 = 20;

/// The regular slots of one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Time from slot to slot.
    pub interval: Duration,
    /// Where in the interval the slots lie; a function of the target's name.
    pub offset: Duration,
    /// Largest deviation from a slot, as a fraction of the interval.
    pub jitter: f64,
}

impl Schedule {
    /// The schedule of the target `name`.
    #[must_use]
    pub fn new(name: &str, interval: Duration, jitter: f64) -> Self {
        Self {
            interval,
            offset: interval.mul_f64(fraction(name)),
            jitter: jitter.clamp(0.0, 0.2),
        }
    }

    /// The time after start at which a target among `targets` is probed for the first time.
    ///
    /// A single target is probed at once; a fleet is spread so that its first round neither
    /// bursts nor takes longer than one interval.
    #[must_use]
    pub fn first(&self, targets: usize) -> Duration {
        let others = u32::try_from(targets.saturating_sub(1)).unwrap_or(u32::MAX);
        let spread = Duration::from_secs(1) * others / FIRST_PROBES_PER_SECOND;
        let share = self.offset.as_secs_f64() / self.interval.as_secs_f64().max(f64::MIN_POSITIVE);
        spread.min(self.interval).mul_f64(share.clamp(0.0, 1.0))
    }

    /// The next time after `now` to probe; slots that have passed are skipped, never made up.
    ///
    /// `unit` is a random number in 0..1 that places the probe within the jitter. Two slots in a
    /// row are at least half an interval apart.
    #[must_use]
    pub fn next(&self, now: Duration, unit: f64) -> Duration {
        let slot = self.slot_after(now) * self.nanos() + self.offset.as_nanos();
        let slot = Duration::from_nanos(u64::try_from(slot).unwrap_or(u64::MAX));
        let shift = self.interval.mul_f64(self.jitter * unit.clamp(0.0, 1.0));
        slot.saturating_add(shift)
    }

    /// How many slots were passed over when a probe that was due at `due` is followed by one at
    /// `next`.
    #[must_use]
    pub fn skipped(&self, due: Duration, next: Duration) -> u64 {
        let slot = next.saturating_sub(self.offset).as_nanos() / self.nanos();
        let skipped = slot.saturating_sub(self.slot_after(due));
        u64::try_from(skipped).unwrap_or(u64::MAX)
    }

    /// The number of the slot that follows a probe at `time`.
    fn slot_after(&self, time: Duration) -> u128 {
        let earliest = time.saturating_add(self.interval / 2);
        let earliest = earliest.saturating_sub(self.offset).as_nanos();
        earliest.div_ceil(self.nanos())
    }

    fn nanos(&self) -> u128 {
        self.interval.as_nanos().max(1)
    }
}

/// Where a name lies in 0..1: stable over restarts and builds.
///
/// FNV-1a reads the name, and the finalizer of `MurmurHash3` spreads names that differ in one digit.
fn fraction(name: &str) -> f64 {
    let read = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (read ^ (read >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    let top = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
    f64::from(top) / (f64::from(u32::MAX) + 1.0)
}

/// Growing pauses between attempts: `base` doubled per failure, at most `cap`, half to all of it
/// chosen by `unit` (0..1) so that many clients do not return together.
#[must_use]
pub fn backoff(failures: u32, base: Duration, cap: Duration, unit: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let pause = base.saturating_mul(1 << doublings).min(cap);
    pause.mul_f64(f64::midpoint(1.0, unit.clamp(0.0, 1.0)))
}

/// What a server asked for, within [`RETRY_AFTER_LIMITS`].
#[must_use]
pub fn clamp_retry_after(asked: Duration) -> Duration {
    let (least, most) = RETRY_AFTER_LIMITS;
    asked.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    proptest! {
        #[test]
        fn only_what_was_missed_is_counted(
            name in "[a-z]{1,8}",
            targets in 1..1_000_usize,
            units in (0.0..1.0, 0.0..1.0),
            missed in 0..100_u32,
        ) {
            let schedule = Schedule::new(&name, INTERVAL, 0.2);
            let first = schedule.first(targets);
            let second = schedule.next(first, units.0);
            prop_assert_eq!(schedule.skipped(first, second), 0);
            // A round that ends late, but before half of the interval, misses nothing.
            let ends = second + INTERVAL / 4 + INTERVAL * missed;
            let third = schedule.next(ends, units.1);
            prop_assert_eq!(schedule.skipped(second, third), u64::from(missed));
        }
    }

    #[test]
    fn a_stop_of_ninety_seconds_skips_three_slots() {
        let schedule = Schedule {
            interval: INTERVAL,
            offset: Duration::ZERO,
            jitter: 0.0,
        };
        let [due, end] = [30, 121].map(Duration::from_secs);
        let next = schedule.next(end, 0.0);
        assert_eq!((next.as_secs(), schedule.skipped(due, next)), (150, 3));
        assert_eq!(schedule.skipped(due, due), 0);
        assert!(schedule.skipped(due, Duration::MAX) > 1_000_000);
    }

    #[test]
    fn one_target_is_probed_at_once_and_a_fleet_is_spread() {
        assert_eq!(
            Schedule::new("default", INTERVAL, 0.05).first(1),
            Duration::ZERO
        );
        let firsts: Vec<_> = (0..600)
            .map(|n| Schedule::new(&format!("target-{n}"), INTERVAL, 0.05).first(600))
            .collect();
        assert!(firsts.iter().all(|first| *first < INTERVAL));
        for second in 0..30 {
            let busy = firsts
                .iter()
                .filter(|first| first.as_secs() == second)
                .count();
            assert!(busy <= 40, "{busy} first probes in second {second}");
        }
    }

    #[test]
    fn a_small_fleet_begins_within_its_own_time() {
        let latest = (0..41)
            .map(|n| Schedule::new(&format!("target-{n}"), INTERVAL, 0.05).first(41))
            .max();
        let spread = Duration::from_secs(2);
        assert!(latest > Some(spread / 2) && latest <= Some(spread));
    }

    #[test]
    fn slots_are_the_same_after_a_restart() {
        let name = "prod-eu";
        assert_eq!(
            Schedule::new(name, INTERVAL, 0.0),
            Schedule::new(name, INTERVAL, 0.0)
        );
        assert_ne!(
            Schedule::new(name, INTERVAL, 0.0).offset,
            Schedule::new("prod-us", INTERVAL, 0.0).offset
        );
    }

    /// A build that hashed otherwise would move every probe of every fleet.
    #[test]
    fn slots_are_the_same_after_an_upgrade() {
        for (name, share) in [
            ("default", 3_564_143_840_u32),
            ("prod-eu", 2_720_920_563),
            ("prod-us", 3_760_343_886),
        ] {
            let whole = f64::from(u32::MAX) + 1.0;
            let off = fraction(name) * whole - f64::from(share);
            assert!(off.abs() < 0.5, "{name} is off by {off}");
        }
    }

    #[test]
    fn a_stall_skips_slots_instead_of_making_them_up() {
        let schedule = Schedule::new("default", Duration::from_secs(10), 0.0);
        let late = schedule.next(Duration::from_secs(5), 0.0) + Duration::from_secs(95);
        let next = schedule.next(late, 0.0);
        assert!(next > late);
        let after = schedule.next(next, 0.0);
        assert_eq!(after, next + Duration::from_secs(10));
    }

    #[test]
    fn backoff_doubles_to_its_cap() {
        let second = Duration::from_secs(1);
        let pause = |failures| backoff(failures, 2 * second, 60 * second, 1.0);
        assert_eq!(pause(0), 2 * second);
        assert_eq!(pause(1), 2 * second);
        assert_eq!(pause(2), 4 * second);
        assert_eq!(pause(6), 60 * second);
        assert_eq!(pause(u32::MAX), 60 * second);
    }

    proptest! {
        #[test]
        fn the_next_probe_is_always_later_and_never_too_late(
            name in "[a-z]{1,12}",
            interval in 1_u64..86_400,
            now in 0_u64..10_000_000,
            jitter in 0.0..0.3_f64,
            unit in 0.0..1.0_f64,
        ) {
            let interval = Duration::from_secs(interval);
            let now = Duration::from_secs(now);
            let next = Schedule::new(&name, interval, jitter).next(now, unit);
            prop_assert!(next >= now + interval / 2);
            prop_assert!(next <= now + interval.mul_f64(1.71));
        }

        #[test]
        fn backoff_stays_within_half_and_all_of_its_cap(failures: u32, unit in 0.0..1.0_f64) {
            let cap = Duration::from_mins(1);
            let pause = backoff(failures, Duration::from_secs(2), cap, unit);
            prop_assert!(pause >= Duration::from_secs(1) && pause <= cap);
        }

        #[test]
        fn any_retry_after_is_within_limits(seconds: u64) {
            let wait = clamp_retry_after(Duration::from_secs(seconds));
            prop_assert!(wait >= RETRY_AFTER_LIMITS.0 && wait <= RETRY_AFTER_LIMITS.1);
        }
    }
}
