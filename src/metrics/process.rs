//! The process's own metrics.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::proto::MetricFamily;

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
    use prometheus::core::Collector as _;
    prometheus::process_collector::ProcessCollector::for_self().collect()
}

#[cfg(not(target_os = "linux"))]
fn read() -> Vec<MetricFamily> {
    Vec::new()
}
