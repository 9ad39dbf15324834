//! How many forced examinations may be made: a token bucket, as a function of time.

use std::time::Duration;

/// Forced examinations per second, over all targets.
const PER_SECOND: f64 = 5.0;
/// Forced examinations at once.
const BURST: f64 = 10.0;

/// A bucket that fills with time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    level: f64,
    filled_at: Duration,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            level: BURST,
            filled_at: Duration::ZERO,
        }
    }
}

impl Bucket {
    /// Takes `count` examinations, or says how long to wait for them.
    ///
    /// More than the burst can never be there at once: then a full bucket is enough, and is
    /// emptied.
    pub(super) fn take(&mut self, count: usize, now: Duration) -> Result<(), Duration> {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.level = passed.mul_add(PER_SECOND, self.level).min(BURST);
        self.filled_at = now;
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX)).min(BURST);
        if self.level < count {
            return Err(Duration::from_secs_f64((count - self.level) / PER_SECOND));
        }
        self.level -= count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_five_per_second() {
        let mut bucket = Bucket::default();
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
        let mut bucket = Bucket::default();
        let now = Duration::from_secs(100);
        assert_eq!(bucket.take(400, now), Ok(()));
        assert_eq!(bucket.take(400, now), Err(Duration::from_secs(2)));
    }
}
