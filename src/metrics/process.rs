//! The process's own metrics.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::IntCounter;
use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;

use super::vectors::opts;

/// Lines of the log that were not written. A process has one log, whatever it serves.
static LOG_LINES_DROPPED: AtomicU64 = AtomicU64::new(0);

/// Counts a line of the log that was not written: nobody reads it, or not fast enough.
pub fn log_line_dropped() {
    LOG_LINES_DROPPED.fetch_add(1, Ordering::Relaxed);
}

/// How many these were so far.
#[must_use]
pub fn log_lines_dropped() -> u64 {
    LOG_LINES_DROPPED.load(Ordering::Relaxed)
}

/// The metric of these lines.
pub(super) fn log_lines() -> Vec<MetricFamily> {
    let help =
        "Lines of the log that were not written, because nobody reads it, or not fast enough.";
    let Ok(counter) = IntCounter::with_opts(opts("log_lines_dropped_total", help)) else {
        return Vec::new();
    };
    counter.inc_by(log_lines_dropped());
    counter.collect()
}

/// Reading the process's files takes longer than all other metrics together; a scrape that comes
/// sooner than this after another one sees the same.
const KEPT: Duration = Duration::from_secs(1);

/// Memory, processor time and descriptors of this process, where the system tells them.
#[derive(Default)]
pub(super) struct Process(Mutex<Option<(Duration, Vec<MetricFamily>)>>);

impl Process {
    pub(super) fn families(&self, now: Duration) -> Vec<MetricFamily> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((read, families)) if now.saturating_sub(*read) < KEPT => families.clone(),
            _ => kept.insert((now, read())).1.clone(),
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

#[cfg(target_os = "linux")]
fn read() -> Vec<MetricFamily> {
    prometheus::process_collector::ProcessCollector::for_self().collect()
}

#[cfg(not(target_os = "linux"))]
fn read() -> Vec<MetricFamily> {
    Vec::new()
}
