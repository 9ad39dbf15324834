//! How much may be asked for: token buckets, as functions of time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A bucket that fills with time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: f64,
    burst: f64,
    level: f64,
    filled_at: Duration,
}

impl Bucket {
    /// Forced examinations, over all targets: ten at once, then five per second.
    pub(super) fn of_examinations() -> Self {
        Self::full(5.0, 10.0)
    }

    /// Calls to the platform that somebody asks for, per credential: thirty at once, then one per
    /// second. The platform allows 300 per minute and token, and the integration needs them itself.
    pub(super) fn of_calls() -> Self {
        Self::full(1.0, 30.0)
    }

    fn full(per_second: f64, burst: f64) -> Self {
        Self {
            per_second,
            burst,
            level: burst,
            filled_at: Duration::ZERO,
        }
    }

    /// Takes `count`, or says how long to wait for them.
    ///
    /// More than the burst can never be there at once: then a full bucket is enough, and is
    /// emptied.
    pub(super) fn take(&mut self, count: usize, now: Duration) -> Result<(), Duration> {
        let count = number(count).min(self.burst);
        self.wait_for(count, now)?;
        self.level -= count;
        Ok(())
    }

    /// Says how long to wait until there is one.
    pub(super) fn wait_for_one(&mut self, now: Duration) -> Result<(), Duration> {
        self.wait_for(1.0, now)
    }

    /// Takes what has been used, even if it is more than was there: it is waited for next time.
    pub(super) fn charge(&mut self, count: usize, now: Duration) {
        self.fill(now);
        self.level -= number(count);
    }

    fn wait_for(&mut self, count: f64, now: Duration) -> Result<(), Duration> {
        self.fill(now);
        if self.level < count {
            let missing = count - self.level;
            return Err(Duration::from_secs_f64(missing / self.per_second));
        }
        Ok(())
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.level = passed.mul_add(self.per_second, self.level).min(self.burst);
        self.filled_at = now;
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A bucket that several share. Whoever panicked while it held one left it as good as it was.
pub(super) fn locked(bucket: &Mutex<Bucket>) -> MutexGuard<'_, Bucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_five_per_second() {
        let mut bucket = Bucket::of_examinations();
        let now = Duration::from_secs(100);
        for _ in 0..10 {
            assert_eq!(bucket.take(1, now), Ok(()));
        }
        assert_eq!(bucket.take(1, now), Err(Duration::from_millis(200)));
        assert_eq!(bucket.take(1, now + Duration::from_millis(200)), Ok(()));
        assert!(bucket.take(1, now + Duration::from_millis(201)).is_err());
    }

    #[test]
    fn a_fleet_larger_than_the_burst_empties_the_bucket() {
        let mut bucket = Bucket::of_examinations();
        let now = Duration::from_secs(100);
        assert_eq!(bucket.take(400, now), Ok(()));
        assert_eq!(bucket.take(400, now), Err(Duration::from_secs(2)));
    }

    #[test]
    fn what_was_used_too_much_is_waited_for() {
        let mut bucket = Bucket::of_calls();
        let now = Duration::from_secs(100);
        bucket.charge(28, now);
        assert_eq!(bucket.wait_for_one(now), Ok(()));
        bucket.charge(7, now);
        // Five too many, and the one that is asked for.
        assert_eq!(bucket.wait_for_one(now), Err(Duration::from_secs(6)));
        assert_eq!(bucket.wait_for_one(now + Duration::from_secs(6)), Ok(()));
    }

    #[test]
    fn a_panic_beside_a_bucket_takes_it_from_nobody() {
        let shared = std::sync::Arc::new(Mutex::new(Bucket::of_calls()));
        let now = Duration::from_secs(100);
        let other = std::sync::Arc::clone(&shared);
        let ended = std::thread::spawn(move || {
            let mut bucket = locked(&other);
            bucket.charge(30, now);
            panic!("told by a test");
        });
        assert!(ended.join().is_err());
        assert!(shared.is_poisoned());
        assert!(locked(&shared).wait_for_one(now).is_err(), "it was charged");
    }
}
